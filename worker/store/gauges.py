"""The acts that only look: how much work lies where, and what happened how fast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from worker.contract.status import Stream
from worker.store import scripts
from worker.store.acts import Act

Measure = Literal["taken", "answer", "report"]


@dataclass(frozen=True, slots=True)
class Pile:
    """The ready work of one stream."""

    ready: int
    since: int  #: when the first became ready, ms since 1970; 0: none, or it is none any more
    rings: int  #: that nobody took yet


@dataclass(frozen=True, slots=True)
class Depths:
    """How much lies where. Times in ms since 1970; 0: none."""

    now: int  #: Redis's clock
    waiting: int
    due: int  #: when the first that waits is due
    overdue: int  #: those that should not wait any more
    unknown: int
    dead: int
    spool: int
    unreadable: int
    streams: Mapping[Stream, Pile]


def depths() -> Act[Depths]:
    """Read how much work lies where."""

    def read(answer: list[Any]) -> Depths:
        now, waiting, due, overdue, unknown, dead, spool, unreadable, *rest = answer
        rows = zip(Stream, rest[::3], rest[1::3], rest[2::3], strict=True)
        streams = {stream: Pile(*row) for stream, *row in rows}
        return Depths(now, waiting, due, overdue, unknown, dead, spool, unreadable, streams)

    return Act(scripts.load("depths"), tuple(Stream), read)


@dataclass(frozen=True, slots=True)
class Count:
    slot: int  #: which span of time since 1970
    type: str  #: of the events, see worker.contract.happenings
    account: str
    count: int


@dataclass(frozen=True, slots=True)
class Time:
    """How long one message took."""

    slot: int
    what: Measure
    #: taken: from when it might go until a vendor had it; answer: the vendor's; report: its report
    account: str
    ms: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What some events come to."""

    now: int  #: Redis's clock, ms since 1970
    place: str  #: behind the last one
    events: int
    counts: Sequence[Count]
    times: Sequence[Time]


def tally(place: str, most: int, *, measured: int, span: int) -> Act[Tally]:
    """Count up to ``most`` events behind a place; ``measured``: of how many messages times are
    looked up; ``span``: ms that are counted together."""

    def read(answer: list[Any]) -> Tally:
        now, end, events, counts, times = answer
        return Tally(
            now,
            end.decode(),
            events,
            [Count(s, kind.decode(), name.decode(), n) for s, kind, name, n in _rows(counts)],
            [Time(s, what.decode(), name.decode(), ms) for s, what, name, ms in _rows(times)],
        )

    return Act(scripts.load("tally"), (place, most, measured, span), read)


def _rows(flat: list[Any]) -> Sequence[tuple[Any, Any, Any, Any]]:
    return list(zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True))
