"""Bounds: how many recipients a call may carry, as one process knows it."""

from typing import Any

from tests.store.conftest import Lab
from tests.worker.conftest import Asked, World, Worlds, answers, until
from worker.contract.errors import StoreError
from worker.contract.status import Status
from worker.delivery.bounds import HOLDS, Bounds
from worker.store import care
from worker.store.acts import Act
from worker.vendors.base import Response


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_without_a_bound_the_vendors_own_size_is_right() -> None:
    assert Bounds().of("a", 200) == 200


def test_only_a_smaller_bound_is_news() -> None:
    bounds = Bounds()

    assert [bounds.learn("a", each) for each in (100, 100, 150, 50)] == [True, False, False, True]
    assert bounds.of("a", 200) == 50
    assert bounds.of("a", 20) == 20
    assert bounds.of("b", 200) == 200


def test_a_bound_is_over_after_its_time() -> None:
    clock = Clock()
    bounds = Bounds(clock)
    bounds.learn("a", 50)

    clock.now += HOLDS - 1
    before = bounds.of("a", 200)
    clock.now += 1

    assert (before, bounds.of("a", 200)) == (50, 200)
    assert bounds.learn("a", 150)
    assert bounds.of("a", 200) == 150


def test_what_a_claim_tells_holds_for_as_long_as_it_says() -> None:
    clock = Clock()
    bounds = Bounds(clock)
    bounds.heed({"a": (50, 2000), "b": (10, 9000)})

    clock.now += 2.5

    assert (bounds.of("a", 200), bounds.of("b", 200)) == (200, 10)


def test_what_others_learned_does_not_widen_our_own() -> None:
    bounds = Bounds()
    bounds.learn("a", 50)

    bounds.heed({"a": (100, 60_000)})

    assert bounds.of("a", 200) == 50


# --- between processes ----------------------------------------------------------------------------

MANY: dict[str, Any] = {"vendors": {"one": {"adapter": "many"}}}


async def no_more_than_four(asked: Asked) -> Response:
    if len(asked.ids) > 4:
        return answers(*asked.ids, outcome="throttled", code="102", split=True)
    return answers(*asked.ids)


def sizes(pump: World) -> set[int]:
    return {len(asked.ids) for asked in pump.scripted.asked}


async def test_what_one_process_learned_another_never_asks(world: Worlds, lab: Lab) -> None:
    first, second = world(MANY, script=no_more_than_four), world(MANY, script=no_more_than_four)
    await first.send(16)
    await first.exhaust()
    await until(lambda: lab.state("one").get("bound") == "4", "the store knows the bound")

    ids = await first.send(16)
    await second.exhaust()

    assert sizes(first) == {8, 4}
    assert sizes(second) == {4}
    assert await second.all_are(ids, Status.SUBMITTED)


async def test_a_bound_that_is_over_is_learned_again(world: Worlds, lab: Lab) -> None:
    lab.run(care.bound("one", 2, HOLDS))
    lab.pass_time(int(HOLDS * 1000))
    pump = world(MANY, script=no_more_than_four)

    await pump.send(16)
    await pump.exhaust()

    assert sizes(pump) == {8, 4}


async def test_a_bound_that_the_store_did_not_take_holds_in_its_process(
    world: Worlds, lab: Lab
) -> None:
    pump = world(MANY, script=no_more_than_four)
    run = pump.store.run

    async def forgetful(act: Act[Any]) -> Any:
        if act.script.name == "bound":
            raise StoreError("Redis is away")
        return await run(act)

    pump.store.run = forgetful  # type: ignore[method-assign]

    await pump.send(24)
    await pump.exhaust()

    assert [len(asked.ids) for asked in pump.scripted.asked].count(4) == 24 / 4
    assert "bound" not in lab.state("one")
