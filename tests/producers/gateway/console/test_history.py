"""The history of the last minutes: counted by slots, bounded, and never of the future."""

from itertools import pairwise

from producers.gateway.console.accounts import points
from producers.gateway.console.history import KEPT, SPAN, History, percentiles
from worker.contract.runway import Point
from worker.contract.status import Stream
from worker.store.gauges import Count, Depths, Pile, Tally, Time

NOW = 1_000_000 * SPAN


def tally(*counts: Count, times: tuple[Time, ...] = (), now: int = NOW) -> Tally:
    return Tally(now, "0-0", len(counts), counts, times)


def depths(now: int = NOW, ready: int = 0, since: int = 0) -> Depths:
    piles = {stream: Pile(ready, since, 0) for stream in Stream}
    return Depths(now, 3, 0, 0, 0, 0, 0, 0, piles)


def test_ten_minutes_are_kept_in_slots_of_two_seconds() -> None:
    assert (SPAN, SPAN * KEPT) == (2000, 600_000)


def test_what_happened_is_counted_by_slot_and_status() -> None:
    history = History()
    history.add(tally(Count(999_999, "submitted", "a", 2), Count(999_999, "submitted", "b", 3)))
    history.add(tally(Count(999_999, "rejected", "a", 1), Count(999_998, "submitted", "a", 7)))

    before, last = history.steps(999_998, 999_999)

    assert (before["slot"], before["counts"]) == (999_998, {"submitted": 7})
    assert last["counts"] == {"submitted": 5, "rejected": 1}


def test_a_slot_in_which_nobody_looked_has_no_depth_and_no_invented_one() -> None:
    history = History()
    history.note(depths(NOW, 5, NOW - 1500))

    nothing, seen = history.steps(999_999, 1_000_000)

    assert (nothing["ready"], nothing["age"], nothing["waiting"]) == (None, None, None)
    assert (seen["ready"]["otp"], seen["age"]["otp"], seen["waiting"]) == (5, 1.5, 3)
    assert (nothing["counts"], nothing["taken"]) == ({}, None)


def test_times_are_those_of_ten_seconds() -> None:
    history = History()
    for slot in range(10):
        history.add(tally(times=(Time(slot, "taken", "a", slot * 100),), now=10 * SPAN))

    (step,) = history.steps(9, 9)

    assert step["taken"] == [700, 900]
    assert step["report"] is None


def test_an_account_is_judged_by_its_last_minute() -> None:
    history = History()
    for slot in range(100):
        counts = [Count(slot, "submitted", "a", 1), Count(slot, "rejected", "b", 2)]
        times = (Time(slot, "answer", "a", slot), Time(slot, "report", "a", 9999))
        history.add(tally(*counts, times=times, now=100 * SPAN))

    found = history.lately(99)

    assert found["a"] == {"counts": {"submitted": 30}, "answer": [85, 98]}
    assert found["b"] == {"counts": {"rejected": 60}, "answer": None}


def test_ten_minutes_are_kept_and_no_more_however_long_it_runs() -> None:
    history = History()
    for slot in range(5 * KEPT):
        many = tuple(Time(slot, "taken", "a", 1) for _ in range(500))
        history.add(tally(Count(slot, "submitted", "a", 1), times=many, now=slot * SPAN))
        history.note(depths(slot * SPAN))

    assert len(history._slots) <= KEPT
    assert len(history._slots[5 * KEPT - 1].times["taken"]) == 100
    assert len(history.steps(0, 5 * KEPT - 1)) == KEPT


def test_a_percentile_of_few_is_one_of_them() -> None:
    assert percentiles([]) is None
    assert percentiles([7]) == [7, 7]
    assert percentiles([2, 1]) == [2, 2]
    assert percentiles(list(range(100))) == [50, 95]


def test_a_balances_points_are_thinned_evenly_and_the_newest_stays() -> None:
    found = points([Point(at, at * 2) for at in range(601)])  # type: ignore[arg-type]

    assert len(found) <= 60
    assert found[-1] == (600, 1200.0)
    assert len({two[0] - one[0] for one, two in pairwise(found)}) == 1
    assert points([]) == []
    assert points([Point(5, 1)]) == [(5, 1.0)]  # type: ignore[arg-type]
