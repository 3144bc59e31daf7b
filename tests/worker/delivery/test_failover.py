"""Who gets a message next, on a real server: rejections, health, weights and learned blocks."""

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
import redis

from tests.store.conftest import DAY, Lab, midnight
from tests.worker.conftest import Asked, Script, World, Worlds, answers
from worker.contract import keys
from worker.contract.status import Status, Stream
from worker.delivery.pump import Pump
from worker.store import care
from worker.vendors.base import Response

NUMBER = "+8613800138000"


def table(**more: Any) -> dict[str, Any]:
    return {
        "vendors": {name: {"adapter": "fake"} for name in ("one", "two", "three")},
        "routes": {each.value: ["one", "two", "three"] for each in Stream},
        **more,
    }


def each_does(does: Mapping[str, str], code: str = "") -> Script:
    async def script(asked: Asked) -> Response:
        return answers(*asked.ids, outcome=does.get(asked.account, "submitted"), code=code)

    return script


def accounts(pump: World) -> list[str]:
    return [asked.account for asked in pump.scripted.asked]


# --- what one vendor rejects ----------------------------------------------------------------------


async def test_what_one_rejects_another_may_take_where_the_stream_says_so(world: Worlds) -> None:
    rules = table(streams={"notice": {"failover_rejected": True}})
    pump = world(rules, script=each_does({"one": "rejected", "two": "rejected"}))
    ids = await pump.send(1)

    await pump.exhaust()

    assert accounts(pump) == ["one", "two", "three"]
    assert await pump.statuses(ids) == [Status.SUBMITTED]


async def test_no_account_is_asked_twice_for_what_it_rejected(world: Worlds) -> None:
    rules = table(streams={"notice": {"failover_rejected": True, "attempts": 9}})
    script = each_does({"one": "rejected", "two": "unavailable", "three": "rejected"})
    pump = world(rules, script=script)
    ids = await pump.send(1)

    await pump.exhaust()

    counts = Counter(accounts(pump))
    assert (counts["one"], counts["three"]) == (1, 1)
    assert await pump.statuses(ids) == [Status.REJECTED]


async def test_by_default_a_rejection_is_the_end(world: Worlds) -> None:
    pump = world(table(), script=each_does({"one": "rejected"}))
    ids = await pump.send(1)

    await pump.exhaust()

    assert accounts(pump) == ["one"]
    assert await pump.statuses(ids) == [Status.REJECTED]


# --- trouble here while the other is left alone ---------------------------------------------------


async def test_a_message_does_not_wait_for_a_suspended_account_while_another_may_be_well(
    world: Worlds,
) -> None:
    pump = world(
        {**table(), "routes": {"otp": ["one", "two"]}}, script=each_does({"one": "unavailable"})
    )
    await pump.store.run(care.trip("two", 900, 900, "the balance is used up"))
    ids = await pump.send(1, stream=Stream.OTP)
    await pump.pump_once(Stream.OTP)
    pump.scripted.script = each_does({"one": "unavailable"})

    await pump.exhaust(Stream.OTP)

    assert accounts(pump) == ["one"] * 3, "its attempts, and no wait of a quarter of an hour"
    assert await pump.statuses(ids) == [Status.REJECTED]


# --- health and weights ---------------------------------------------------------------------------


async def test_an_ailing_account_steps_back_and_is_found_well_again(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaker = {"failures": 10_000}
    pump = world(table(breaker=breaker), script=each_does({"one": "refused"}))
    for _ in range(2):  # the first time nobody knows yet how the others do
        await pump.send(60)
        await pump.exhaust()
    pump.scripted.script = each_does({})
    pump.scripted.asked.clear()

    await pump.send(10)
    await pump.exhaust()
    ailing = Counter(accounts(pump))
    monkeypatch.setattr(pump.pump._health, "factor", lambda name, now: 1.0)  # a minute later
    pump.scripted.asked.clear()
    await pump.send(10)
    await pump.exhaust()

    assert ailing == {"two": 10}
    assert Counter(accounts(pump)) == {"one": 10}


async def test_weights_share_the_claims_out_in_proportion(world: Worlds) -> None:
    rules = table(routes={"notice": {"one": 6, "two": 3, "three": 1}}, worker={"batch": 1})
    pump = world(rules)
    rolls = random.Random(11)
    pump.pump = Pump(pump.settings, pump.vendors, pump.store, pump.scripted, chance=rolls.random)
    ids = await pump.send(400)

    await pump.exhaust()

    counts = Counter(accounts(pump))
    assert await pump.all_are(ids, Status.SUBMITTED)
    assert counts["one"] == pytest.approx(240, abs=40)
    assert counts["two"] == pytest.approx(120, abs=35)
    assert counts["three"] == pytest.approx(40, abs=25)


# --- what a throttle code teaches -----------------------------------------------------------------


def alone(**more: Any) -> dict[str, Any]:
    return {"vendors": {"one": {"adapter": "fake"}}, **more}


async def test_a_code_that_slips_through_blocks_its_number_first_a_minute_then_the_day(
    world: Worlds, lab: Lab
) -> None:
    """As largesms 102 does: sixty seconds at the first, the next midnight at the second."""
    pump = world(alone(), script=each_does({"one": "capped"}, code="cap"))
    (message_id,) = await pump.send(1, number=NUMBER)
    lab.rewrite(message_id, expires=lab.now() + 3 * DAY)

    await pump.exhaust()
    first = await pump.record(message_id)
    lab.pass_time(60_500, ends=False)
    await pump.exhaust()
    second = await pump.record(message_id)

    assert first.due - first.updated == pytest.approx(60_000, abs=50)
    assert second.due == midnight(second.updated)
    assert (second.attempt, second.attempts, second.status) == (2, 0, Status.SCHEDULED)
    assert len(pump.scripted.asked) == 2
    (state,) = (await pump.store.run(care.states(["one"]))).accounts
    assert state.drift == {"cap": 2}


async def test_other_messages_to_the_number_learn_from_it_and_other_numbers_do_not(
    world: Worlds,
) -> None:
    pump = world(alone(), script=each_does({"one": "capped"}, code="cap"))
    await pump.send(1, number=NUMBER)
    await pump.exhaust()

    (same,) = await pump.send(1, number=NUMBER)
    (other,) = await pump.send(1)
    await pump.exhaust()

    assert (await pump.record(same)).attempt == 0
    assert (await pump.record(other)).attempt == 1


async def test_otp_evades_a_learned_block_at_once(world: Worlds) -> None:
    pump = world(table(), script=each_does({"one": "capped"}, code="cap"))
    ids = await pump.send(1, stream=Stream.OTP, number=NUMBER)

    await pump.exhaust(Stream.OTP)

    assert accounts(pump) == ["one", "two"]
    record = await pump.record(ids[0])
    assert (record.status, record.attempts) == (Status.SUBMITTED, 1)


async def test_an_answer_that_was_not_taken_leaves_the_number_its_window(
    world: Worlds, raw: "redis.Redis"
) -> None:
    limited = {"adapter": "fake", "limits": {"per_number": ["1/1h"]}}
    rules = {"vendors": {"one": limited}, "breaker": {"failures": 99}}
    pump = world(rules, script=each_does({"one": "rejected"}))
    await pump.send(1, number=NUMBER)
    await pump.exhaust()
    pump.scripted.script = each_does({"one": "unavailable"})
    await pump.send(1, number=NUMBER)
    await pump.exhaust()
    free = raw.keys(keys.NUMBER + "one:*")
    pump.scripted.script = each_does({"one": "unknown"})
    await pump.send(2, number=NUMBER)
    await pump.exhaust()

    assert free == []
    assert raw.strlen(raw.keys(keys.NUMBER + "one:*")[0]) == 12
    assert Counter(accounts(pump))["one"] == 1 + 5 + 1, "the last one waits for the window"
