"""Routes: the order in which a stream's accounts are offered a message."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.delivery import routes

ACCOUNTS = ("a", "b", "c")


def order(
    weights: Sequence[float] | None = None,
    health: Mapping[str, float] | None = None,
    chance: float = 0.5,
) -> str:
    found = routes.order(
        ACCOUNTS, weights, lambda name: (health or {}).get(name, 1.0), lambda: chance
    )
    return "".join(found)


def test_a_list_is_its_own_order() -> None:
    assert order() == "abc"


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        ({"a": 0.6}, "abc"),
        ({"a": 0.4}, "bca"),
        ({"a": 0.4, "b": 0.1}, "cab"),
        ({"a": 0.3, "b": 0.2, "c": 0.1}, "abc"),
    ],
)
def test_an_ailing_account_steps_back_and_no_further(
    health: dict[str, float], expected: str
) -> None:
    assert order(health=health) == expected


@pytest.mark.parametrize(
    ("chance", "expected"), [(0.0, "abc"), (0.59, "abc"), (0.61, "bac"), (0.99, "cba")]
)
def test_weights_are_drawn_one_after_another(chance: float, expected: str) -> None:
    assert order((6, 3, 1), chance=chance) == expected


def test_weights_draw_in_proportion() -> None:
    rolls = random.Random(7)
    firsts = Counter(
        routes.order(ACCOUNTS, (6, 3, 1), lambda _: 1.0, rolls.random)[0] for _ in range(10_000)
    )

    assert firsts["a"] == pytest.approx(6000, rel=0.05)
    assert firsts["b"] == pytest.approx(3000, rel=0.08)
    assert firsts["c"] == pytest.approx(1000, rel=0.15)


def test_health_takes_from_a_weight() -> None:
    rolls = random.Random(7)
    health = {"a": 0.05}
    firsts = Counter(
        routes.order(ACCOUNTS, (1, 1, 1), lambda name: health.get(name, 1.0), rolls.random)[0]
        for _ in range(10_000)
    )

    assert firsts["a"] == pytest.approx(10_000 * 0.05 / 2.05, rel=0.2)
    assert firsts["b"] == pytest.approx(firsts["c"], rel=0.1)


@given(
    weights=st.one_of(st.none(), st.lists(st.floats(1e-6, 1e6), min_size=3, max_size=3)),
    health=st.lists(st.floats(0.05, 1.0), min_size=3, max_size=3),
    chance=st.floats(0, 1),
)
def test_every_account_is_offered_once(
    weights: list[float] | None, health: list[float], chance: float
) -> None:
    assert sorted(order(weights, dict(zip(ACCOUNTS, health, strict=True)), chance)) == [*ACCOUNTS]
