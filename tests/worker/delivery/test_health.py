"""Health: a share moves away from an account that stands out, and drifts back."""

import pytest

from worker.delivery.health import Health


def told(found: Health, account: str, count: int, now: float = 0.0, **answer: float) -> None:
    for _ in range(count):
        failed = bool(answer.get("failed", 0))
        found.note(account, failed=failed, seconds=answer.get("seconds", 0.2), now=now)


@pytest.fixture
def found() -> Health:
    """Three accounts that do well."""
    made = Health(["a", "b", "c"])
    for each in "abc":
        told(made, each, 100)
    return made


def test_accounts_that_do_well_have_all_of_their_share(found: Health) -> None:
    assert [found.factor(each, 0) for each in "abc"] == [1, 1, 1]


def test_an_account_nobody_heard_of_yet_has_all_of_its_share() -> None:
    assert Health(["a"]).factor("a", 5) == 1


def test_errors_that_stand_out_cost_share_though_never_all_of_it(found: Health) -> None:
    told(found, "a", 12, failed=1)
    some = found.factor("a", 0)
    told(found, "a", 200, failed=1)

    assert 0.3 < some < 1
    assert found.factor("a", 0) == 0.05
    assert found.factor("b", 0) == found.factor("c", 0) == 1


def test_slow_answers_that_stand_out_cost_share(found: Health) -> None:
    told(found, "a", 100, seconds=9)

    assert found.factor("a", 0) == 0.05


def test_a_single_error_costs_nothing(found: Health) -> None:
    told(found, "a", 1, failed=1)

    assert found.factor("a", 0) == 1


@pytest.mark.parametrize("answer", [{"seconds": 8.0}, {"failed": 1.0}])
def test_where_all_do_badly_nothing_moves(answer: dict[str, float]) -> None:
    found = Health(["a", "b", "c"])
    for _ in range(200):
        for each in "abc":
            told(found, each, 1, **answer)

    assert [found.factor(each, 0) for each in "abc"] == [1, 1, 1]


def test_a_little_slower_than_very_fast_is_no_ailment(found: Health) -> None:
    told(found, "a", 100, seconds=0.9)

    assert found.factor("a", 0) == 1


def test_an_account_alone_has_nobody_to_stand_out_from() -> None:
    found = Health(["a", "b"])
    told(found, "a", 100, failed=1)

    assert found.factor("a", 0) == 1


def test_a_share_drifts_back_by_itself(found: Health) -> None:
    told(found, "a", 200, now=10, failed=1)

    assert found.factor("a", 10) == 0.05
    assert found.factor("a", 40) == pytest.approx(0.35)
    assert found.factor("a", 1000) == 1


def test_good_answers_cost_nothing_while_the_errors_before_them_are_remembered(
    found: Health,
) -> None:
    """An account that recovered must not stay small for as long as its average remembers."""
    told(found, "a", 200, now=0, failed=1)
    before = found.factor("a", 30)

    told(found, "a", 20, now=30)

    assert found.factor("a", 30) == pytest.approx(before)


def test_an_account_that_is_still_ill_loses_again(found: Health) -> None:
    told(found, "a", 200, now=0, failed=1)
    told(found, "a", 10, now=60, failed=1)

    assert found.factor("a", 60) < 0.3


def test_what_reports_leave_multiplies_with_the_rest(found: Health) -> None:
    found.weigh({"a": 0.5, "b": 0.05})
    told(found, "a", 12, failed=1)
    own = found.factor("a", 0) / 0.5

    assert 0.3 < own < 1
    assert [found.factor(each, 0) for each in "bc"] == [0.05, 1]

    told(found, "b", 200, failed=1)
    assert found.factor("b", 0) == 0.05, "never nothing"

    found.weigh({})
    assert found.factor("a", 0) == pytest.approx(own)
