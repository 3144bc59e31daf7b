"""Sealed texts through a pump: opened after the claim, and never sent where they cannot be."""

from dataclasses import replace

import pytest
import redis
from cryptography.fernet import Fernet
from structlog.testing import capture_logs

from producers import AsyncClient
from tests.dump import everything
from tests.worker.coming_back import Post, page, reply, table
from tests.worker.conftest import World, Worlds
from worker.contract import keys
from worker.contract import settings as reading
from worker.contract.events import Raw
from worker.contract.status import Status
from worker.incoming.intake import Intake
from worker.store import acts, care
from worker.store.client import AsyncStore
from worker.store.inbox import Inbox
from worker.store.sealing import Seal
from worker.store.spool import Spool

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
REASON = "its text cannot be opened: [privacy] text_keys"
SAID = "机密-4711"


async def sent(world: World, *said: str, keyed: str = NEW) -> list[str]:
    """Send by a client that seals with a key; it knows no accounts."""
    table = {"redis_url": world.settings.redis_url, "privacy": {"text_keys": [keyed]}}
    client = AsyncClient(config=reading.parse(table))
    try:
        messages = [
            {"to": f"139{place:08d}", "text": text, "idempotency_key": f"{text}{place}"}
            for place, text in enumerate(said)
        ]
        return await client.send_many(messages)
    finally:
        await client.close()


def texts(world: World) -> dict[str, str]:
    return {each: asked.text for asked in world.scripted.asked for each in asked.ids}


@pytest.mark.parametrize("known", [[NEW], [NEW, OLD], [OLD, NEW]])
async def test_a_sealed_text_reaches_the_vendor_and_nobody_reads_it_in_redis(
    world: Worlds, raw: "redis.Redis", known: list[str]
) -> None:
    pump = world({"privacy": {"text_keys": known}, "store": {"keep_texts": ""}})
    shared, own = await sent(pump, *[SAID] * 20), await sent(pump, f"{SAID} own")
    assert b"4711" not in everything(raw)
    assert len(raw.keys(f"{keys.TEXT}*")) == 1

    await pump.exhaust()

    assert {texts(pump)[each] for each in shared} == {SAID}
    assert [texts(pump)[each] for each in own] == [f"{SAID} own"]
    assert await pump.all_are(shared + own, Status.SUBMITTED)
    assert b"4711" not in everything(raw)


async def test_plain_texts_of_before_go_out_when_there_are_keys(world: Worlds) -> None:
    pump = world({"privacy": {"text_keys": [NEW]}})
    ids = await pump.send(3, text=SAID)

    await pump.exhaust()

    assert texts(pump) == dict.fromkeys(ids, SAID)


@pytest.mark.parametrize("known", [[], [OLD]], ids=["no key", "another key"])
async def test_without_its_key_a_message_is_a_dead_letter_that_can_be_replayed(
    world: Worlds, known: list[str]
) -> None:
    two = {"one": {"adapter": "fake"}, "two": {"adapter": "fake"}}
    routes = {"notice": ["one", "two"]}
    pump = world({"privacy": {"text_keys": known}, "vendors": two, "routes": routes})
    ids = await sent(pump, SAID, SAID, f"{SAID} own")

    with capture_logs() as told:
        await pump.exhaust()

    assert pump.scripted.asked == [], "nothing left"
    found = await pump.records(ids)
    assert {(each.status, each.reason) for each in found} == {(Status.REJECTED, REASON)}
    alarms = [each for each in told if each["event"] == "submit.answer"]
    assert [(each["log_level"], each["reason"]) for each in alarms] == [("warning", REASON)] * 3
    assert "4711" not in repr(told)
    await _replayed(pump, world, ids)


async def _replayed(before: World, world: Worlds, ids: list[str]) -> None:
    for place, each in enumerate(ids):
        act = care.replay(each, f"again{place}", validity=600, retention=600)
        assert await before.store.run(act)
    pump = world({"privacy": {"text_keys": [NEW]}})
    await pump.exhaust()
    assert texts(pump) == {"again0": SAID, "again1": SAID, "again2": f"{SAID} own"}


async def test_one_that_cannot_be_opened_holds_up_no_other(world: Worlds) -> None:
    pump = world({"privacy": {"text_keys": [NEW]}})
    good = await sent(pump, SAID)
    (bad,) = await sent(pump, f"{SAID} lost", keyed=OLD)

    await pump.exhaust()

    assert texts(pump) == dict.fromkeys(good, SAID)
    assert (await pump.record(bad)).status is Status.REJECTED


async def test_an_idempotency_key_is_the_same_message_under_another_key(world: Worlds) -> None:
    pump = world({"privacy": {"text_keys": [NEW, OLD]}})

    assert await sent(pump, SAID, keyed=OLD) == await sent(pump, SAID)


async def test_a_reply_is_never_in_clear_from_the_callback_to_the_app(
    redis_url: str, raw: "redis.Redis"
) -> None:
    settings = table(redis_url)
    privacy = reading.parse({"privacy": {"text_keys": [NEW]}}).privacy
    store, seal = AsyncStore(redis_url, timeout=10.0), Seal([NEW])
    post = Post(replace(settings, privacy=privacy), store)
    raw_page = Raw("report", page(reply(SAID)))
    await Spool(store, seal=seal).put("tencent", raw_page)
    assert b"4711" not in everything(raw)

    assert await Intake(post.settings, post.vendors, store, post.transport).round() == 1

    assert b"4711" not in everything(raw)
    assert [each.letter.text for each in await Inbox(store, seal).list()] == [SAID]
    await store.close()


async def test_a_sealed_text_can_be_asked_for_by_who_has_no_key(world: Worlds) -> None:
    pump = world()
    (message_id,) = await sent(pump, SAID)

    (found,) = await pump.store.run(acts.find([message_id]))

    assert found is not None
    assert found.content.startswith("~")
