"""Presence: the beats of one process, whatever Redis does."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import redis

from tests.worker.conftest import until
from worker.contract import keys
from worker.contract.errors import StoreError
from worker.heartbeat.presence import Presence
from worker.store import presence
from worker.store.client import AsyncStore
from worker.store.embedded import Server
from worker.store.presence import Vitals

NAME = "w@host:1"


@pytest_asyncio.fixture
async def store(redis_url: str) -> AsyncIterator[AsyncStore]:
    opened = AsyncStore(redis_url)
    yield opened
    await opened.close()


async def alive(store: AsyncStore) -> dict[str, Vitals | None]:
    found = await store.run(presence.workers())
    return {each.name: each.vitals for each in found.alive}


async def test_each_beat_says_how_the_process_does_now(
    store: AsyncStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "EVERY", 0.001)
    counts = iter(range(1_000_000))
    one = Presence(store, NAME, lambda: Vitals(in_flight=next(counts)))
    beating = asyncio.create_task(one.run())

    async def third() -> bool:
        vitals = (await alive(store)).get(NAME)
        return vitals is not None and vitals.in_flight >= 2

    await until(third, "a third beat")
    one.end()
    await beating


async def test_who_ends_is_not_alive_any_more_and_does_not_wait_for_it(
    store: AsyncStore, raw: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "EVERY", 3600.0)
    one = Presence(store, NAME, Vitals)
    beating = asyncio.create_task(one.run())
    await until(lambda: raw.exists(keys.WORKERS))
    assert await alive(store) == {NAME: Vitals()}

    one.end()
    await beating

    assert await alive(store) == {}
    assert not raw.exists(f"{keys.HEARTBEAT}{NAME}")


async def test_redis_away_ends_no_beat_and_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(presence, "EVERY", 0.001)
    server = Server().start()
    store = AsyncStore(server.url, timeout=5.0)
    beats = 0

    def vitals() -> Vitals:
        nonlocal beats
        beats += 1
        return Vitals()

    one = Presence(store, NAME, vitals)
    beating = asyncio.create_task(one.run())
    try:
        await until(lambda: beats > 1)
        server.stop(kill=True)
        tried = beats
        await until(lambda: beats > tried + 3, "beats that nobody hears")
        await asyncio.to_thread(server.start)
        await until(lambda: _alive_or_away(store), "the beat is heard again")
        assert not beating.done()
        server.stop(kill=True)
    finally:
        one.end()
        await beating
        server.stop(kill=True)
        await store.close()

    printed = "".join(capsys.readouterr())
    assert 1 <= printed.count("act=beat") <= 2, "once for each time that it was away"


async def _alive_or_away(store: AsyncStore) -> bool:
    try:
        return NAME in await alive(store)
    except StoreError:
        return False
