"""History: what happened in the last minutes, in slots of two seconds. In memory, bounded, pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from worker.store.gauges import Depths, Measure, Tally

SPAN = 2000  #: ms of a slot
KEPT = 300  #: slots
MEASURED = 20  #: messages whose times are looked up, of each tally
_TIMES = 100  # kept of a slot, of each kind
_WINDOW = 5  # slots over which a percentile is taken: ten seconds
_LATELY = 30  # slots: a minute


@dataclass(slots=True)
class _Slot:
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # (type, account)
    times: defaultdict[Measure, list[tuple[str, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    depths: Depths | None = None


class History:
    """What one gateway knows. Slots are numbered by their time: ms since 1970 / SPAN."""

    def __init__(self) -> None:
        self._slots: dict[int, _Slot] = {}

    def note(self, depths: Depths) -> None:
        """Take in how much lies where; of a slot the last one counts."""
        self._at(depths.now // SPAN).depths = depths
        self._forget(depths.now // SPAN)

    def add(self, tally: Tally) -> None:
        """Take in what happened."""
        for count in tally.counts:
            self._at(count.slot).counts[count.type, count.account] += count.count
        for time in tally.times:
            kept = self._at(time.slot).times[time.what]
            if len(kept) < _TIMES:
                kept.append((time.account, time.ms))
        self._forget(tally.now // SPAN)

    def steps(self, first: int, last: int) -> list[dict[str, Any]]:
        """Return some slots ready for JSON, both ends included."""
        return [self._step(each) for each in range(max(first, last - KEPT + 1), last + 1)]

    def lately(self, last: int) -> dict[str, dict[str, Any]]:
        """Return what each account did within the minute that ends with a slot."""
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        answers: defaultdict[str, list[int]] = defaultdict(list)
        for slot in self._last(last, _LATELY):
            for (kind, account), count in slot.counts.items():
                counts[account][kind] += count
            for account, ms in slot.times["answer"]:
                answers[account].append(ms)
        return {
            name: {"counts": dict(found), "answer": percentiles(answers[name])}
            for name, found in counts.items()
        }

    def _step(self, number: int) -> dict[str, Any]:
        slot = self._slots.get(number, _Slot())
        counts: Counter[str] = Counter()
        for (kind, _), count in slot.counts.items():
            counts[kind] += count
        return {
            "slot": number,
            "counts": dict(counts),
            **{what: self._percentiles(number, what) for what in get_args(Measure)},
            **_depths(slot.depths),
        }

    def _percentiles(self, last: int, what: Measure) -> list[int] | None:
        found = [ms for slot in self._last(last, _WINDOW) for _, ms in slot.times[what]]
        return percentiles(found)

    def _last(self, last: int, many: int) -> Iterator[_Slot]:
        numbers = range(last - many + 1, last + 1)
        return (self._slots[each] for each in numbers if each in self._slots)

    def _at(self, number: int) -> _Slot:
        return self._slots.setdefault(number, _Slot())

    def _forget(self, newest: int) -> None:
        for old in [each for each in self._slots if each <= newest - KEPT]:
            del self._slots[old]


def percentiles(times: Sequence[int]) -> list[int] | None:
    """Return the median and the 95th percentile; None of nothing."""
    if not times:
        return None
    ordered = sorted(times)
    return [_rank(ordered, 0.5), _rank(ordered, 0.95)]


def _rank(ordered: Sequence[int], part: float) -> int:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def _depths(found: Depths | None) -> Mapping[str, Any]:
    if found is None:
        return {"ready": None, "age": None, "waiting": None}
    return {
        "ready": {stream: pile.ready for stream, pile in found.streams.items()},
        "age": ages(found),
        "waiting": found.waiting,
    }


def ages(found: Depths) -> dict[str, float]:
    """Return for how many seconds the first message of each stream is ready."""
    pairs: Iterable[tuple[str, int]] = ((s, pile.since) for s, pile in found.streams.items())
    return {s: max(0.0, (found.now - since) / 1000) if since else 0.0 for s, since in pairs}
