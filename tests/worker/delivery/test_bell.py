"""The bell: codes are served the moment they come, by the loop itself."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
import redis
from structlog.testing import capture_logs

from tests.worker.conftest import Asked, World, Worlds, answers, until
from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.status import Status, Stream
from worker.delivery import bell
from worker.vendors.base import Response

BULK = "周末全场八折"
BUSY = {"worker": {"in_flight": 40, "reserve": 8, "batch": 16}}


@asynccontextmanager
async def listening(world: World) -> AsyncIterator[None]:
    """Nobody rings here: what is served is served by the bell."""
    task = asyncio.create_task(bell.listen(world.store, world.pump.run, world.pump.busy))
    try:
        yield
    finally:
        task.cancel()


@pytest_asyncio.fixture
async def campaign(world: Worlds) -> AsyncIterator[World]:
    """A process that a campaign keeps busy: nobody answers it, and codes are answered at once."""
    over = asyncio.Event()

    async def script(asked: Asked) -> Response:
        if asked.text == BULK:
            await over.wait()
        return answers(*asked.ids)

    made = world(BUSY, script=script)
    await made.send(100, text=lambda _: BULK)
    running = asyncio.create_task(made.pump.run(Stream.NOTICE))
    await until(lambda: len(made.scripted.asked) == 32, "the campaign waits for its answers")
    yield made
    over.set()
    await running
    await made.pump.drain()


async def test_a_code_is_served_without_a_ring_while_a_campaign_goes_on(campaign: World) -> None:
    async with listening(campaign):
        for number in range(3):
            (code,) = await campaign.send(1, stream=Stream.OTP)
            await until(partial(_submitted, campaign, 33 + number), "the code is submitted")
            assert campaign.scripted.ids[-1] == code


def _submitted(pump: World, count: int) -> bool:
    return len(pump.scripted.ids) == count


async def test_a_code_that_came_before_anybody_listened_is_served_at_once(
    campaign: World,
) -> None:
    codes = await campaign.send(3, stream=Stream.OTP)

    async with listening(campaign):
        await until(lambda: campaign.all_are(codes, Status.SUBMITTED), "the codes are submitted")


async def test_where_nothing_else_is_served_codes_are_left_to_their_ring(
    world: Worlds, rings: Callable[[Stream], int]
) -> None:
    """There the ring is as fast, and Flower shows it with its count."""
    pump = world()
    async with listening(pump):
        await pump.send(1, stream=Stream.OTP)

        assert rings(Stream.OTP)
        assert await pump.pump_once(Stream.OTP) == 1


async def test_a_process_that_serves_no_codes_leaves_them_to_others(world: Worlds) -> None:
    pump = world(BUSY)
    await pump.send(100)
    (code,) = await pump.send(1, stream=Stream.OTP)

    await pump.exhaust()
    await pump.pump.drain()

    assert len(pump.scripted.asked) == 100
    assert await pump.all_are([code], Status.ACCEPTED)


async def test_other_streams_do_not_sound_the_bell(world: Worlds, raw: "redis.Redis") -> None:
    await world().send(5, stream=Stream.NOTICE)
    await world().send(5, stream=Stream.MARKETING)

    assert raw.llen(keys.BELL) == 0


async def test_the_bell_holds_a_few_wake_ups_however_many_codes_come(
    world: Worlds, raw: "redis.Redis"
) -> None:
    pump = world()
    for _ in range(20):
        await pump.send(1, stream=Stream.OTP)

    assert raw.llen(keys.BELL) == 4


async def test_who_listens_goes_on_after_redis_was_away_and_says_so_once(
    campaign: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [3]
    command: Callable[..., Any] = campaign.store.command

    async def flaky(*words: Any) -> Any:
        if words[0] == "BLPOP" and left[0]:
            left[0] -= 1
            raise StoreError("Redis cannot be reached")
        return await command(*words)

    monkeypatch.setattr(bell, "_RECONNECT", 0.01)
    monkeypatch.setattr(campaign.store, "command", flaky)
    with capture_logs() as logs:
        async with listening(campaign):
            await campaign.send(1, stream=Stream.OTP)
            await until(partial(_submitted, campaign, 33), "the code is submitted")

    assert [each["act"] for each in logs if each["event"] == "store.lost"] == ["listen"]


async def test_who_stops_to_listen_submits_what_was_claimed(world: Worlds) -> None:
    claimed, gate, busy = asyncio.Event(), asyncio.Event(), asyncio.Event()
    pump = world()
    busy.set()

    async def serve(stream: Stream) -> int:
        claimed.set()
        await gate.wait()
        return await pump.pump.run(stream)

    task = asyncio.create_task(bell.listen(pump.store, serve, busy))
    (code,) = await pump.send(1, stream=Stream.OTP)
    await claimed.wait()

    task.cancel()
    gate.set()

    await until(lambda: code in pump.scripted.ids, "the code is submitted")
