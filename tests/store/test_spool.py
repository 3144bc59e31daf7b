"""The spool: a page is in one place until it is done, whoever is killed on the way."""

from typing import Any, cast

import msgspec
import pytest

from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.events import Raw
from worker.store.client import AsyncStore
from worker.store.spool import Page, Spool

from .memory import Memory

RAW = Raw("report", "正文", {"name": "n"}, {"x-one": "1"}, "192.0.2.1")


@pytest.fixture
def memory() -> Memory:
    return Memory()


def spool(memory: Memory, idle: float = 60.0) -> Spool:
    return Spool(cast(AsyncStore, memory), idle=idle)


async def left(memory: Memory) -> tuple[int, int, int]:
    """Pages in the spool, those that a consumer has, and those aside."""
    counts = [await memory.redis.xlen(key) for key in (keys.SPOOL, keys.UNREADABLE)]
    taken = await memory.redis.xpending(keys.SPOOL, "parsers")
    return counts[0], taken["pending"], counts[1]


async def one(found: Spool) -> Page:
    (page,) = await found.take("one", 10)
    return page


async def test_a_page_comes_out_as_it_went_in(memory: Memory) -> None:
    entry = await spool(memory).put("tencent", RAW)

    page = await one(spool(memory))

    assert (page.id, page.account, page.raw) == (entry, "tencent", RAW)
    assert page.came == int(entry.split("-")[0])


async def test_pages_come_in_order_each_to_one_consumer(memory: Memory) -> None:
    for place in range(5):
        await spool(memory).put(f"a{place}", RAW)

    taken = [await spool(memory).take(who, 2) for who in ("one", "two", "one", "two")]

    assert [[page.account for page in pages] for pages in taken] == [
        ["a0", "a1"],
        ["a2", "a3"],
        ["a4"],
        [],
    ]


async def test_what_is_done_is_gone(memory: Memory) -> None:
    await spool(memory).put("a", RAW)

    await spool(memory).done(await one(spool(memory)))

    assert await left(memory) == (0, 0, 0)


async def test_a_page_whose_consumer_was_killed_goes_to_another_one_when_it_was_idle(
    memory: Memory,
) -> None:
    entry = await spool(memory).put("a", RAW)
    await one(spool(memory))

    assert await spool(memory).take("two", 10) == [], "its consumer may still be at it"
    (again,) = await spool(memory, idle=0.0).take("two", 10)

    assert again.id == entry


async def test_abandoned_pages_come_before_fresh_ones(memory: Memory) -> None:
    await spool(memory).put("old", RAW)
    await one(spool(memory))
    await spool(memory).put("new", RAW)

    assert [page.account for page in await spool(memory, idle=0.0).take("two", 1)] == ["old"]


async def test_an_abandoned_page_is_found_behind_many_that_are_at_work(memory: Memory) -> None:
    mine = spool(memory)
    for place in range(40):
        await mine.put(f"a{place}", RAW)
    pages = await mine.take("one", 40)
    for page in pages[:-1]:  # these were just taken up; the last one was left behind long ago
        await memory.redis.xclaim(keys.SPOOL, "parsers", "one", 0, [page.id], idle=0)
    await memory.redis.xclaim(keys.SPOOL, "parsers", "one", 0, [pages[-1].id], idle=90_000)

    assert [page.account for page in await mine.take("two", 1)] == ["a39"]


async def test_done_twice_and_put_aside_after_it_was_done_harm_nothing(memory: Memory) -> None:
    await spool(memory).put("a", RAW)
    page = await one(spool(memory))

    await spool(memory).done(page)
    await spool(memory).done(page)

    assert await left(memory) == (0, 0, 0)


async def test_an_unreadable_page_is_kept_with_its_reason_and_put_back(memory: Memory) -> None:
    mine = spool(memory)
    entry = await mine.put("a", RAW)
    await mine.unreadable(await one(mine), "r" * 500)

    (aside,) = await mine.aside()
    assert await left(memory) == (0, 0, 1)
    assert (aside.account, aside.kind, aside.why) == ("a", "report", "r" * 200)
    assert await mine.replay() == 1
    assert await left(memory) == (1, 0, 0)
    page = await one(mine)
    assert page.raw == RAW
    assert page.came == aside.came == int(entry.split("-")[0]), "when it came is remembered"


async def test_a_page_of_another_version_holds_up_no_other(memory: Memory) -> None:
    mine = spool(memory)
    await memory.redis.xadd(keys.SPOOL, {"page": msgspec.msgpack.encode(["?"])})
    await memory.redis.xadd(keys.SPOOL, {"other": b"\xff"})
    await mine.put("a", RAW)

    assert [page.account for page in await mine.take("one", 10)] == ["a"]

    assert (await left(memory))[2] == 2
    assert [each.account for each in await mine.aside()] == ["", ""]


async def test_half_a_character_loses_no_page(memory: Memory) -> None:
    raw = Raw("inbound", "a\ud800b", {"n\udc00": "\udcffv"}, {"h": "\ud801"}, "")
    await spool(memory).put("a", raw)

    page = await one(spool(memory))

    assert (page.raw.body, page.raw.params, page.raw.headers) == (
        "a?b",
        {"n?": "?v"},
        {"h": "?"},
    )


async def test_pending_tells_how_far_behind_the_parsers_are(memory: Memory) -> None:
    mine = spool(memory)
    empty = await mine.pending()
    entry = await mine.put("a", RAW)
    await mine.put("b", RAW)
    await mine.take("one", 1)

    found = await mine.pending()

    assert (empty.pages, empty.oldest, empty.unreadable) == (0, 0, 0)
    assert (found.pages, found.oldest) == (2, int(entry.split("-")[0]))


async def test_without_redis_a_page_is_refused(memory: Memory) -> None:
    memory.away = 1

    with pytest.raises(StoreError):
        await spool(memory).put("a", RAW)


async def test_a_server_that_lost_everything_gets_its_group_again(memory: Memory) -> None:
    mine = spool(memory)
    assert await mine.take("one", 10) == []
    await memory.redis.flushall()
    await mine.put("a", RAW)

    assert (await one(mine)).account == "a"


async def test_the_same_holds_on_a_real_server(astore: AsyncStore, raw: Any) -> None:
    mine, eager = Spool(astore), Spool(astore, idle=0.0)
    for name in ("a", "b", "c"):
        await mine.put(name, RAW)
    one_page, other, third = await mine.take("one", 10)
    await mine.done(one_page)
    await mine.unreadable(other, "why")

    assert [page.id for page in await eager.take("two", 10)] == [third.id]
    raw.xdel(keys.SPOOL, third.id)  # gone, and still on the list of what was taken
    assert await eager.take("two", 10) == []
    assert await mine.replay() == 1
    assert [page.account for page in await mine.take("two", 10)] == ["b"]
    assert raw.xlen(keys.UNREADABLE) == 0
