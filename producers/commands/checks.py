"""A check: what was looked at, how it is, and what to do about it."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``xinshi doctor``."""

    check: str
    verdict: Verdict
    found: str
    advice: str = ""  #: what to do; empty where all is well


def ok(check: str, found: str) -> Check:
    return Check(check, "ok", found)


def warning(check: str, found: str, advice: str) -> Check:
    return Check(check, "warning", found, advice)


def error(check: str, found: str, advice: str) -> Check:
    return Check(check, "error", found, advice)


def worst(checks: list[Check]) -> Verdict:
    """Return the verdict on all of them."""
    verdicts = {each.verdict for each in checks}
    return "error" if "error" in verdicts else "warning" if "warning" in verdicts else "ok"
