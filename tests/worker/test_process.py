"""One process's parts, driven from threads as Celery drives them."""

import asyncio
import contextlib
import os
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from worker import __version__
from worker.contract import keys
from worker.contract.errors import SettingsError
from worker.contract.settings import parse
from worker.contract.status import Status, Stream
from worker.process import Process
from worker.store import presence, scripts
from worker.store.client import Store
from worker.store.embedded import Server, free_port
from worker.store.feed import emit
from worker.vendors.base import Response

from .conftest import PATIENCE, Asked, Listening, Serve, Worlds, answers, until
from .notify.endpoints import SECRET, running

Start = Callable[..., Process]
DEAD = "redis://127.0.0.1:1/0"


def table(url: str = "http://127.0.0.1:1", **more: Any) -> dict[str, Any]:
    one = {"adapter": "zhenzi", "base_url": url, "app_id": "1", "app_secret": "2"}
    return {"vendors": {"one": one}, **more}


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

    await asyncio.to_thread(process.stopping)
    await serving
    await asyncio.to_thread(process.stop)

    counts = Counter(await world().statuses(ids))
    assert counts == {
        Status.SUBMITTED: len(vendor.heads),
        Status.ACCEPTED: 200 - len(vendor.heads),
    }
    assert len(vendor.heads) < 200, "it did not stop in the middle"


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


async def test_a_tick_asks_for_balances_and_looks_how_old_the_polls_are(
    start: Start, serve: Serve, raw: "redis.Redis"
) -> None:
    async def has_537(seen: Listening, reader: asyncio.StreamReader, writer: Any) -> None:
        await seen.request(reader)
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"code":0,"data":537}')
        await writer.drain()

    vendor = await serve(has_537)
    process = start(url=vendor.url)

    assert await asyncio.to_thread(process.balances) == 1
    assert await asyncio.to_thread(process.balances) == 0, "it is not due again"

    assert raw.hget("xinshi:balance:one", "amount") == b"537"
    assert raw.exists("xinshi:polled:one:balance")
    assert len(vendor.heads) == 1


async def _never(asked: Asked) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


def test_a_process_starts_and_stops_without_redis(start: Start) -> None:
    process = start(redis=DEAD, worker={"slice": 0.2})
    begun = time.monotonic()

    assert process.submit(Stream.NOTICE) == 0
    process.stop()

    assert time.monotonic() - begun < PATIENCE


async def test_how_many_events_are_kept_is_told_to_the_scripts(
    start: Start, raw: "redis.Redis"
) -> None:
    start(events={"keep": 7})

    await until(lambda: raw.get(keys.EVENTS_KEPT) == b"7", "it is written")


def test_redis_knows_the_scripts_before_the_first_message_comes(
    start: Start, raw: "redis.Redis"
) -> None:
    start()

    digests = [scripts.load(name).digest for name in ("claim", "settle")]
    assert raw.script_exists(*digests) == [True, True]


async def test_it_is_told_as_soon_as_redis_is_there(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.terms._AGAIN", 0.05)
    server = Server(port=free_port())
    start(redis=server.url, events={"keep": 7})

    with server, redis.Redis.from_url(server.url) as raw:
        await until(lambda: raw.get(keys.EVENTS_KEPT) == b"7", "it is written")


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


def test_a_process_is_known_to_be_alive_from_its_appearance_to_its_stop(
    start: Start, redis_url: str
) -> None:
    store = Store(redis_url, timeout=10.0)
    process = start()
    for _ in range(2):  # Celery says so each time that Redis was away
        process.appear("w@host", ["sms.otp"])
    end = time.monotonic() + PATIENCE
    while not (alive := store.run(presence.workers()).alive):
        assert time.monotonic() < end
        time.sleep(0.01)

    process.stop()
    process.appear("w@host", [])

    assert [each.name for each in alive] == [f"w@host:{os.getpid()}"]
    assert alive[0].vitals is not None
    assert (alive[0].vitals.version, alive[0].vitals.queues) == (__version__, ("sms.otp",))
    assert store.run(presence.workers()).all == []
    store.close()


def test_an_adapter_that_nobody_has_is_an_error_of_the_settings() -> None:
    with pytest.raises(SettingsError, match=r"vendors.one.adapter: unknown adapter 'nobody'"):
        Process(parse({"vendors": {"one": {"adapter": "nobody"}}}))


async def test_a_tick_posts_webhooks_in_the_background_and_stopping_ends_it(
    start: Start, raw: "redis.Redis"
) -> None:
    async with running() as app:
        settings = {"url": app.url, "secret": SECRET, "allow_private": True}
        process = start(webhooks={"app": settings})

        assert await asyncio.to_thread(process.notify) == 1
        await until(lambda: raw.exists(keys.WEBHOOKS + "app"))
        assert await asyncio.to_thread(process.notify) == 0
        with contextlib.closing(Store(process._settings.redis_url)) as store:
            await asyncio.to_thread(store.run, emit("inbound", {}))
        await until(lambda: app.came)
        await asyncio.to_thread(process.stopping)
        await asyncio.to_thread(process.stop)

    assert app.came[0].verified().type == "inbound"
    assert not raw.exists(keys.WEBHOOK_LEASE + "app"), "another process may go on at once"


async def test_a_process_lets_itself_be_scraped_until_it_stops(
    start: Start, serve: Serve, world: Worlds
) -> None:
    vendor, port = await serve(_answer), free_port()
    process = start(url=vendor.url, metrics={"listen": f"127.0.0.1:{port}"})
    await world().send(2)
    await asyncio.to_thread(process.submit, Stream.NOTICE)

    def scraped() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            text: str = answer.read().decode()
        return text

    submitted = 'xinshi_messages_total{account="one",outcome="submitted",stream="notice"} 2.0'
    await until(lambda: submitted in scraped())
    await until(lambda: "xinshi_loop_lag_seconds_count 0.0" not in scraped())
    await asyncio.to_thread(process.stop)
    with pytest.raises(OSError, match="refused"):
        scraped()
