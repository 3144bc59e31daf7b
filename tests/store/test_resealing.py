"""Resealing: from an older key to the newest one, without a text lost, changed or brought back."""

from collections.abc import Callable
from typing import Any

import pytest
import redis
from cryptography.fernet import Fernet

from tests.dump import everything
from worker.contract import keys
from worker.contract.events import Raw
from worker.contract.status import Status
from worker.store import acts, arrivals
from worker.store.acts import Act
from worker.store.arrivals import Heard
from worker.store.client import AsyncStore, Store
from worker.store.inbox import Inbox, Letter, Received, sealed
from worker.store.resealing import Resealed, Resealer
from worker.store.sealing import UNSEALED, Seal
from worker.store.spool import Spool

from .conftest import NUMBER, Lab, entry, settled

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
BEFORE, BOTH, AFTER = Seal([OLD]), Seal([NEW, OLD]), Seal([NEW])
SAID = "机密-4711"
RAW = Raw("inbound", f"body {SAID}", {"content": SAID}, {}, "192.0.2.1")


def fill(lab: Lab, seal: Seal) -> None:
    """Two messages that share a text, one with its own, one that is done, and two replies."""
    texts = [SAID, SAID, f"{SAID} own", f"{SAID} done"]
    entries = [
        entry(f"m{place}", content=f'{{"text":"{text}"}}'.encode(), to=f"{NUMBER[:-1]}{place}")
        for place, text in enumerate(texts)
    ]
    lab.run(acts.accept(entries, retention=600, idempotency=600, seal=seal))
    lab.cancel("m3")
    hear(lab, seal, "1", "2")


def hear(lab: Lab, seal: Seal, *marks: str) -> None:
    letters = [
        Letter(account="a", sender=NUMBER, text=f"{SAID} {mark}", vendor_message_id=mark)
        for mark in marks
    ]
    items = [Heard(mark=each.vendor_message_id, letter=sealed(each, seal)) for each in letters]
    lab.run(arrivals.inbound(items, memory=600))


async def aside(store: AsyncStore, seal: Seal) -> None:
    """Put an unreadable page."""
    spool = Spool(store, seal=seal)
    await spool.put("tencent", RAW)
    (page,) = await spool.take("one", 10)
    await spool.unreadable(page, "why")


async def replies(store: AsyncStore, seal: Seal = AFTER) -> list[Received]:
    return await Inbox(store, seal).list()


@pytest.mark.parametrize("before", [BEFORE, UNSEALED], ids=["an older key", "no key"])
async def test_after_a_rotation_the_newest_key_alone_opens_everything(
    lab: Lab, astore: AsyncStore, raw: "redis.Redis", before: Seal
) -> None:
    fill(lab, before)
    await aside(astore, before)
    lives = {name: raw.pttl(name) for name in raw.keys("xinshi:m:*") + raw.keys("xinshi:text:*")}
    heard = [each.id for each in await replies(astore, BOTH)]
    (unread,) = await Spool(astore, seal=BOTH).aside()

    done = Resealer(lab.store, BOTH).run()

    expected = {"messages": 3, "texts": 0} if before is UNSEALED else {"messages": 1, "texts": 1}
    assert done == Resealed(**expected, replies=2, pages=1)
    assert b"4711" not in everything(raw)
    found = dict(lab.claim().messages)
    said = [AFTER.open(found[each].content) for each in ("m0", "m1", "m2")]
    assert said == [f'{{"text":"{each}"}}' for each in (SAID, SAID, f"{SAID} own")]
    assert lab.record("m3").content == ""
    assert [(each.id, each.letter.text) for each in await replies(astore)] == [
        *zip(heard, (f"{SAID} 1", f"{SAID} 2"), strict=True)
    ]
    assert await Spool(astore, seal=AFTER).aside() == [unread]
    assert all(0 < raw.pttl(name) <= life for name, life in lives.items())
    assert raw.pttl(keys.INBOUND) == raw.pttl(keys.UNREADABLE) == -1
    assert raw.keys(f"{keys.RENEWED}*") == []


async def test_a_second_rotation_finds_nothing_to_do(lab: Lab, astore: AsyncStore) -> None:
    fill(lab, BEFORE)
    await aside(astore, BEFORE)
    Resealer(lab.store, BOTH).run()

    assert Resealer(lab.store, BOTH).run() == Resealed()


async def test_what_no_key_opens_stays_and_is_counted(
    lab: Lab, astore: AsyncStore, raw: "redis.Redis"
) -> None:
    fill(lab, BEFORE)
    await aside(astore, BEFORE)
    before = everything(raw)

    assert Resealer(lab.store, AFTER).run() == Resealed(unopened=5)
    assert everything(raw) == before


async def test_pages_that_wait_for_the_parsers_are_only_counted(
    lab: Lab, astore: AsyncStore
) -> None:
    for seal in (BEFORE, UNSEALED, BOTH):
        await Spool(astore, seal=seal).put("tencent", RAW)

    assert Resealer(lab.store, BOTH).run() == Resealed(waiting=2)
    assert len(await Spool(astore, seal=BOTH).take("one", 10)) == 3


class Meddling(Store):
    """Does something once, right before an act."""

    before: dict[str, Callable[[], Any]]

    def run(self, act: Act[Any]) -> Any:
        meddle = self.before.pop(act.script.name, None)
        if meddle:
            meddle()
        return super().run(act)


@pytest.fixture
def meddling(redis_url: str) -> Any:
    store = Meddling(redis_url, timeout=10.0)
    yield store
    store.close()


def test_a_message_that_moves_meanwhile_keeps_what_it_became(lab: Lab, meddling: Meddling) -> None:
    fill(lab, BEFORE)

    def work() -> None:
        lab.claim()
        lab.settle(settled("m2", vendor_message_id="v2"))

    meddling.before = {"reseal": work}
    assert Resealer(meddling, BOTH).run().messages == 1

    found = lab.record("m2")
    assert (found.status, found.vendor_message_id, found.attempt) == (Status.SUBMITTED, "v2", 1)
    assert AFTER.open(found.content) == f'{{"text":"{SAID} own"}}'


def test_a_text_that_is_removed_meanwhile_does_not_come_back(lab: Lab, meddling: Meddling) -> None:
    fill(lab, BEFORE)
    meddling.before = {"reseal": lambda: lab.cancel("m2")}

    assert Resealer(meddling, BOTH).run().messages == 0

    assert lab.record("m2").content == ""


def test_a_shared_text_that_is_gone_meanwhile_does_not_come_back(
    lab: Lab, meddling: Meddling, raw: "redis.Redis"
) -> None:
    fill(lab, BEFORE)
    lab.cancel("m2")  # so that the first act is about shared texts
    meddling.before = {"reseal": lambda: raw.delete(*raw.keys(f"{keys.TEXT}*"))}

    assert Resealer(meddling, BOTH).run().texts == 0

    assert raw.keys(f"{keys.TEXT}*") == []


async def test_a_reply_that_comes_meanwhile_is_kept_in_its_place(
    lab: Lab, meddling: Meddling, astore: AsyncStore
) -> None:
    fill(lab, BEFORE)
    meddling.before = {"renew": lambda: hear(lab, BOTH, "3")}

    assert Resealer(meddling, BOTH).run().replies == 2

    assert [each.letter.vendor_message_id for each in await replies(astore)] == ["1", "2", "3"]


async def test_a_reply_that_is_erased_meanwhile_does_not_come_back(
    lab: Lab, meddling: Meddling, astore: AsyncStore, raw: "redis.Redis"
) -> None:
    fill(lab, BEFORE)
    first, second = await replies(astore, BEFORE)
    meddling.before = {"renew": lambda: raw.xdel(keys.INBOUND, second.id)}

    Resealer(meddling, BOTH).run()

    assert [each.id for each in await replies(astore)] == [first.id]
    assert raw.keys(f"{keys.RENEWED}*") == []


async def test_replies_that_the_inbox_drops_meanwhile_are_not_missed(
    lab: Lab, meddling: Meddling, astore: AsyncStore, raw: "redis.Redis"
) -> None:
    fill(lab, BEFORE)
    meddling.before = {"renew": lambda: raw.xtrim(keys.INBOUND, maxlen=1, approximate=False)}

    Resealer(meddling, BOTH).run()

    assert [each.letter.vendor_message_id for each in await replies(astore)] == ["2"]


async def test_a_long_inbox_is_written_anew_in_parts_and_in_order(
    lab: Lab, astore: AsyncStore
) -> None:
    marks = [str(place) for place in range(1500)]
    for first in range(0, 1500, 300):
        hear(lab, BEFORE, *marks[first : first + 300])

    assert Resealer(lab.store, BOTH).run().replies == 1500

    found = await Inbox(astore, AFTER).list("", 2000)
    assert [each.letter.vendor_message_id for each in found] == marks


def test_a_rotation_that_is_given_up_leaves_nothing_for_long(
    lab: Lab, meddling: Meddling, raw: "redis.Redis"
) -> None:
    fill(lab, BEFORE)

    def stop() -> None:
        raise KeyboardInterrupt

    meddling.before = {"renew": stop}
    with pytest.raises(KeyboardInterrupt):
        Resealer(meddling, BOTH).run()

    (left,) = raw.keys(f"{keys.RENEWED}*")
    assert 0 < raw.pttl(left) <= 600_000
    assert raw.xlen(keys.INBOUND) == 2
