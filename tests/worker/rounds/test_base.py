"""Rounds: one at a time."""

import asyncio

import pytest

from tests.worker.conftest import Worlds
from worker.contract.errors import StoreError
from worker.rounds.base import Rounds


@pytest.fixture
def rounds(world: Worlds) -> Rounds:
    found = world()
    return Rounds(found.settings, found.vendors, found.store, found.transport)


async def test_a_tick_that_comes_during_a_round_begins_no_other(rounds: Rounds) -> None:
    gate, begun = asyncio.Event(), 0

    async def look() -> int:
        nonlocal begun
        begun += 1
        await gate.wait()
        return 5

    first = asyncio.create_task(rounds._alone(look))
    await asyncio.sleep(0)
    during = await rounds._alone(look)
    gate.set()

    assert (during, await first, begun) == (0, 5, 1)
    assert await rounds._alone(look) == 5


async def test_a_round_that_failed_keeps_no_later_one_out(rounds: Rounds) -> None:
    async def fails() -> int:
        raise StoreError("away")

    async def works() -> int:
        return 1

    with pytest.raises(StoreError):
        await rounds._alone(fails)

    assert await rounds._alone(works) == 1
