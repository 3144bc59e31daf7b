"""The bell: codes are served the moment they come, by the loop itself."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from worker import bell
from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.status import Status, Stream
from worker.vendors.base import Response

from .conftest import Asked, World, Worlds, answers, until

BUSY = {"worker": {"in_flight": 40, "reserve": 8, "batch": 16}}


@asynccontextmanager
async def listening(world: World) -> AsyncIterator[None]:
    """Nobody rings here: what is served is served by the bell."""
    task = asyncio.create_task(bell.listen(world.store, world.pump.run))
    try:
        yield
    finally:
        world.pump.stop()
        task.cancel()
        await world.pump.drain()


async def test_a_code_is_served_without_a_ring(world: Worlds) -> None:
    pump = world()
    async with listening(pump):
        for number in range(3):
            await pump.send(1, stream=Stream.OTP)
            await until(partial(_submitted, pump, number + 1), "the code is submitted")


def _submitted(pump: World, count: int) -> bool:
    return len(pump.scripted.ids) == count


async def test_a_code_that_came_before_anybody_listened_is_served_at_once(world: Worlds) -> None:
    pump = world()
    codes = await pump.send(3, stream=Stream.OTP)

    async with listening(pump):
        await until(lambda: len(pump.scripted.ids) == 3, "the codes are submitted")

    assert await pump.all_are(codes, Status.SUBMITTED)


async def test_a_code_is_served_while_a_campaign_keeps_the_process_busy(world: Worlds) -> None:
    gate = asyncio.Event()
    codes: list[str] = []

    async def script(asked: Asked) -> Response:
        if asked.ids[0] not in codes:
            await gate.wait()
        return answers(*asked.ids)

    pump = world(BUSY, script=script)
    await pump.send(100)
    running = asyncio.create_task(pump.pump.run(Stream.NOTICE))
    await until(lambda: len(pump.scripted.asked) == 32, "the campaign waits for its answers")

    async with listening(pump):
        codes += await pump.send(1, stream=Stream.OTP)
        await until(lambda: codes[0] in pump.scripted.ids, "the code is submitted")
        gate.set()
        await running

    assert await pump.all_are(codes, Status.SUBMITTED)


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
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    pump, left = world(), [3]
    command: Callable[..., Any] = pump.store.command

    async def flaky(*words: Any) -> Any:
        if words[0] == "BLPOP" and left[0]:
            left[0] -= 1
            raise StoreError("Redis cannot be reached")
        return await command(*words)

    monkeypatch.setattr(bell, "_RECONNECT", 0.01)
    monkeypatch.setattr(pump.store, "command", flaky)
    with capture_logs() as logs:
        async with listening(pump):
            await pump.send(1, stream=Stream.OTP)
            await until(lambda: pump.scripted.ids, "the code is submitted")

    assert [each["act"] for each in logs if each["event"] == "store.lost"] == ["listen"]


async def test_who_stops_to_listen_submits_what_was_claimed(world: Worlds) -> None:
    claimed, gate = asyncio.Event(), asyncio.Event()
    pump = world()

    async def serve(stream: Stream) -> int:
        claimed.set()
        await gate.wait()
        return await pump.pump.run(stream)

    task = asyncio.create_task(bell.listen(pump.store, serve))
    (code,) = await pump.send(1, stream=Stream.OTP)
    await claimed.wait()

    task.cancel()
    gate.set()

    await until(lambda: code in pump.scripted.ids, "the code is submitted")
