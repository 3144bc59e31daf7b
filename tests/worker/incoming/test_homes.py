"""Homes: one shard takes in what comes back, and each word of it goes to where its number lives."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest
import pytest_asyncio
import redis

from tests.worker.coming_back import Post, page, reply, row, table
from worker.contract import keys
from worker.contract.events import Raw
from worker.contract.shards import Shard
from worker.incoming.homes import Homes
from worker.incoming.intake import Intake
from worker.store.client import AsyncStore
from worker.store.embedded import free_port
from worker.store.inbox import Inbox
from worker.store.shards import AsyncShards
from worker.store.spool import Spool

NUMBERS = [f"+86138{place:08d}" for place in range(20)]


@dataclass
class Cells:
    """Two shards, as databases of one server; the first has the spool."""

    shards: AsyncShards
    posts: list[Post]
    homes: Homes
    intake: Intake

    def numbers(self, place: int) -> list[str]:
        return [each for each in NUMBERS if self.shards.placing.of(each) == place]

    async def submitted(self, number: str, vendor_id: str, *, at: int | None = None) -> str:
        """A message that a vendor took; at another shard than its home, if one is named."""
        place = self.shards.placing.of(number) if at is None else at
        post = self.posts[place]
        message_id = self.shards.placing.telling(f"{place}{post.made:025d}", place)
        return await post.submitted(vendor_id, to=number, id=message_id)

    async def put(self, body: str = "", account: str = "tencent", **more: Any) -> None:
        kind = more.pop("kind", "report")
        await Spool(self.posts[0].store).put(account, Raw(kind, body, **more))

    async def spooled(self) -> int:
        return (await Spool(self.posts[0].store).pending()).pages


Make = Callable[..., Cells]


@pytest_asyncio.fixture
async def make(redis_url: str) -> AsyncIterator[Make]:
    """Make cells; with ``down`` the second cannot be reached, though it is there."""
    made: list[Cells] = []
    urls = [redis_url, f"{redis_url[:-1]}1"]

    def build(*, down: bool = False, clock: Callable[[], float] = lambda: 0.0) -> Cells:
        reached = [urls[0], f"redis://127.0.0.1:{free_port()}/0" if down else urls[1]]
        named = tuple(Shard(str(place), url) for place, url in enumerate(reached))
        settings = replace(table(redis_url), shards=named)
        shards = AsyncShards(settings, timeout=2.0)
        posts = [Post(settings, AsyncStore(url, timeout=10.0)) for url in urls]
        homes = Homes(shards.first, shards, clock=clock)
        parts = (settings, posts[0].vendors, shards.first, posts[0].transport)
        intake = Intake(*parts, spool=Spool(shards.first, idle=0.0), homes=homes)
        made.append(Cells(shards, posts, homes, intake))
        return made[-1]

    yield build
    for cells in made:
        await cells.shards.close()
        for post in cells.posts:
            await post.store.close()


@pytest.fixture
def cells(make: Make) -> Cells:
    return make()


async def test_each_report_reaches_the_shard_of_its_number(cells: Cells) -> None:
    ids = {number: await cells.submitted(number, f"v{number}") for number in NUMBERS}
    await cells.put(page(*(row(f"v{number}", to=number) for number in NUMBERS)))

    await cells.intake.round()

    assert await cells.spooled() == 0
    for number, message_id in ids.items():
        post = cells.posts[cells.shards.placing.of(number)]
        assert await post.statuses([message_id]) == ["delivered"]


async def test_a_report_of_a_message_that_is_not_at_home_finds_it(cells: Cells) -> None:
    """It was accepted before there was one more shard."""
    moved = cells.numbers(1)[0]
    message_id = await cells.submitted(moved, "old", at=0)
    there = cells.numbers(0)[0]
    other = await cells.submitted(there, "older", at=1)
    await cells.put(page(row("old", to=moved), row("older", "MA:0029", to=there)))

    await cells.intake.round()

    assert await cells.posts[0].statuses([message_id]) == ["delivered"]
    assert await cells.posts[1].statuses([other]) == ["rejected"]
    assert await cells.spooled() == 0


async def test_a_report_without_a_message_is_kept_where_its_number_lives_alone(
    cells: Cells,
) -> None:
    number = cells.numbers(1)[0]
    await cells.put(page(row("early", to=number)))
    await cells.intake.round()

    kept = [await post.store.command("KEYS", keys.EARLY + "*") for post in cells.posts]
    assert [len(each) for each in kept] == [0, 1]

    message_id = await cells.submitted(number, "early")
    assert await cells.posts[1].statuses([message_id]) == ["delivered"]


async def test_who_opts_out_does_so_where_the_number_lives(cells: Cells) -> None:
    number = cells.numbers(1)[0]
    message_id = await cells.submitted(number, "v")
    await cells.put(page(reply("TD", to=number)), kind="inbound")
    await cells.intake.round()

    (received,) = await Inbox(cells.posts[1].store).list()
    assert received.letter.message_id == message_id
    assert await Inbox(cells.posts[0].store).list() == []
    out = await cells.posts[1].send(to=number, stream="marketing", id="m" * 26)
    assert await cells.posts[1].statuses([out]) == ["suppressed"]


async def test_a_report_by_our_own_id_finds_the_shard_that_the_id_tells(cells: Cells) -> None:
    found = msgspec.json.encode({"code": 0, "data": {"status": "success"}}).decode()
    cells.posts[0].transport.answer = lambda _: found
    ids = []
    for place, post in enumerate(cells.posts):
        message_id = cells.shards.placing.telling(f"{place}".zfill(26), place)
        await post.submitted(message_id, "zhenzi", id=message_id, to=cells.numbers(place)[0])
        await cells.put(account="zhenzi", params={"messageId": message_id, "status": "success"})
        ids.append(message_id)

    await cells.intake.round()

    for post, message_id in zip(cells.posts, ids, strict=True):
        assert await post.statuses([message_id]) == ["delivered"]
    assert await cells.spooled() == 0


async def test_what_is_for_a_shard_that_is_down_waits_and_the_rest_does_not(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    cells = make(down=True, clock=lambda: now[0])
    here, there = cells.numbers(0)[0], cells.numbers(1)[0]
    one, other = await cells.submitted(here, "v0"), await cells.submitted(there, "v1")
    await cells.put(page(row("v0", to=here), row("v1", to=there), reply("T", to=there)))
    await cells.put(page(row("v2", to=there)))
    reader = replace_idle(cells, 60.0)

    await reader.round()
    assert await cells.posts[0].statuses([one]) == ["delivered"]
    assert await cells.posts[1].statuses([other]) == ["submitted"]
    assert await cells.spooled() == 2
    assert capsys.readouterr().out.count("shard.away") == 1, "asked once, and not for each page"

    back = make()  # it is back
    await back.intake.round()
    assert await cells.posts[1].statuses([other]) == ["delivered"]
    assert await cells.spooled() == 0
    (received,) = await Inbox(cells.posts[1].store).list()
    assert received.letter.opted_out


def replace_idle(cells: Cells, idle: float) -> Intake:
    """The same intake with another patience: what waits does not come again in the same round."""
    parts = (cells.posts[0].settings, cells.posts[0].vendors, cells.shards.first)
    spool = Spool(cells.shards.first, idle=idle)
    return Intake(*parts, cells.posts[0].transport, spool=spool, homes=cells.homes)


async def test_a_report_that_may_be_for_a_shard_that_is_down_waits_for_it(make: Make) -> None:
    """At home its message is not known: it may be one that was accepted there before."""
    cells = make(down=True)
    here = cells.numbers(0)[0]
    old = await cells.submitted(here, "old", at=1)
    await cells.put(page(row("old", to=here)))
    await replace_idle(cells, 60.0).round()
    assert await cells.spooled() == 1

    await make().intake.round()
    assert await cells.posts[1].statuses([old]) == ["delivered"]
    assert await cells.spooled() == 0


async def test_a_hint_about_a_message_of_a_shard_that_is_down_waits(make: Make) -> None:
    cells = make(down=True)
    message_id = cells.shards.placing.telling("0" * 26, 1)
    await cells.put(account="zhenzi", params={"messageId": message_id, "status": "success"})
    await replace_idle(cells, 60.0).round()

    assert await cells.spooled() == 1


async def test_alone_nothing_is_asked_elsewhere(redis_url: str, raw: "redis.Redis") -> None:
    store = AsyncStore(redis_url, timeout=10.0)
    post = Post(table(redis_url), store)
    await Spool(store).put("tencent", Raw("report", page(row("nobody's"))))
    raw.config_resetstat()
    await Intake(post.settings, post.vendors, store, post.transport).round()

    calls: Any = raw.info("commandstats")
    assert (
        sum(calls.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("evalsha", "eval"))
        <= 2
    )
    await store.close()
