"""The tables of the vendors' codes, from the adapters: ``python -m docs.making.codes`` writes them.

They stand in docs/vendors/*.md and, in Chinese, in docs/zh/vendors/*.md, so that they can be read
without building the site. A test holds them to the adapters.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from docs.making import chinese
from worker import vendors
from worker.vendors._operators import State
from worker.vendors.base import Code, Outcome, Vendor

DOCS = Path(__file__).parents[1]
_MARK = re.compile(r"(<!-- codes: (\w+) -->\n).*?(<!-- end of codes -->)", re.DOTALL)

NEXT: Mapping[Outcome, str] = {
    Outcome.SUBMITTED: "it is `submitted`",
    Outcome.REJECTED: "final: `rejected`",
    Outcome.BARRED: "final: `rejected`; no marketing to this number here any more",
    Outcome.CAPPED: "waits until the number's window ends",
    Outcome.THROTTLED: "again after a second or two; the account slows down",
    Outcome.UNAVAILABLE: "again, later and later; after two rather elsewhere",
    Outcome.SUSPENDED: "elsewhere at once; the account is left alone",
    Outcome.REFUSED: "once more, then rather elsewhere",
    Outcome.UNKNOWN: "`unknown`: never resent blindly",
}


def adapter(name: str) -> type[Vendor]:
    """Return the adapter of a vendor that comes with Xinshi."""
    found: type[Vendor] = import_module(f"worker.vendors.{name}").Adapter
    return found


@dataclass(frozen=True, slots=True)
class Words:
    """What the tables say, in one language; ``reasons`` are None where an adapter's own will do."""

    codes: tuple[str, ...]  #: the head of a table of codes
    states: tuple[str, ...]  #: the head of a table of a report's states
    next: Mapping[Outcome, str]
    reasons: Mapping[str, str] | None
    barred: str
    alarm: str
    windows: str  #: with {} for the windows, which ``then`` joins
    then: str

    def reason(self, said: str) -> str:
        return self.reasons[said] if self.reasons is not None else said


ENGLISH = Words(
    codes=("code", "means", "outcome", "so"),
    states=("state", "means", "the message is"),
    next=NEXT,
    reasons=None,
    barred="; no marketing to this number here any more",
    alarm="; a human is called",
    windows=" ({})",
    then=", then ",
)
CHINESE = Words(
    codes=("返回码", "意思", "结果", "下一步"),
    states=("状态", "意思", "短信变为"),
    next=chinese.NEXT,
    reasons=chinese.REASONS,
    barred="；这里不再向该号码发营销短信",
    alarm="；通知人",
    windows="（{}）",
    then="，然后 ",
)
FOLDERS: Mapping[Path, Words] = {DOCS / "vendors": ENGLISH, DOCS / "zh" / "vendors": CHINESE}


def table(kind: type[Vendor], attribute: str, words: Words) -> str:
    """Return one of an adapter's tables (codes, results, states) in Markdown."""
    listed: Mapping[str, Code | State] = getattr(kind, attribute)
    head = words.states if attribute == "states" else words.codes
    rows = [head, ("---",) * len(head), *(_row(kind, *each, words) for each in listed.items())]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], lines[1].replace(" ", ""), *lines[2:]])


def fresh(text: str, name: str, words: Words) -> str:
    """Return a vendor's page with its tables as the adapter has them now."""
    kind = adapter(name)
    return _MARK.sub(
        lambda found: f"{found[1]}\n{table(kind, found[2], words)}\n\n{found[3]}", text
    )


def pages() -> Iterator[tuple[str, Path, Words]]:
    """Yield each vendor with its page, in each language."""
    for folder, words in FOLDERS.items():
        yield from ((name, folder / f"{name}.md", words) for name in vendors.names())


def _row(kind: type[Vendor], code: str, found: Code | State, words: Words) -> tuple[str, ...]:
    if isinstance(found, State):
        becomes = f"`{found.status}`{words.barred if found.barred else ''}"
        return f"`{code}`", words.reason(found.reason or "delivered"), becomes
    so = words.next[found.outcome]
    if windows := kind.windows.get(code):
        so += words.windows.format(words.then.join(windows))
    if found.alarm or found.outcome is Outcome.SUSPENDED:
        so += words.alarm
    return f"`{code}`", words.reason(found.reason or "taken"), found.outcome.upper(), so


def main() -> int:
    """Write every page that is not up to date."""
    for name, path, words in pages():
        text = path.read_text("utf-8")
        if (now := fresh(text, name, words)) != text:
            path.write_text(now, "utf-8")
            sys.stdout.write(f"{path.relative_to(DOCS)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
