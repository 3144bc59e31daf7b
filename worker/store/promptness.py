"""The act that reads how many of an account's messages had their reports soon."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.contract.promptness import SPAN, Promptness, Span, reckon
from worker.store import scripts
from worker.store.acts import Act


@dataclass(frozen=True, slots=True)
class Counted:
    """What one server counted."""

    now: int  #: Redis's clock, ms since 1970
    accounts: Mapping[str, Sequence[Span]]


def read(accounts: Sequence[str]) -> Act[Counted]:
    """Read what was counted of accounts."""

    def parse(answer: list[Any]) -> Counted:
        now, *kept = answer
        rows = zip(accounts, kept, strict=True)
        return Counted(now, {name: _spans(flat) for name, flat in rows})

    return Act(scripts.load("promptness"), tuple(accounts), parse)


def judge(counted: Sequence[Counted], within: float) -> dict[str, Promptness]:
    """Judge accounts by what all servers counted; ``within``: seconds in which a report is prompt.

    Each of them names the same accounts.
    """
    names = counted[0].accounts if counted else ()
    now = max((each.now for each in counted), default=0)
    return {
        name: reckon(_added(span for each in counted for span in each.accounts[name]), now, within)
        for name in names
    }


def _added(spans: Iterable[Span]) -> list[Span]:
    """Return one span for each time."""
    sums: dict[int, Span] = {}
    for each in spans:
        before = sums.get(each.at, Span(each.at, 0, 0))
        sums[each.at] = Span(each.at, before.taken + each.taken, before.prompt + each.prompt)
    return list(sums.values())


def _spans(flat: list[bytes]) -> list[Span]:
    counts: Mapping[int, dict[bytes, int]] = defaultdict(dict)
    for field, count in zip(flat[::2], flat[1::2], strict=True):
        what, _, number = field.partition(b":")
        counts[int(number)][what] = int(count)
    return [
        Span(number * SPAN, each.get(b"taken", 0), each.get(b"prompt", 0))
        for number, each in counts.items()
    ]
