"""Promptness: whether an account's delivery reports come as soon as usual. Pure; no clock.

An account whose reports stay away may have stopped to deliver, however politely it still answers.
What is compared is its own share of messages that were reported in time: the newest ones that are
old enough to be judged, at least thirty, against the median of the day before them. The share is
given the benefit of the doubt that so few samples leave, so chance alone moves next to nothing.
"""

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

SPAN = 300_000  # ms that are counted together, as _prompt.lua does

_ENOUGH = 30  # messages that are judged together, at least
_BEFORE = 4  # such groups that are needed to know what is usual
_LATELY = 3_600_000  # ms; where those thirty took longer, they say nothing about now
_RELIABLE = 0.3  # what is usual, at the least: an account that rarely reports shows nothing
_SIGMAS = 2.0
_SLOW = 0.7  # what is left of the usual share where it is clearly less
_LEAST = 0.05


class Span(NamedTuple):
    """What an account took within five minutes."""

    at: int  #: when they began, ms since 1970
    taken: int
    prompt: int  #: of them, those whose report came soon


@dataclass(frozen=True, slots=True)
class Promptness:
    """One account. Shares from 0 to 1; None: not enough is known."""

    share: float | None = None  #: of the messages of late that were reported in time
    usual: float | None = None  #: the same over the day before
    left: float | None = None  #: of the usual share, from above 0 to 1; None: it can't be judged

    @property
    def slow(self) -> bool:
        """Whether clearly fewer reports come in time than usually."""
        return self.left is not None and self.left < _SLOW


class _Reporting(Protocol):
    @property
    def reported(self) -> bool: ...


def counted(prompt: float, vendors: Mapping[str, _Reporting]) -> tuple[str, ...]:
    """Return the accounts whose reports are counted; ``prompt``: the setting, 0 for none."""
    return tuple(name for name, vendor in vendors.items() if prompt and vendor.reported)


def reckon(spans: Iterable[Span], now: int, within: float) -> Promptness:
    """Judge an account at ``now`` in ms; ``within``: seconds within which a report is prompt."""
    judged = now - int(within * 1000)  # the end of the last span that is complete
    known = sorted((each for each in spans if each.at + SPAN <= judged), reverse=True)
    groups = list(_groups(known))
    fresh = bool(groups) and groups[0].at >= judged - _LATELY
    before = [_share(each) for each in (groups[1:] if fresh else groups)]
    share = _share(groups[0]) if fresh else None
    usual = statistics.median(before) if len(before) >= _BEFORE else None
    if share is None or usual is None or usual < _RELIABLE:
        return Promptness(share, usual)
    return Promptness(share, usual, min(1.0, _at_best(groups[0]) / usual))


def shares(found: Mapping[str, Promptness]) -> dict[str, float]:
    """Return what each account's traffic is multiplied with, from 0.05 to 1; else 1.

    ``found``: all accounts that report. What all of them lost is the fault of none, but of our
    intake or of what the vendors push to: only what one lost beyond the others counts.
    """
    judged = {name: each.left for name, each in found.items() if each.left is not None}
    if not judged or len(found) == 1:
        return {}
    best = max(judged.values()) if len(judged) > 1 else 1.0
    return {name: max(_LEAST, left / best) for name, left in judged.items()}


def silent(found: Mapping[str, Promptness]) -> bool:
    """Return whether the reports of all accounts that can be judged stay away at once."""
    judged = [each for each in found.values() if each.left is not None]
    return all(each.slow for each in judged) and (len(judged) > 1 or len(judged) == len(found) == 1)


def _groups(spans: Sequence[Span]) -> Iterator[Span]:
    """Yield neighbours taken together until they are enough; ``at`` is the last one's."""
    taken = prompt = 0
    for each in spans:
        taken, prompt = taken + each.taken, prompt + each.prompt
        if taken >= _ENOUGH:
            yield Span(each.at, taken, prompt)
            taken = prompt = 0


def _share(found: Span) -> float:
    return min(1.0, found.prompt / found.taken)


def _at_best(found: Span) -> float:
    """Return the highest share that chance may have made this one of (Wilson's bound)."""
    share, doubt = _share(found), _SIGMAS**2 / found.taken
    spread = math.sqrt(share * (1 - share) * doubt + doubt**2 / 4)
    return (share + doubt / 2 + spread) / (1 + doubt)
