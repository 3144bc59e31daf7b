"""The feed: groups share events, nothing that was taken is lost with its consumer."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
import pytest_asyncio

from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.happenings import Event, pack
from worker.store.client import AsyncStore, Store
from worker.store.embedded import Server, free_port
from worker.store.failures import passes
from worker.store.feed import Feed, emit

from .conftest import PATIENCE, Lab

Open = Callable[..., Any]
IDLE = 0.2  # seconds; a test waits for it


@pytest_asyncio.fixture
async def impatient(redis_url: str) -> AsyncIterator[AsyncStore]:
    """A store whose calls may not last: a longer wait is made of several."""
    store = AsyncStore(redis_url, timeout=1.0)
    yield store
    await store.close()


def tell(lab: Lab, *kinds: str) -> list[str]:
    return [lab.run(emit(kind, {"account": "a"})) for kind in kinds]


def ids(found: Sequence[Event]) -> list[str]:
    return [each.id for each in found]


async def until_some(feed: Feed) -> list[Event]:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := await feed.take(wait=0.1):
            return found
    pytest.fail("never: an event came")


async def test_a_group_begins_with_the_oldest_event_or_with_what_comes(
    lab: Lab, astore: AsyncStore
) -> None:
    before = tell(lab, "inbound", "opt_out")
    old, new = Feed(astore, "old"), Feed(astore, "new")
    await old.open()
    await new.open("newest")
    after = tell(lab, "inbound")

    assert ids(await old.take()) == before + after
    assert ids(await new.take()) == after


async def test_opening_again_changes_nothing(lab: Lab, astore: AsyncStore) -> None:
    first = tell(lab, "inbound")
    feed = Feed(astore, "g")
    await feed.open()
    assert ids(await feed.take()) == first

    await Feed(astore, "g").open()
    assert await Feed(astore, "g").take() == []


async def test_each_event_goes_to_one_consumer_of_a_group_and_to_every_group(
    lab: Lab, astore: AsyncStore
) -> None:
    told = tell(lab, *["inbound"] * 10)
    one, two, other = Feed(astore, "g"), Feed(astore, "g"), Feed(astore, "other")
    await one.open()
    await other.open()

    first, second = await one.take(4), await two.take(100)

    assert ids(first) + ids(second) == told
    assert len(first) == 4
    assert ids(await other.take()) == told


async def test_what_is_done_with_does_not_come_again_and_what_is_not_does(
    lab: Lab, astore: AsyncStore
) -> None:
    told = tell(lab, *["inbound"] * 3)
    dead, heir = Feed(astore, "g", "dead"), Feed(astore, "g", "heir", idle=IDLE)
    await dead.open()
    found = await dead.take()
    await dead.done(found[:1])
    assert await Feed(astore, "g").take() == []

    later = tell(lab, "opt_out")
    await asyncio.sleep(IDLE)

    assert ids(await until_some(heir)) == told[1:]  # before what is new
    assert ids(await heir.take()) == later


async def test_what_is_handed_back_comes_to_another_one_at_once(
    lab: Lab, astore: AsyncStore
) -> None:
    told = tell(lab, *["inbound"] * 3)
    one, two = Feed(astore, "g"), Feed(astore, "g")
    await one.open()
    found = await one.take()
    await one.done(found[:1])
    assert await two.take() == []

    await one.leave()

    assert ids(await Feed(astore, "g").take()) == told[1:]


async def test_a_consumer_that_holds_nothing_leaves_no_trace(lab: Lab, astore: AsyncStore) -> None:
    tell(lab, "inbound")
    feed = Feed(astore, "g")
    await feed.open()
    await feed.done(await feed.take())

    await feed.leave()

    assert lab.raw.xinfo_consumers(keys.EVENTS, "g") == []


async def test_a_wait_may_be_longer_than_a_call_and_ends_with_the_first_event(
    lab: Lab, impatient: AsyncStore
) -> None:
    feed = Feed(impatient, "g")
    await feed.open()
    waiting = asyncio.create_task(feed.take(wait=PATIENCE))
    await asyncio.sleep(1.2)
    assert not waiting.done()

    told = tell(lab, "inbound")

    assert ids(await waiting) == told


async def test_a_wait_in_vain_ends(lab: Lab, impatient: AsyncStore) -> None:
    feed = Feed(impatient, "g")
    await feed.open()
    begun = time.monotonic()

    assert await feed.take(wait=0.7) == []
    assert time.monotonic() - begun >= 0.7


async def test_a_group_that_the_server_lost_is_made_again(lab: Lab, astore: AsyncStore) -> None:
    feed = Feed(astore, "g")
    await feed.open("newest")
    lab.raw.flushall()

    told = tell(lab, "inbound")

    assert ids(await feed.take()) == told


async def test_what_no_version_can_read_is_passed_over(lab: Lab, astore: AsyncStore) -> None:
    lab.raw.xadd(keys.EVENTS, {"e": b"\xc1"})
    lab.raw.xadd(keys.EVENTS, {"f": pack("inbound", {})})
    told = tell(lab, "inbound")
    feed = Feed(astore, "g")
    await feed.open()

    assert ids(await feed.take()) == told
    assert lab.raw.xpending(keys.EVENTS, "g")["pending"] == 1


async def test_what_was_dropped_meanwhile_does_not_stop_anybody(
    lab: Lab, astore: AsyncStore
) -> None:
    tell(lab, *["inbound"] * 3)
    dead = Feed(astore, "g")
    await dead.open()
    await dead.take()
    lab.raw.xtrim(keys.EVENTS, maxlen=0, approximate=False)
    await dead.leave()
    told = tell(lab, "opt_out")
    await asyncio.sleep(IDLE)

    assert ids(await until_some(Feed(astore, "g", idle=IDLE))) == told


async def test_consumers_that_are_gone_for_a_day_are_forgotten(
    lab: Lab, astore: AsyncStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(lab, "inbound")
    gone, holding = Feed(astore, "g", "gone"), Feed(astore, "g", "holding")
    await holding.open()
    await holding.take()
    await gone.take()
    assert len(lab.raw.xinfo_consumers(keys.EVENTS, "g")) == 2
    await Feed(astore, "g").open()
    assert len(lab.raw.xinfo_consumers(keys.EVENTS, "g")) == 2

    monkeypatch.setattr("worker.store.consumer._FORGOTTEN", -1.0)
    await Feed(astore, "g").open()

    assert [each["name"] for each in lab.raw.xinfo_consumers(keys.EVENTS, "g")] == [b"holding"]


def test_only_a_server_that_is_away_passes() -> None:
    with pytest.raises(StoreError) as away:
        Store(f"redis://127.0.0.1:{free_port()}/0").command("PING")
    with Server() as server:
        store = Store(server.url)
        with pytest.raises(StoreError) as refused:
            store.command("NOSUCHCOMMAND")
        store.command("CONFIG", "SET", "requirepass", "secret")
        with pytest.raises(StoreError) as locked:
            Store(server.url.replace("://", "://:wrong@")).command("PING")
        store.close()

    assert [passes(each.value) for each in (away, refused, locked)] == [True, False, False]
    assert not passes(StoreError("of another kind"))
