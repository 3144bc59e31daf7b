"""The tables of the vendors' codes, from the adapters: ``python -m docs.making.codes`` writes them.

They stand in docs/vendors/*.md, so that they can be read without building the site. A test holds
them to the adapters.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

from worker import vendors
from worker.vendors._operators import State
from worker.vendors.base import Code, Outcome, Vendor

PAGES = Path(__file__).parents[1] / "vendors"
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


def table(kind: type[Vendor], attribute: str) -> str:
    """Return one of an adapter's tables (codes, results, states) in Markdown."""
    listed: Mapping[str, Code | State] = getattr(kind, attribute)
    return "\n".join([*_head(attribute), *(_row(kind, *each) for each in listed.items())])


def fresh(text: str, name: str) -> str:
    """Return a vendor's page with its tables as the adapter has them now."""
    kind = adapter(name)
    return _MARK.sub(lambda found: f"{found[1]}\n{table(kind, found[2])}\n\n{found[3]}", text)


def pages() -> Iterator[tuple[str, Path]]:
    """Yield each vendor with its page."""
    yield from ((name, PAGES / f"{name}.md") for name in vendors.names())


def _head(attribute: str) -> tuple[str, str]:
    if attribute == "states":
        return "| state | means | the message is |", "|---|---|---|"
    return "| code | means | outcome | so |", "|---|---|---|---|"


def _row(kind: type[Vendor], code: str, found: Code | State) -> str:
    if isinstance(found, State):
        barred = "; no marketing to this number here any more" if found.barred else ""
        return f"| `{code}` | {found.reason or 'delivered'} | `{found.status}`{barred} |"
    so = NEXT[found.outcome]
    if windows := kind.windows.get(code):
        so += f" ({', then '.join(windows)})"
    if found.alarm or found.outcome is Outcome.SUSPENDED:
        so += "; a human is called"
    return f"| `{code}` | {found.reason or 'taken'} | {found.outcome.upper()} | {so} |"


def main() -> int:
    """Write every page that is not up to date."""
    for name, path in pages():
        text = path.read_text("utf-8")
        if (now := fresh(text, name)) != text:
            path.write_text(now, "utf-8")
            sys.stdout.write(f"{path.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
