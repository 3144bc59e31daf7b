"""How long a balance lasts: what must hold for any history, and the cases people meet."""

from decimal import Decimal
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.contract.runway import Point, Runway, reckon

MINUTE, HOUR = 60_000, 3_600_000
NOW = 1_700_000_000_000

amounts = st.decimals(-(10**9), 10**9, places=3)
gaps = st.integers(1, 6 * HOUR)
histories = st.lists(st.tuples(gaps, amounts), max_size=40).map(
    lambda rows: [
        Point(at, amount)
        for at, (_, amount) in zip(accumulate(gap for gap, _ in rows), rows, strict=True)
    ]
)
falls = st.lists(st.tuples(gaps, st.integers(0, 10**6)), min_size=2, max_size=40)


def falling(per_hour: float, hours: float, *, left: int, step: int = 5 * MINUTE) -> list[Point]:
    """A balance that falls evenly and has so much left now."""
    count = int(hours * HOUR / step)
    return [
        Point(NOW - back * step, Decimal(left) + Decimal(per_hour) * back * step / HOUR)
        for back in range(count, -1, -1)
    ]


@settings(deadline=None)  # the machine may be busy
@given(histories, amounts, st.booleans())
def test_nothing_is_ever_negative_and_what_is_paid_afterwards_has_no_end(
    points: list[Point], amount: Decimal, postpaid: bool
) -> None:
    found = reckon(points, amount, postpaid=postpaid)

    assert found.per_day is None or found.per_day >= 0
    assert found.hours is None or found.hours >= 0
    assert not postpaid or found.hours is None


@settings(deadline=None)
@given(falls, st.data())
def test_a_top_up_is_no_burn(rows: list[tuple[int, int]], data: st.DataObject) -> None:
    """However much comes in, at whatever moment: what was used is no more than without it."""
    times = list(accumulate(gap for gap, _ in rows))
    left = [Decimal(-used) for used in accumulate(used for _, used in rows)]
    plain = [Point(at, amount) for at, amount in zip(times, left, strict=True)]
    place = data.draw(st.integers(1, len(plain) - 1))
    more = data.draw(st.integers(0, 10**9))
    topped = plain[:place] + [Point(each.at, each.amount + more) for each in plain[place:]]

    without, found = reckon(plain, Decimal(1)), reckon(topped, Decimal(1))

    assert (found.per_day is None) == (without.per_day is None)
    if found.per_day is not None and without.per_day is not None:
        assert 0 <= found.per_day <= without.per_day * (1 + 1e-9)
    assert found.hours is None or found.hours >= (without.hours or 0) * (1 - 1e-9)


@settings(deadline=None)
@given(
    st.integers(1, 100_000),
    st.integers(1, 10**6),
    st.lists(st.integers(1, HOUR), min_size=40, max_size=80),
)
def test_a_constant_burn_gives_the_exact_hours(
    per_hour: int, amount: int, steps: list[int]
) -> None:
    """Whenever it was asked: sooner, later, irregularly."""
    times = [0, *accumulate(steps), sum(steps) + HOUR]
    points = [Point(at, Decimal(10**9) - Decimal(per_hour * at) / HOUR) for at in times]

    found = reckon(points, Decimal(amount))

    assert found.hours == pytest.approx(amount / per_hour)
    assert found.per_day == pytest.approx(per_hour * 24)


@settings(deadline=None)
@given(histories, st.integers(1, 10**9), st.integers(0, 10**9))
def test_more_money_lasts_no_shorter(points: list[Point], amount: int, more: int) -> None:
    one, two = reckon(points, Decimal(amount)), reckon(points, Decimal(amount + more))

    assert (one.hours is None) == (two.hours is None)
    if one.hours is not None and two.hours is not None:
        assert one.hours <= two.hours * (1 + 1e-9)


@pytest.mark.parametrize(
    "points",
    [
        [],
        [Point(NOW, Decimal(5))],
        [Point(NOW - 29 * MINUTE, Decimal(9)), Point(NOW, Decimal(5))],
        [Point(NOW - 49 * HOUR, Decimal(9)), Point(NOW, Decimal(5))],
    ],
    ids=["none", "one", "too near", "too far"],
)
def test_without_enough_data_nothing_is_claimed(points: list[Point]) -> None:
    assert reckon(points, Decimal(5)) == Runway(None, None)


def test_what_is_used_up_lasts_no_time_whatever_is_known() -> None:
    assert reckon([], Decimal(0)).hours == 0.0
    assert reckon([], Decimal(-1)).hours == 0.0
    assert reckon([], Decimal(-1), postpaid=True).hours is None


def test_what_nobody_uses_has_no_end() -> None:
    assert reckon(falling(0, 24, left=100), Decimal(100)) == Runway(None, 0.0)


def test_a_surge_is_believed_for_six_hours_and_the_day_from_then_on() -> None:
    calm = [Point(each.at - HOUR, each.amount) for each in falling(10, 23, left=11_000)]
    surge = calm + falling(1000, 1, left=10_000)[1:]
    day = (23 * 10 + 1000) / 24

    assert reckon(surge, Decimal(3000)).hours == pytest.approx(3.0, rel=0.01)
    found = reckon(surge, Decimal(10_000)).hours
    assert found == pytest.approx(6 + (10_000 - 6000) / day, rel=0.02)


def test_a_quiet_hour_does_not_lengthen_it() -> None:
    busy = [Point(each.at - HOUR, each.amount) for each in falling(100, 23, left=1000)]
    quiet = busy + falling(0, 1, left=1000)

    assert reckon(quiet, Decimal(1000)).hours == pytest.approx(1000 / (2300 / 24), rel=0.01)
