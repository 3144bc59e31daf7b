"""Promptness as it is shown: how many of an account's reports come in time, and usually."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.contract.health import AILING
from worker.contract.promptness import Promptness, shares, silent
from worker.contract.settings import Settings
from worker.store.acts import Act
from worker.store.promptness import Counted, judge, read

_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Prompt:
    """One account that reports."""

    found: Promptness
    within: float  #: seconds in which a report counts as prompt
    factor: float = 1.0  #: what its traffic is multiplied with for it

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "share": _rounded(self.found.share),
            "usual": _rounded(self.found.usual),
            "within_seconds": round(self.within, 3),
            "slow": self.found.slow,
            "steps_back": self.factor < AILING,
        }

    @property
    def text(self) -> str:
        """Both shares in plain words; empty where too little is known."""
        if self.found.share is None:
            return ""
        usual = "" if self.found.usual is None else f", usually {_percent(self.found.usual)}"
        return f"reports {_percent(self.found.share)} within {_span(self.within)}{usual}"


def asked(described: Sequence[Mapping[str, Any]]) -> Act[Counted]:
    """Return what to ask each server about the accounts of a list, as ``describe`` makes it."""
    return read([each["name"] for each in described if each["reports"]])


def known(settings: Settings, counted: Sequence[Counted]) -> Mapping[str, Prompt]:
    """Judge what was counted, on each server; empty where nobody counts."""
    within = settings.health.prompt
    found = judge(counted, within) if within else {}
    factors = shares(found)
    return {name: Prompt(each, within, factors.get(name, 1.0)) for name, each in found.items()}


def all_silent(told: Mapping[str, Prompt]) -> bool:
    """Return whether the reports of all accounts that can be judged stay away at once."""
    return silent({name: each.found for name, each in told.items()})


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _span(seconds: float) -> str:
    return f"{seconds / _MINUTE:g} min" if seconds >= _MINUTE else f"{seconds:g} s"


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
