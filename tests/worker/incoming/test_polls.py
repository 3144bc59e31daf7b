"""Polls: one poller an endpoint, page after page, and none lost between the vendor and the spool."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
import redis
from structlog.testing import capture_logs

from tests.worker.coming_back import Answering, Post, page, reply, row, table
from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.events import Raw
from worker.incoming.polls import Poller
from worker.store.client import AsyncStore
from worker.store.spool import Spool
from worker.transport import Lost, NotSent
from worker.vendors.base import Vendor

FULL = page(*(row(f"v{place}") for place in range(10)))


@pytest_asyncio.fixture
async def post(redis_url: str) -> AsyncIterator[Post]:
    store = AsyncStore(redis_url, timeout=10.0)
    yield Post(table(redis_url), store)
    await store.close()


def poller(post: Post, transport: Answering | None = None) -> Poller:
    transport = transport or post.transport
    return Poller(post.settings, post.vendors, post.store, transport, reconnect=0.0)


def serving(**pages: list[str | Exception]) -> Callable[[str], str | Exception]:
    """Answer each endpoint with its pages, then with empty ones."""
    return lambda path: pages[path].pop(0) if pages.get(path) else page()


async def spooled(post: Post) -> list[Raw]:
    return [each.raw for each in await Spool(post.store).take("test", 1000)]


async def test_what_is_there_is_spooled_untouched_and_what_is_empty_is_not(post: Post) -> None:
    body = page(row("v1")).replace(":", " : ")
    post.transport.answer = serving(smsreport=[body], smsmo=[])

    assert await poller(post).round() == 1

    assert await spooled(post) == [Raw("report", body)]
    assert sorted(post.transport.asked) == ["smsmo", "smsreport"]


async def test_a_full_page_is_followed_at_once(post: Post) -> None:
    post.transport.answer = serving(smsreport=[FULL, FULL, page(row("v9"))], smsmo=[])

    assert await poller(post).round() == 3

    assert post.transport.asked.count("smsreport") == 3


async def test_an_endless_vendor_leaves_a_turn_to_the_others(post: Post) -> None:
    post.transport.answer = lambda path: FULL if path == "smsreport" else page(reply("T"))

    assert await poller(post).round() == 101


async def test_the_last_success_is_noted_and_a_failure_is_not(
    post: Post, raw: "redis.Redis"
) -> None:
    post.transport.answer = serving(smsreport=[page()], smsmo=[NotSent("no connection")])

    await poller(post).round()

    seconds, _ = raw.time()
    noted = raw.get(f"{keys.POLLED}tencent:report")
    assert isinstance(noted, bytes)
    assert int(noted) == pytest.approx(seconds * 1000, abs=5000)
    assert raw.get(f"{keys.POLLED}tencent:inbound") is None


@pytest.mark.parametrize(
    "said", [Lost("no answer in time"), '{"status":"3","balance":0,"list":null}', "<html>"]
)
async def test_a_failure_spools_nothing_and_the_next_round_asks_again(
    post: Post, said: str | Exception
) -> None:
    post.transport.answer = serving(smsreport=[said, page(row("v1"))])

    assert await poller(post).round() == 0
    assert await poller(post).round() == 1


async def test_a_damaged_page_is_spooled_for_the_vendor_has_forgotten_it(post: Post) -> None:
    damaged = page(row("v1"))[:-10]
    post.transport.answer = serving(smsreport=[damaged])

    assert await poller(post).round() == 1

    assert [raw.body for raw in await spooled(post)] == [damaged]


@pytest.mark.parametrize("name", ["more", "empty"])
async def test_an_adapters_bug_loses_no_page(
    post: Post, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def broken(raw: Raw) -> bool:
        raise KeyError(raw.body)

    monkeypatch.setattr(post.vendors["tencent"], name, broken)
    post.transport.answer = serving(smsreport=[page(row("v1"))])

    await poller(post).round()

    assert page(row("v1")) in [raw.body for raw in await spooled(post)]


async def test_a_bug_in_reading_the_answer_loses_no_page(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Raw:
        raise KeyError("list")

    monkeypatch.setattr("worker.vendors.tencent._page", broken)
    post.transport.answer = serving(smsreport=[page(row("v1"))])

    await poller(post).round()

    assert page(row("v1")) in [raw.body for raw in await spooled(post)]


async def test_one_poller_at_a_time_reads_an_endpoint(post: Post) -> None:
    inside, most = 0, 0

    class Slow(Answering):
        async def call(self, call: Any, timeouts: Any) -> Any:
            nonlocal inside, most
            if call.url.endswith("smsreport"):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                await post.store.command("PING")
                inside -= 1
            return await super().call(call, timeouts)

    transport = Slow(serving(smsreport=[FULL] * 8))
    rounds = await asyncio.gather(*(poller(post, transport).round() for _ in range(5)))

    assert most == 1
    assert sum(rounds) == 8
    assert not await post.store.redis.keys(f"{keys.LEASE}*"), "a lease was left behind"


async def test_a_poller_that_lost_its_lease_reads_no_further(
    post: Post, raw: "redis.Redis"
) -> None:
    def answer(path: str) -> str:
        if path == "smsreport":
            raw.set(f"{keys.LEASE}tencent:report", "another")
            return FULL
        return page()

    post.transport.answer = answer
    assert await poller(post).round() == 1

    assert raw.get(f"{keys.LEASE}tencent:report") == b"another", "and takes it from nobody"


async def test_a_dead_pollers_lease_ends_by_itself(post: Post, raw: "redis.Redis") -> None:
    leases: list[Any] = []

    def answer(_: str) -> str:
        leases.append(raw.pttl(f"{keys.LEASE}tencent:report"))
        return page()

    post.transport.answer = answer
    await poller(post).round()

    total = post.settings.vendors["tencent"].timeouts.total
    assert 0 < leases[0] <= (total + 5) * 1000


async def test_without_redis_a_page_in_hand_is_held_and_spooled_later(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.transport.answer = serving(smsreport=[page(row("v1"))])
    command, away = post.store.command, 5

    async def failing(*words: str | bytes | int) -> Any:
        nonlocal away
        if words[0] == "XADD" and away:
            away -= 1
            raise StoreError("Redis cannot be reached")
        return await command(*words)

    monkeypatch.setattr(post.store, "command", failing)
    assert await poller(post).round() == 1

    assert away == 0
    assert [raw.body for raw in await spooled(post)] == [page(row("v1"))]


async def test_one_accounts_trouble_is_not_anothers(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Vendor):
        credentials = ()

        def submit(self, messages: Any) -> Any:
            raise NotImplementedError

        def polls(self) -> Any:
            return {"report": None}

    broken = Broken.__new__(Broken)
    broken.name = "chuangrui"
    monkeypatch.setattr(post, "vendors", {**post.vendors, "chuangrui": broken})
    post.transport.answer = serving(smsreport=[page(row("v1"))])

    with capture_logs() as logs:
        assert await poller(post).round() == 1

    assert len(await spooled(post)) == 1
    assert [each["account"] for each in logs if each["event"] == "adapter.broken"] == ["chuangrui"]
