"""One process's parts, driven from threads as Celery drives them."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from worker.contract.errors import SettingsError
from worker.contract.settings import parse
from worker.contract.status import Status, Stream
from worker.process import Process
from worker.vendors.base import Response

from .conftest import PATIENCE, Asked, Listening, Serve, Worlds, answers, until

Start = Callable[..., Process]
DEAD = "redis://127.0.0.1:1/0"


def table(url: str = "http://127.0.0.1:1", **more: Any) -> dict[str, Any]:
    keys = {"adapter": "zhenzi", "base_url": url, "app_id": "1", "app_secret": "2"}
    return {"vendors": {"one": keys}, **more}


@pytest.fixture
def start(redis_url: str) -> Iterator[Start]:
    """A factory of started processes."""
    made: list[Process] = []

    def make(*, redis: str = redis_url, **more: Any) -> Process:
        process = Process(parse({"redis_url": redis, **table(**more)}))
        process.start()
        made.append(process)
        return process

    yield make
    for process in made:
        process.stop()


async def _answer(
    seen: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while True:
        await seen.request(reader)
        await asyncio.sleep(0.1)
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{"code":0,"data":"ok"}')
        await writer.drain()


async def test_a_ring_from_a_thread_submits_and_settles(
    start: Start, serve: Serve, world: Worlds
) -> None:
    vendor = await serve(_answer)
    process = start(url=vendor.url)
    ids = await world().send(20)

    claimed = await asyncio.to_thread(process.submit, Stream.NOTICE)
    await asyncio.to_thread(process.stop)

    assert claimed == 20
    assert await world().all_are(ids, Status.SUBMITTED)


async def test_stopping_from_another_thread_ends_a_ring_that_waits_for_slots(
    start: Start, serve: Serve, world: Worlds
) -> None:
    vendor = await serve(_answer)
    process = start(url=vendor.url, worker={"in_flight": 8, "reserve": 4})
    ids = await world().send(200)
    serving = asyncio.create_task(asyncio.to_thread(process.submit, Stream.NOTICE))
    await until(lambda: len(vendor.heads) >= 8)

    begun = time.monotonic()
    await asyncio.to_thread(process.stopping)
    await serving
    await asyncio.to_thread(process.stop)

    counts = Counter(await world().statuses(ids))
    assert counts == {
        Status.SUBMITTED: len(vendor.heads),
        Status.ACCEPTED: 200 - len(vendor.heads),
    }
    assert time.monotonic() - begun < 3


async def test_a_tick_releases_what_is_due_however_much_it_is(
    start: Start, world: Worlds, raw: "redis.Redis"
) -> None:
    process, pump = start(), world(script=_throttle)
    ids = await pump.send(2500)
    await pump.exhaust()
    raw.zadd("xinshi:waiting", dict.fromkeys(ids, 1))

    released = await asyncio.to_thread(process.release)

    assert released == 2500
    assert await pump.all_are(ids, Status.ACCEPTED)


async def _throttle(asked: Asked) -> Response:
    return answers(*asked.ids, outcome="throttled")


async def test_a_tick_sweeps_attempts_that_are_past_their_deadline(
    start: Start, world: Worlds, raw: "redis.Redis"
) -> None:
    process, pump = start(), world(script=_never)
    ids = await pump.send(3)
    await pump.pump.run(Stream.NOTICE)
    raw.zadd("xinshi:open:one", dict.fromkeys(ids, 1))

    lost = await asyncio.to_thread(process.sweep)

    assert lost == 3
    assert await pump.all_are(ids, Status.UNKNOWN)


async def _never(asked: Asked) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


def test_a_process_starts_and_stops_without_redis(start: Start) -> None:
    process = start(redis=DEAD, worker={"slice": 0.2})
    begun = time.monotonic()

    assert process.submit(Stream.NOTICE) == 0
    process.stop()

    assert time.monotonic() - begun < PATIENCE


def test_stopping_twice_or_never_started_does_nothing(start: Start) -> None:
    process = start()

    process.stop()
    process.stop()
    process.stopping()
    Process(parse(table())).stop()


def test_stopping_is_safe_while_a_thread_asks_for_work(start: Start) -> None:
    process = start()
    threads = [threading.Thread(target=process.submit, args=(stream,)) for stream in Stream]
    for thread in threads:
        thread.start()

    process.stopping()

    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_an_adapter_that_nobody_has_is_an_error_of_the_settings() -> None:
    with pytest.raises(SettingsError, match=r"vendors.one.adapter: unknown adapter 'nobody'"):
        Process(parse({"vendors": {"one": {"adapter": "nobody"}}}))
