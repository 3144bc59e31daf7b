"""Sharing: what a shard asks for follows its work, and an account's limits are its own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from worker import vendors
from worker.contract import keys
from worker.contract.jobs import Task
from worker.contract.record import Content, sign
from worker.contract.settings import Settings, parse
from worker.contract.shards import Shard
from worker.contract.status import Stream
from worker.delivery import limits
from worker.process import Process
from worker.rounds.sharing import Sharing
from worker.schedule import SCHEDULE, SHARING
from worker.store import acts
from worker.store.acts import Entry
from worker.store.embedded import free_port
from worker.store.shards import AsyncShards

LIMITS: dict[str, Any] = {"per_second": 100, "concurrency": 40}


def table(urls: list[str], **rules: Any) -> Settings:
    account = {"adapter": "zhenzi", "app_id": "1", "app_secret": "s", "limits": LIMITS | rules}
    return parse({"redis_urls": urls, "vendors": {"one": account}, "store": {"timeout": 1.0}})


@dataclass
class Cells:
    """Two shards, as databases of one server."""

    settings: Settings
    shards: AsyncShards
    sharings: list[Sharing]

    async def ready(self, place: int, count: int) -> None:
        """Let messages be ready at a shard."""
        said = Content(text="t")
        entries = [
            Entry(
                id=f"m{each:04d}",
                key="",
                digest="-",
                stream="notice",
                to=f"+86139{each:08d}",
                content=msgspec.json.encode(said),
                length=1,
                segments=1,
                template="",
                pin="",
                tag="",
                due=0,
                validity=600_000,
                sign=sign(said, said.text),
            )
            for each in range(count)
        ]
        await self.shards.all[place].run(acts.accept(entries, retention=60, idempotency=60))

    async def claimed(self, place: int) -> int:
        plan = limits.pack(Stream.NOTICE, self.settings, vendors.load_all(self.settings))
        found = await self.shards.all[place].run(acts.claim(Stream.NOTICE, 128, plan))
        return sum(record.status == "submitting" for _, record in found.messages)

    async def share(self, place: int) -> float:
        said = await self.shards.all[place].command("HGET", keys.SHARES, "part:one")
        return float(said)


@pytest_asyncio.fixture
async def cells(redis_url: str) -> AsyncIterator[Cells]:
    settings = table([redis_url, f"{redis_url[:-1]}1"])
    shards, adapters = AsyncShards(settings), vendors.load_all(settings)
    sharings = [Sharing(settings, adapters, store, shards) for store in shards.all]
    yield Cells(settings, shards, sharings)
    await shards.close()


async def test_who_has_work_gets_the_slots_of_who_has_none(cells: Cells) -> None:
    await cells.ready(1, 200)
    for _ in range(3):
        for each in cells.sharings:
            assert await each.round() == 1

    assert await cells.share(1) == pytest.approx(0.95, abs=0.02)
    assert await cells.share(0) + await cells.share(1) <= 1.0


async def test_both_together_open_no_more_than_the_account_allows(redis_url: str) -> None:
    settings = table([redis_url, f"{redis_url[:-1]}1"], per_second=1_000_000)
    shards, adapters = AsyncShards(settings), vendors.load_all(settings)
    cells = Cells(settings, shards, [Sharing(settings, adapters, s, shards) for s in shards.all])
    for place in range(2):
        await cells.ready(place, 300)
    opened = 0
    for _ in range(4):
        for place, each in enumerate(cells.sharings):
            opened += await cells.claimed(place)
            await each.round()
            opened += await cells.claimed(place)
            assert opened <= 40
    assert opened >= 38
    await shards.close()


async def test_where_the_first_one_is_away_the_share_stays_and_that_is_said_once(
    cells: Cells, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await cells.ready(1, 200)
    for _ in range(3):
        for each in cells.sharings:
            await each.round()
    before = await cells.share(1)
    gone = f"redis://127.0.0.1:{free_port()}/0"
    settings = replace(cells.settings, shards=(Shard("0", gone), Shard("1", f"{redis_url[:-1]}1")))
    shards = AsyncShards(settings)
    alone = Sharing(settings, vendors.load_all(settings), shards.all[1], shards)

    assert [await alone.round() for _ in range(3)] == [0, 0, 0]
    assert capsys.readouterr().out.count("store.lost") == 1
    assert await cells.share(1) == before
    await shards.close()


async def test_one_server_and_accounts_without_limits_share_nothing(redis_url: str) -> None:
    for settings in (
        table([redis_url]),
        parse({"redis_urls": [redis_url, f"{redis_url[:-1]}1"]}),
    ):
        shards = AsyncShards(settings)
        sharing = Sharing(settings, vendors.load_all(settings), shards.first, shards)

        assert await sharing.round() == 0
        assert await shards.first.command("EXISTS", keys.SHARES, keys.LEDGER) == 0
        await shards.close()


def test_shards_are_told_in_the_plan_and_our_own_caps_are_divided() -> None:
    plain = {"redis_urls": ["redis://a", "redis://b", "redis://c"]}
    several = parse({**plain, "brake": {"prefix": ["200/10m"], "tag": ["2/1h"]}})
    alone = replace(several, shards=())

    packed = msgspec.msgpack.decode(limits.pack(Stream.NOTICE, several, {}))
    assert packed["shards"] == 3
    assert packed["caps"]["prefix"] == [[66, 600_000]]
    assert packed["caps"]["tag"] == [[1, 3_600_000]], "one, where it is less than the shards"
    packed = msgspec.msgpack.decode(limits.pack(Stream.NOTICE, alone, {}))
    assert "shards" not in packed
    assert packed["caps"]["prefix"] == [[200, 600_000]]


def test_beat_ticks_for_it_only_where_there_are_several() -> None:
    assert set(SHARING) - set(SCHEDULE) == {Task.SHARE}


def test_the_first_shard_alone_polls_and_asks_for_balances(redis_url: str) -> None:
    """What a poll returns is gone at the vendor."""
    urls = [redis_url, f"{redis_url[:-1]}1"]
    for place, asked in ((0, 1), (1, 0)):
        settings = replace(table(urls), shard=place)
        process = Process(settings)
        process.start()
        try:
            assert process.poll() == 0
            process.balances()
            counted = process._loop.run(process._shards.first.command("KEYS", keys.ASKED + "*"))
            assert len(counted) == asked
            assert process.share() == 1
            process._loop.run(process._shards.first.command("FLUSHALL"))
        finally:
            process.stop()


def test_a_worker_that_is_not_told_which_shard_it_serves_does_not_start(redis_url: str) -> None:
    with pytest.raises(ValueError, match="XINSHI_SHARD"):
        Process(table([redis_url, f"{redis_url[:-1]}1"]))
