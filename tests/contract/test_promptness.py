"""Promptness: an account's newest messages against its own day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.contract.promptness import SPAN, Promptness, Span, counted, reckon, shares, silent

WITHIN = 600.0
NOW = 6_000_000 * SPAN + 120_000  # two minutes into five
NEWEST = 6_000_000 * SPAN - 3 * SPAN  # the last five minutes that ended ten minutes ago
USUAL = Span(0, 200, 194)  # 97 %


def spans(newest: Sequence[Span], before: int = 24, usual: Span = USUAL) -> list[Span]:
    """Five minutes each without a gap, the newest first; then the day as usual."""
    found = [*newest, *[usual] * before]
    return [each._replace(at=NEWEST - place * SPAN) for place, each in enumerate(found)]


def judged(*newest: Span, before: int = 24, usual: Span = USUAL) -> Promptness:
    return reckon(spans(newest, before, usual), NOW, WITHIN)


def test_an_account_that_does_as_ever_has_all_of_its_share() -> None:
    found = judged(USUAL)

    assert (found.share, found.usual, found.left) == (0.97, 0.97, 1.0)
    assert not found.slow


def test_an_account_gone_silent_has_next_to_nothing_left() -> None:
    found = judged(Span(0, 200, 0))

    assert (found.share, found.usual) == (0.0, 0.97)
    assert found.left is not None
    assert 0 < found.left < 0.05
    assert found.slow


def test_half_the_reports_leave_about_half() -> None:
    found = judged(Span(0, 1000, 485))

    assert found.left == pytest.approx(0.5, abs=0.05)


def test_a_slip_that_chance_explains_costs_nothing() -> None:
    """Thirty messages, of which usually one is late: two or three are no sign."""
    assert judged(Span(0, 30, 28)).left == 1.0
    assert judged(Span(0, 30, 27)).left == pytest.approx(1.0, abs=0.01)


def test_what_is_too_young_to_be_judged_is_left_out() -> None:
    young = [Span(NEWEST + place * SPAN, 500, 0) for place in (1, 2, 3)]

    assert reckon([*young, *spans([USUAL])], NOW, WITHIN).left == 1.0


def test_five_minutes_are_judged_as_soon_as_the_last_of_them_is_old_enough() -> None:
    newest = spans([Span(0, 200, 0)])
    end = NEWEST + SPAN + int(WITHIN * 1000)

    assert reckon(newest, end - 1, WITHIN).left == 1.0
    assert reckon(newest, end, WITHIN).slow


def test_few_messages_are_judged_together_until_they_are_enough() -> None:
    few = judged(*[Span(0, 6, 1)] * 5)

    assert few.share == pytest.approx(1 / 6)
    assert few.slow


def test_messages_of_more_than_an_hour_say_nothing_about_now() -> None:
    found = judged(*[Span(0, 1, 0)] * 14)

    assert (found.share, found.left) == (None, None)
    assert found.usual == 0.97


def test_an_account_that_rests_is_not_judged_by_what_was() -> None:
    late = reckon(spans([Span(0, 200, 0)]), NOW + 2 * 3_600_000, WITHIN)

    assert (late.share, late.left) == (None, None)


def test_without_a_day_before_nothing_is_usual() -> None:
    found = judged(Span(0, 200, 0), before=3)

    assert (found.share, found.usual, found.left) == (0.0, None, None)


def test_an_account_whose_reports_are_rare_anyway_is_not_judged() -> None:
    assert judged(Span(0, 200, 0), usual=Span(0, 200, 58)).left is None


def test_hours_of_silence_become_usual_only_when_they_are_most_of_the_day() -> None:
    silence = [Span(0, 200, 0)] * 11

    assert judged(*silence, before=12).slow
    assert judged(*silence, before=8).left is None


def test_nothing_known_is_nothing_said() -> None:
    assert reckon([], NOW, WITHIN) == Promptness()


counts = st.integers(0, 400).flatmap(lambda taken: st.tuples(st.just(taken), st.integers(0, taken)))
days = st.lists(counts, max_size=40).map(
    lambda found: spans([Span(0, taken, prompt) for taken, prompt in found], before=0)
)


@given(day=days)
def test_a_share_is_from_nothing_to_all_and_left_with_it(day: list[Span]) -> None:
    found = reckon(day, NOW, WITHIN)

    for each in (found.share, found.usual):
        assert each is None or 0 <= each <= 1
    assert found.left is None or 0 < found.left <= 1
    if found.left is not None:
        assert found.share is not None
        assert found.usual is not None
        assert found.left == 1 or found.share < found.usual


@given(day=days, data=st.data())
def test_the_order_of_the_spans_is_no_matter(day: list[Span], data: st.DataObject) -> None:
    assert reckon(data.draw(st.permutations(day)), NOW, WITHIN) == reckon(day, NOW, WITHIN)


@given(first=counts, second=counts)
def test_more_prompt_reports_never_leave_less(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    taken = max(first[0], 30)
    lower, higher = sorted((first[1], second[1]))
    one, other = (judged(Span(0, taken, min(each, taken))).left for each in (lower, higher))

    assert one is not None
    assert other is not None
    assert one <= other


@given(prompt=st.integers(0, 20), more=st.integers(1, 40))
def test_the_same_share_of_more_messages_is_surer(prompt: int, more: int) -> None:
    few, many = (judged(Span(0, 40 * times, prompt * times)).left for times in (1, more))

    assert few is not None
    assert many is not None
    assert many <= few + 1e-9


def left(**found: float | None) -> dict[str, Promptness]:
    return {name: Promptness(0.5, 0.5, each) for name, each in found.items()}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (left(a=0.2, b=1.0), {"a": 0.2, "b": 1.0}),
        (left(a=0.0001, b=1.0), {"a": 0.05, "b": 1.0}),
        (left(a=0.2, b=None), {"a": 0.2}),
        (left(a=0.2), {}),
        (left(a=None, b=None), {}),
        ({}, {}),
        (left(a=0.01, b=0.01), {"a": 1.0, "b": 1.0}),
        (left(a=0.2, b=0.4, c=0.8), {"a": 0.25, "b": 0.5, "c": 1.0}),
    ],
)
def test_what_all_lost_is_nobodys_fault(
    found: Mapping[str, Promptness], expected: dict[str, float]
) -> None:
    assert shares(found) == pytest.approx(expected)


@given(st.dictionaries(st.sampled_from("abcd"), st.none() | st.floats(1e-6, 1.0)))
def test_a_share_is_never_nothing_and_the_best_keep_all(found: dict[str, float | None]) -> None:
    given_, made = left(**found), shares(left(**found))

    assert all(0.05 <= each <= 1 for each in made.values())
    known = [each.left for each in given_.values() if each.left is not None]
    if len(known) > 1:
        assert max(made.values()) == 1


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (left(a=0.1, b=0.2), True),
        (left(a=0.1, b=0.2, c=None), True),
        (left(a=0.1, b=0.9), False),
        (left(a=0.1), True),
        (left(a=0.9), False),
        (left(a=0.1, b=None), False),
        (left(a=None), False),
        ({}, False),
    ],
)
def test_silence_is_where_nobody_is_left_to_compare_with(
    found: Mapping[str, Promptness], expected: bool
) -> None:
    assert silent(found) is expected


@dataclass
class Adapter:
    reported: bool


def test_only_accounts_that_report_are_counted_and_none_where_it_is_off() -> None:
    vendors = {"a": Adapter(reported=True), "b": Adapter(reported=False)}

    assert counted(WITHIN, vendors) == ("a",)
    assert counted(0.0, vendors) == ()
