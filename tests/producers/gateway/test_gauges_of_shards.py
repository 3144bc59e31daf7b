"""What a gateway tells Prometheus of several servers, of which some are away or stand still."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from decimal import Decimal

import pytest
import pytest_asyncio
import redis

from worker.contract import jobs, keys
from worker.contract.settings import parse
from worker.store import balances, care, presence, webhooks
from worker.store.client import Store
from worker.store.embedded import Server
from worker.store.presence import Vitals
from worker.store.shards import AsyncShards
from worker.telemetry.metrics import METRICS, By

from .gauging import TABLE, Found, Place, ms

WAITS_FOR_ALL = {  # what an alarm or a panel compares with what it was
    *(each.name for each in METRICS.values() if each.by is By.STORE and each.kind == "counter"),
    "xinshi_unknown_messages",
}
OF_THE_FIRST = {
    *("xinshi_spool_pages", "xinshi_unreadable_pages", "xinshi_poll_age_seconds"),
    *("xinshi_balance", "xinshi_balance_runway_hours"),
}

Watch = Callable[..., Place]


@pytest_asyncio.fixture
async def watch() -> AsyncIterator[Watch]:
    """Return gauges on some servers; they are closed in the end."""
    opened: list[AsyncShards] = []

    def on(urls: Sequence[str] | dict[str, str], timeout: float = 10.0) -> Place:
        settings = parse({"redis_urls": urls, "store": {"timeout": timeout}, **TABLE})
        opened.append(AsyncShards(settings))
        return Place(settings, opened[-1])

    yield on
    for each in opened:
        await each.close()


@pytest.fixture
def own() -> Iterator[Callable[[], Server]]:
    """Start servers of the test's own, to be killed or frozen."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Server())


def fill(url: str, *, ago: float) -> None:
    """Put something of each kind on a server; what has an age is ``ago`` s old."""
    with redis.Redis.from_url(url) as raw, closing(Store(url, timeout=10.0)) as store:
        raw.zadd(keys.WAITING, {"late": ms(ago)})
        raw.zadd(keys.UNKNOWN, {"a": 1, "b": 2})
        raw.zadd(keys.DEAD, {"c": 1})
        raw.xadd(keys.SPOOL, {"x": "y"})
        raw.rpush(jobs.TICKS, b"{}")
        raw.hset(f"{keys.STATE}zhenzi", mapping={"drift:102": 3})
        raw.hset(f"{keys.WEBHOOKS}app", mapping={"delivered": 9})
        store.run(webhooks.hold("app", [("1-1", b"{}")]))
        store.run(balances.keep("zhenzi", Decimal(1000), "messages"))
        store.run(presence.beat("all@h:1", Vitals()))


def names(found: Found) -> set[str]:
    return {name for name, *_ in found}


def up(found: Found) -> list[float]:
    return [value for labels, value in sorted(found.items()) if labels[0] == "xinshi_redis_up"]


async def test_what_lies_on_two_servers_is_added_and_the_oldest_counts(
    watch: Watch, urls: list[str]
) -> None:
    fill(urls[0], ago=30)
    fill(urls[1], ago=500)
    found = await watch(urls).read()

    assert up(found) == [1, 1]
    assert found["xinshi_waiting_messages",] == 2
    assert 500 <= found["xinshi_waiting_overdue_seconds",] < 620
    assert found["xinshi_ticks_waiting",] == 2
    assert found["xinshi_unknown_messages",] == 4
    assert found["xinshi_mirror_drift_total", "zhenzi"] == 6
    assert found["xinshi_webhook_backlog", "app"] == 2
    assert found["xinshi_webhook_delivered_total", "app"] == 18
    assert found["xinshi_balance", "zhenzi", "messages"] == 1000


async def test_a_server_without_workers_is_seen_though_another_has_some(
    watch: Watch, urls: list[str]
) -> None:
    with closing(Store(urls[0], timeout=10.0)) as store:
        store.run(presence.beat("otp@h:1", Vitals(queues=("sms.otp",))))
        store.run(presence.beat("all@h:2", Vitals()))
    found = await watch({"north": urls[0], "south": urls[1]}).read()

    assert found["xinshi_redis_up", "north"] == found["xinshi_redis_up", "south"] == 1
    assert [found["xinshi_workers", "sms.otp", name] for name in ("north", "south")] == [2, 0]
    assert [found["xinshi_workers", jobs.TICKS, name] for name in ("north", "south")] == [1, 0]


async def test_a_server_that_is_killed_is_named_and_the_rest_is_told(
    watch: Watch, redis_url: str, own: Callable[[], Server]
) -> None:
    other = own()
    place = watch([redis_url, other.url])
    fill(redis_url, ago=30)
    fill(other.url, ago=500)
    whole = await place.read()

    other.stop(kill=True)
    found = await place.read()

    assert (up(whole), up(found)) == ([1, 1], [1, 0])
    assert names(whole) - names(found) == WAITS_FOR_ALL
    assert found["xinshi_waiting_messages",] == found["xinshi_dead_letters",] == 1
    assert 30 <= found["xinshi_waiting_overdue_seconds",] < 150
    assert found["xinshi_webhook_backlog", "app"] == 1
    assert found["xinshi_balance", "zhenzi", "messages"] == 1000
    assert {labels[2] for labels in found if labels[0] == "xinshi_workers"} == {"0"}

    other.start()
    assert (await place.read()).keys() == whole.keys()


async def test_without_the_first_server_its_own_part_is_not_told(
    watch: Watch, redis_url: str, own: Callable[[], Server]
) -> None:
    first = own()
    place = watch([first.url, redis_url])
    fill(redis_url, ago=30)
    whole = await place.read()

    first.stop(kill=True)
    found = await place.read()

    assert up(found) == [0, 1]
    assert names(whole) - names(found) == WAITS_FOR_ALL | (OF_THE_FIRST & names(whole))
    assert not names(found) & OF_THE_FIRST
    assert found["xinshi_waiting_messages",] == 1
    assert {labels[2] for labels in found if labels[0] == "xinshi_workers"} == {"1"}


async def test_an_account_does_as_badly_as_where_it_does_worst_of_those_that_answer(
    watch: Watch, redis_url: str, own: Callable[[], Server]
) -> None:
    other = own()
    place = watch([redis_url, other.url])
    with closing(Store(other.url, timeout=10.0)) as store:
        store.run(care.trip("zhenzi", 60, 900, "failing"))
    before = await place.read()
    other.stop(kill=True)
    after = await place.read()

    assert before["xinshi_breaker_state", "zhenzi"] == 2
    assert after["xinshi_breaker_state", "zhenzi"] == 0


async def test_where_all_are_away_each_is_named_and_nothing_else_is_told(
    watch: Watch, own: Callable[[], Server]
) -> None:
    servers = [own(), own()]
    place = watch([each.url for each in servers])
    for each in servers:
        each.stop(kill=True)

    assert await place.read() == {("xinshi_redis_up", "0"): 0, ("xinshi_redis_up", "1"): 0}


async def test_servers_that_stand_still_cost_one_time_out_together(
    watch: Watch, redis_url: str, own: Callable[[], Server]
) -> None:
    frozen, timeout = [own(), own()], 3.0
    place = watch([redis_url, *(each.url for each in frozen)], timeout)
    await until(place, [1, 1, 1])

    for each in frozen:
        os.kill(each.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        found = await place.read()
        took = time.monotonic() - begun
    finally:
        for each in frozen:
            os.kill(each.pid, signal.SIGCONT)

    assert up(found) == [1, 0, 0]
    assert found["xinshi_waiting_messages",] == 0
    assert timeout * 0.9 < took < timeout * 2
    await until(place, [1, 1, 1])


async def test_a_server_that_answers_late_again_and_again_has_one_time_out_for_all(
    watch: Watch, redis_url: str, own: Callable[[], Server]
) -> None:
    async with late(own().port) as (port, wait):
        place = watch([redis_url, f"redis://127.0.0.1:{port}/0"], 1.0)
        await until(place, [1, 1])
        wait(0.5)  # a single answer would come in time
        found = await place.read()

    assert found["xinshi_redis_up", "1"] == 0


async def until(place: Place, expected: list[float]) -> None:
    """Read until the servers are up as expected."""
    async with asyncio.timeout(60):
        while up(await place.read()) != expected:
            pass


@asynccontextmanager
async def late(port: int) -> AsyncIterator[tuple[int, Callable[[float], None]]]:
    """Stand before a server; returns where, and what sets the seconds that an answer is held."""
    held = 0.0

    def wait(seconds: float) -> None:
        nonlocal held
        held = seconds

    async def pour(
        source: asyncio.StreamReader, sink: asyncio.StreamWriter, pause: Callable[[], float]
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                await asyncio.sleep(pause())
                sink.write(data)
        sink.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(
            pour(reader, questions, lambda: 0.0), pour(answers, writer, lambda: held)
        )

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], wait
    finally:
        server.close()  # and not wait: who is connected may stay so
