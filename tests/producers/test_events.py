"""``Client.events``: each event to one consumer of a group, at least once, for hours."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AbstractContextManager, aclosing, closing, nullcontext
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from producers import AsyncClient, Client, Event, StoreError
from producers.diversion import diverted
from producers.following import follow
from producers.listening import Listening, _pace
from worker.contract import keys
from worker.contract.settings import Settings, parse
from worker.store.client import Store
from worker.store.embedded import Server, free_port
from worker.store.feed import emit
from worker.store.shards import Shards

PATIENCE = 60.0  # seconds; reached only by what fails
GROUP = keys.EVENTS, "app"


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    store = Store(redis_url, timeout=10.0)
    yield store
    store.close()


def tell(store: Store, *kinds: str) -> list[str]:
    return [store.run(emit(kind, {"account": "a"})) for kind in kinds]


async def listen(client: Any, *args: Any, **options: Any) -> AsyncGenerator[Event, None]:
    """Either client's events; the sync one's in a thread."""
    found = client.client.events(*args, **options)
    if isinstance(client.client, AsyncClient):
        async with aclosing(found):
            async for each in found:
                yield each
        return
    try:
        while (event := await asyncio.to_thread(next, found, None)) is not None:
            yield event
    finally:
        found.close()


async def gather(client: Any, *args: Any, wait: float | None = 0.0, **options: Any) -> list[str]:
    """Return the ids of all there is."""
    return [each.id async for each in listen(client, *args, wait=wait, **options)]


async def test_a_messages_life_comes_in_order_and_once(client: Any, raw: redis.Redis) -> None:
    message_id = await client.send("13800138000", "您的包裹已到")
    await client.cancel(message_id)

    found = [each async for each in listen(client, wait=0)]

    assert [each.type for each in found] == ["accepted", "cancelled"]
    assert {each.data["id"] for each in found} == {message_id}
    assert found[0].data["to"] == "+86138****8000"
    assert await gather(client) == []
    assert raw.xpending(*GROUP)["pending"] == 0
    assert raw.xinfo_consumers(*GROUP) == []  # who ended well leaves no trace


async def test_only_some_types_come_and_the_others_are_done_with(
    client: Any, store: Store, raw: redis.Redis
) -> None:
    told = tell(store, *["inbound", "opt_out"] * 120)

    assert await gather(client, types=["opt_out"]) == told[1::2]
    assert await gather(client) == []
    assert raw.xpending(*GROUP)["pending"] == 0


async def test_an_event_is_done_with_when_the_next_is_asked_for(client: Any, store: Store) -> None:
    told = tell(store, *["inbound"] * 4)

    async with aclosing(listen(client)) as found:
        assert (await anext(found)).id == told[0]
        assert (await anext(found)).id == told[1]

    assert await gather(client) == told[1:]  # at once: they were handed back


async def test_a_group_may_begin_with_what_comes(client: Any, store: Store) -> None:
    tell(store, "inbound")

    assert await gather(client, "late", start="newest") == []
    told = tell(store, "opt_out")
    assert await gather(client, "late", start="newest") == told


async def test_the_consumers_of_a_group_share_the_events(
    connect: Any, redis_url: str, table: Settings, store: Store
) -> None:
    told = tell(store, *["inbound"] * 300)
    clients = [connect(redis_url, table) for _ in range(3)]

    found = await asyncio.gather(*(gather(each, wait=0.5) for each in clients))

    assert sorted(each for some in found for each in some) == sorted(told)
    for some in found:
        assert some == [each for each in told if each in some]


async def test_it_waits_for_what_comes_and_longer_than_a_call(
    connect: Any, redis_url: str, store: Store
) -> None:
    client = connect(redis_url, parse({"store": {"timeout": 0.5}}))
    found = listen(client)
    waiting = asyncio.ensure_future(anext(found))
    await asyncio.sleep(1.2)
    assert not waiting.done()

    told = tell(store, "inbound")

    assert (await asyncio.wait_for(waiting, PATIENCE)).id == told[0]
    await found.aclose()


async def test_it_ends_after_so_long_without_an_event_of_its_types(
    client: Any, store: Store
) -> None:
    told, ended = tell(store, "inbound"), threading.Event()

    def chatter() -> None:
        while not ended.wait(0.05):
            tell(store, "opt_out")

    thread = threading.Thread(target=chatter)
    thread.start()
    begun = time.monotonic()
    found = await asyncio.wait_for(gather(client, wait=0.6, types=["inbound"]), PATIENCE)
    took = time.monotonic() - begun
    ended.set()
    thread.join()

    assert found == told
    assert took >= 0.6


def test_what_a_killed_process_held_comes_to_another_one(
    redis_url: str, store: Store, config: Path
) -> None:
    told = tell(store, *["inbound"] * 3)
    code = (
        "import sys, time\n"
        "from producers import Client\n"
        "for event in Client(config=sys.argv[1]).events():\n"
        "    print(event.id, flush=True)\n"
        "    if event.id == sys.argv[2]: time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(config), told[1]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline().strip() for _ in range(2)]
        process.kill()
    assert seen == told[:2]

    heir = Listening("app", types=None, start="oldest", wait=1.0, timeout=10.0, idle=0.1)

    with closing(Shards(parse({"redis_url": redis_url}))) as shards:
        assert [each.id for each in follow(shards, [heir])] == told[1:]


async def test_it_outlives_a_server_that_restarts(connect: Any, tmp_path: Path) -> None:
    server = Server(folder=tmp_path).start(patience=PATIENCE)
    store = Store(server.url, timeout=10.0)
    client = connect(server.url, parse({"store": {"timeout": 0.5}}))
    try:
        told = tell(store, "inbound", "opt_out")
        found = listen(client)
        seen = [(await anext(found)).id]
        server.stop(kill=True)
        asking = asyncio.ensure_future(anext(found))
        await asyncio.sleep(0.5)
        assert not asking.done()

        server.start(patience=PATIENCE)
        seen.append((await asyncio.wait_for(asking, PATIENCE)).id)
        told += tell(store, "inbound")
        seen.append((await asyncio.wait_for(anext(found), PATIENCE)).id)

        assert seen == told
        await found.aclose()
        assert await gather(client) == told[2:]
    finally:
        store.close()
        server.stop()


async def test_one_that_never_reached_the_server_says_so(connect: Any) -> None:
    client = connect(f"redis://127.0.0.1:{free_port()}/0", parse({}))

    with pytest.raises(StoreError, match="cannot be reached"):
        await gather(client, wait=None)


class Dying:
    """A store whose server answers so many commands, with nothing, and then is away."""

    def __init__(self, answers: int) -> None:
        self.left = answers
        self.all = [self]

    def naming(self, place: int) -> AbstractContextManager[None]:
        return nullcontext()

    def command(self, *words: str | bytes | int) -> Sequence[object]:
        self.left -= 1
        if self.left < 0:
            raise StoreError("away") from redis.ConnectionError()
        return ["0-0", []] if words[0] == "XAUTOCLAIM" else []


def test_a_server_that_is_away_when_the_wait_is_over_is_an_error() -> None:
    listening = Listening("app", types=None, start="oldest", wait=0.3, timeout=0.2)
    begun = time.monotonic()

    with pytest.raises(StoreError):
        list(follow(cast(Shards, Dying(answers=4)), [listening]))

    assert time.monotonic() - begun >= 0.3


async def test_a_refusal_ends_it(client: Any, raw: redis.Redis) -> None:
    raw.set(keys.EVENTS, "no stream")

    with pytest.raises(StoreError, match="WRONGTYPE"):
        await gather(client, wait=None)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"group": ""}, "group"),
        ({"group": "g" * 101}, "group"),
        ({"types": "delivered"}, "types"),
        ({"types": ["delivered", "lost"]}, "types"),
        ({"start": "now"}, "start"),
        ({"wait": -1}, "wait"),
        ({"wait": float("nan")}, "wait"),
    ],
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_bad_argument_is_named_at_once(
    kind: Any, table: Settings, options: dict[str, Any], named: str
) -> None:
    client = kind("redis://127.0.0.1:1/0", table)

    with pytest.raises(ValueError, match=f"^{named}: "):
        client.events(**options)


def test_a_client_that_is_diverted_from_redis_has_no_events(table: Settings) -> None:
    class Nowhere:
        def run(self, act: Any, settings: Settings) -> Any:
            pytest.fail("nothing is asked")

    with diverted(Nowhere()), pytest.raises(StoreError, match="diverted"):
        Client("redis://127.0.0.1:1/0", table).events()


@pytest.mark.parametrize(
    ("most", "count", "seconds", "next_most"),
    [
        (1, 1, 0.0, 2),
        (64, 64, 0.01, 100),
        (100, 100, 0.1, 100),
        (100, 100, 50.0, 4),  # so slow that the last ones would go to another consumer
        (100, 1, 55.0, 1),
        (8, 0, 3.0, 8),
    ],
)
def test_no_more_is_taken_than_is_soon_handled(
    most: int, count: int, seconds: float, next_most: int
) -> None:
    assert _pace(most, count, seconds) == next_most
