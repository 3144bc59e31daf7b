"""The pump on a real server: what it claims, how it submits, and what it does with each answer."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import redis

from tests.worker.conftest import Asked, Listening, Script, Serve, World, Worlds, answers, until
from worker.contract.errors import StoreError
from worker.contract.keys import ready
from worker.contract.record import Content
from worker.contract.settings import environment
from worker.contract.status import Status, Stream
from worker.delivery import limits
from worker.store import acts
from worker.store.acts import Act
from worker.transport import Lost, NotSent, Transport
from worker.vendors.base import Response, Unreadable

SUBMITTED, UNKNOWN, REJECTED = Status.SUBMITTED, Status.UNKNOWN, Status.REJECTED
Rings = Callable[[Stream], int]


def always(outcome: str, code: str = "", *, split: bool = False) -> Script:
    async def script(asked: Asked) -> Response:
        return answers(*asked.ids, outcome=outcome, code=code, split=split)

    return script


def fails(error: Exception) -> Script:
    async def script(asked: Asked) -> Response:
        raise error

    return script


class Gate:
    """A script that answers nobody until it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.waiting = 0

    async def __call__(self, asked: Asked) -> Response:
        self.waiting += 1
        await self.opened.wait()
        return answers(*asked.ids)


def two(first: str = "fake", second: str = "fake") -> dict[str, Any]:
    """Settings of a route with two accounts."""
    return {
        "vendors": {"one": {"adapter": first}, "two": {"adapter": second}},
        "routes": {stream.value: ["one", "two"] for stream in Stream},
    }


# --- claiming -------------------------------------------------------------------------------------


async def test_one_ring_submits_everything_that_is_ready(world: Worlds) -> None:
    pump = world({"worker": {"in_flight": 64, "reserve": 8, "batch": 50}})
    ids = await pump.send(700)

    claimed = await pump.pump_once()

    assert claimed == 700
    assert Counter(pump.scripted.ids) == Counter(ids)
    assert await pump.all_are(ids, SUBMITTED)
    record = await pump.record(ids[0])
    assert (record.vendor_message_id, record.attempts) == (f"v-{ids[0]}", 1)


async def test_a_ring_for_an_empty_stream_claims_nothing(world: Worlds) -> None:
    assert await world().pump_once() == 0


async def test_a_ring_serves_its_own_stream_only(world: Worlds) -> None:
    pump = world()
    notice = await pump.send(3)
    otp = await pump.send(2, stream=Stream.OTP)

    await pump.pump_once(Stream.OTP)

    assert await pump.all_are(otp, SUBMITTED)
    assert await pump.all_are(notice, Status.ACCEPTED)


async def test_no_more_is_in_flight_than_the_settings_allow_whatever_rings(world: Worlds) -> None:
    async def script(asked: Asked) -> Response:
        await asyncio.sleep(0.002)
        return answers(*asked.ids)

    pump = world({"worker": {"in_flight": 40, "reserve": 8, "batch": 32}}, script=script)
    ids = [each for stream in Stream for each in await pump.send(200, stream=stream)]

    await asyncio.gather(*(pump.pump.run(stream) for stream in Stream))
    await pump.pump.drain()

    assert await pump.all_are(ids, SUBMITTED)
    assert pump.scripted.open_most <= 40


async def test_bulk_from_two_streams_leaves_otp_its_slots(world: Worlds) -> None:
    gate = Gate()
    pump = world({"worker": {"in_flight": 40, "reserve": 8, "batch": 32}}, script=gate)
    for stream in (Stream.NOTICE, Stream.MARKETING):
        await pump.send(100, stream=stream)
    bulk = [
        asyncio.create_task(pump.pump.run(stream)) for stream in (Stream.NOTICE, Stream.MARKETING)
    ]
    await until(lambda: gate.waiting == 32, "bulk fills what it may have")

    otp = asyncio.create_task(pump.pump.run(Stream.OTP))
    codes = await pump.send(20, stream=Stream.OTP)
    again = asyncio.create_task(pump.pump.run(Stream.OTP))
    await until(lambda: gate.waiting == 40, "otp has the rest")
    await pump.store.run(acts.find(["-"]))

    assert [asked for asked in pump.scripted.ids[32:] if asked not in codes] == []
    assert gate.waiting == 40
    gate.opened.set()
    await asyncio.gather(*bulk, otp, again)


async def test_the_slowest_answer_holds_up_nobody(world: Worlds) -> None:
    gate = Gate()

    async def script(asked: Asked) -> Response:
        if asked.text.startswith("slow"):
            return await gate(asked)
        return answers(*asked.ids)

    pump = world({"worker": {"in_flight": 40, "reserve": 8, "batch": 32}}, script=script)
    slow = await pump.send(25, text="slow")
    fast = await pump.send(600)

    await pump.pump.run(Stream.NOTICE)
    await until(lambda: pump.all_are(fast, SUBMITTED), "the fast ones are done")

    assert await pump.all_are(slow, Status.SUBMITTING)
    gate.opened.set()
    await pump.pump.drain()
    assert await pump.all_are(slow, SUBMITTED)


async def test_a_second_ring_makes_the_pump_look_again(world: Worlds) -> None:
    gate = Gate()
    pump = world({"worker": {"in_flight": 9, "reserve": 8, "batch": 8}}, script=gate)
    await pump.send(2)
    first = asyncio.create_task(pump.pump.run(Stream.NOTICE))
    await until(lambda: gate.waiting == 1, "the only slot is taken")

    assert await pump.pump.run(Stream.NOTICE) == 0

    gate.opened.set()
    assert await first == 2


async def test_rings_and_messages_in_any_order_leave_nothing_behind(world: Worlds) -> None:
    pump = world()
    ids: list[str] = []
    for _ in range(30):
        runs = [asyncio.create_task(pump.pump.run(Stream.NOTICE)) for _ in range(3)]
        ids += await pump.send(3)
        await asyncio.gather(*runs)
        await pump.pump.run(Stream.NOTICE)
    await pump.pump.drain()

    assert await pump.all_are(ids, SUBMITTED)
    assert Counter(pump.scripted.ids) == Counter(ids)


async def test_when_its_slice_is_over_a_pump_rings_for_the_rest(
    world: Worlds, rings: Rings, raw: "redis.Redis"
) -> None:
    gate = Gate()
    worker = {"slice": 0.2, "in_flight": 20, "reserve": 4, "batch": 16}
    pump = world({"worker": worker}, script=gate)
    await pump.send(50)
    raw.delete("sms.notice")
    running = asyncio.create_task(pump.pump.run(Stream.NOTICE))
    await until(lambda: gate.waiting == 16)
    await asyncio.sleep(0.25)  # longer than the slice; nothing tells

    gate.opened.set()
    claimed = await running
    await pump.pump.drain()

    assert claimed < 50
    assert rings(Stream.NOTICE) >= 1
    await pump.exhaust()
    assert len(pump.scripted.ids) == 50


async def test_an_account_that_is_as_fast_as_it_may_be_makes_the_pump_wait(world: Worlds) -> None:
    limits = {"per_second": 100}
    pump = world({"vendors": {"one": {"adapter": "fake", "limits": limits}}})
    ids = await pump.send(40)

    await pump.pump_once()

    times = [asked.at for asked in pump.scripted.asked]
    assert await pump.all_are(ids, SUBMITTED)
    assert times[-1] - times[0] > 0.25  # 40 at 100 a second, five of them at once


# --- what travels together ------------------------------------------------------------------------


async def test_the_same_text_to_many_goes_in_as_few_calls_as_the_vendor_takes(
    world: Worlds,
) -> None:
    pump = world({"vendors": {"one": {"adapter": "many"}}})
    ids = await pump.send(20)

    await pump.pump_once()

    assert [len(asked.ids) for asked in pump.scripted.asked] == [8, 8, 4]
    assert pump.scripted.ids == ids
    assert await pump.all_are(ids, SUBMITTED)


async def test_texts_that_differ_go_alone(world: Worlds) -> None:
    pump = world({"vendors": {"one": {"adapter": "many"}}})
    await pump.send(12, text=lambda place: f"您的验证码是{place % 4}")

    await pump.pump_once()

    calls = {asked.text: len(asked.ids) for asked in pump.scripted.asked}
    assert calls == {f"您的验证码是{place}": 3 for place in range(4)}


async def test_each_number_of_a_call_has_its_own_answer(world: Worlds) -> None:
    async def script(asked: Asked) -> Response:
        rows = [["submitted", "v1", "", False], ["barred", "", "7", False]]
        rows += [["unknown", "", "", False], ["throttled", "", "21", False]]
        return Response(200, str(rows).replace("'", '"').replace("False", "false"))

    pump = world({"vendors": {"one": {"adapter": "many"}}}, script=script)
    ids = await pump.send(4)

    await pump.pump_once()

    assert await pump.statuses(ids) == [SUBMITTED, REJECTED, UNKNOWN, Status.SCHEDULED]


async def test_a_call_with_too_many_numbers_is_halved_once_and_sent_again(world: Worlds) -> None:
    async def script(asked: Asked) -> Response:
        if len(asked.ids) > 4:
            return answers(*asked.ids, outcome="throttled", code="102", split=True)
        return answers(*asked.ids)

    pump = world({"vendors": {"one": {"adapter": "many"}}}, script=script)
    ids = await pump.send(24)

    await pump.exhaust()

    sizes = [len(asked.ids) for asked in pump.scripted.asked]
    assert sizes == sorted(sizes, reverse=True)
    assert set(sizes) == {8, 4}
    assert sizes.count(4) == 24 / 4
    assert await pump.all_are(ids, SUBMITTED)
    assert {record.attempts for record in await pump.records(ids)} == {1}


async def test_one_number_too_many_in_a_call_does_not_make_the_calls_smaller(
    world: Worlds,
) -> None:
    first = True

    async def script(asked: Asked) -> Response:
        nonlocal first
        repeated, first = first, False
        rows = [["submitted", f"v-{each}", "", False] for each in asked.ids]
        if repeated:
            rows[-1] = ["throttled", "", "", True]
        return Response(
            200, str(rows).replace("'", '"').replace("False", "false").replace("T", "t")
        )

    pump = world({"vendors": {"one": {"adapter": "many"}}}, script=script)
    ids = await pump.send(16)

    await pump.exhaust()

    assert [len(asked.ids) for asked in pump.scripted.asked] == [8, 8, 1]
    assert await pump.all_are(ids, SUBMITTED)


async def test_a_single_number_that_is_too_many_waits_instead_of_spinning(world: Worlds) -> None:
    pump = world(script=always("throttled", split=True))
    ids = await pump.send(1)

    await pump.pump_once()

    assert len(pump.scripted.asked) == 1
    assert await pump.statuses(ids) == [Status.SCHEDULED]


# --- what an answer comes to ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "status", "attempts"),
    [
        (always("submitted"), SUBMITTED, 1),
        (always("rejected", "9"), REJECTED, 1),
        (always("barred", "7"), REJECTED, 1),
        (always("unknown"), UNKNOWN, 1),
        (always("throttled"), Status.SCHEDULED, 0),
        (always("capped", "else"), Status.SCHEDULED, 0),
        (always("suspended"), Status.SCHEDULED, 0),
        (fails(Lost("no answer in time")), UNKNOWN, 1),
        (fails(Unreadable("odd")), UNKNOWN, 1),
        (fails(KeyError("a bug")), UNKNOWN, 1),
        (fails(TimeoutError()), UNKNOWN, 1),
    ],
    ids=lambda value: getattr(value, "__qualname__", str(value)).split(".")[0],
)
async def test_an_outcome_comes_to_its_status(
    world: Worlds, script: Script, status: Status, attempts: int
) -> None:
    pump = world(script=script)
    ids = await pump.send(3)

    await pump.pump_once()

    assert len(pump.scripted.ids) == 3
    for record in await pump.records(ids):
        assert (record.status, record.attempts) == (status, attempts)


async def test_what_was_never_sent_goes_again_until_its_attempts_are_used_up(
    world: Worlds,
) -> None:
    pump = world({"streams": {"notice": {"attempts": 3}}}, script=fails(NotSent("no connection")))
    ids = await pump.send(2)

    await pump.exhaust()

    assert Counter(pump.scripted.ids) == dict.fromkeys(ids, 3)
    for record in await pump.records(ids):
        assert (record.status, record.reason) == (REJECTED, "no connection")


async def test_a_capped_number_is_not_asked_for_again_before_its_window_ends(
    world: Worlds,
) -> None:
    pump = world(script=always("capped", "cap"))
    first = await pump.send(1, number="+8613900000001")
    await pump.exhaust()

    second = await pump.send(1, number="+8613900000001")
    await pump.exhaust()

    assert pump.scripted.ids == first
    assert await pump.statuses([*first, *second]) == [Status.SCHEDULED] * 2


async def test_too_few_answers_leave_everything_unknown(world: Worlds) -> None:
    async def script(asked: Asked) -> Response:
        return answers(*asked.ids[1:])

    pump = world({"vendors": {"one": {"adapter": "many"}}}, script=script)
    ids = await pump.send(5)

    await pump.pump_once()

    assert await pump.all_are(ids, UNKNOWN)
    assert len(pump.scripted.asked) == 1


@pytest.mark.parametrize("body", ["{", "null", "[[1]]", '[["sent","","",false]]', ""])
async def test_an_answer_that_breaks_the_adapter_leaves_the_message_unknown(
    world: Worlds, body: str
) -> None:
    async def script(asked: Asked) -> Response:
        return Response(200, body)

    pump = world(script=script)
    ids = await pump.send(1)

    await pump.pump_once()

    assert await pump.statuses(ids) == [UNKNOWN]


# --- adapters with bugs, settings that differ -----------------------------------------------------

BROKEN = {"vendors": {"one": {"adapter": "broken"}}, "streams": {"notice": {"attempts": 2}}}


@pytest.mark.parametrize("where", ["build", "refuse"])
async def test_an_adapter_that_fails_before_anything_left_may_try_again_and_gives_up(
    world: Worlds, where: str
) -> None:
    pump = world(BROKEN)
    ids = await pump.send(1, text=where)

    await pump.exhaust()

    record = await pump.record(ids[0])
    assert (record.status, record.attempts) == (REJECTED, 2)
    assert record.reason.startswith("the adapter failed")
    assert pump.scripted.asked == []


async def test_one_odd_message_takes_none_of_its_neighbours_along(
    world: Worlds, raw: "redis.Redis"
) -> None:
    pump = world({"vendors": {"one": {"adapter": "broken"}, "two": {"adapter": "fake"}}})
    odd = await pump.send(1, text="refuse", pin="one")
    unreadable = await pump.send(1, content=Content(text="x" * 9), pin="two")
    packed = raw.get(f"xinshi:m:{unreadable[0]}")
    assert isinstance(packed, bytes)
    raw.set(
        f"xinshi:m:{unreadable[0]}", packed.replace(b'"text":"xxxxxxxxx"', b'"text":{xxxxxxxxxx')
    )
    good = await pump.send(5, pin="two")

    await pump.pump.run(Stream.NOTICE)
    await pump.pump.drain()

    assert await pump.all_are(good, SUBMITTED)
    assert pump.scripted.ids == good
    for record in await pump.records([*odd, *unreadable]):
        assert record.status in (Status.SCHEDULED, Status.ACCEPTED, REJECTED)


async def test_no_log_of_a_broken_adapter_quotes_the_message(
    world: Worlds, capsys: pytest.CaptureFixture[str]
) -> None:
    pump = world(BROKEN)
    await pump.send(1, text="build")
    await pump.send(1, text="refuse")
    await pump.send(1, text="read")

    await pump.exhaust()

    printed = capsys.readouterr()
    assert "adapter.broken" in printed.out + printed.err
    assert "1390000000" not in printed.out + printed.err


async def test_a_template_that_the_worker_does_not_know_ends_the_message(world: Worlds) -> None:
    pump = world()
    ids = await pump.send(1, content=Content(template="gone", params={"code": "1"}))

    await pump.pump_once()

    record = await pump.record(ids[0])
    assert (record.status, record.reason) == (REJECTED, "template gone is not in the settings")
    assert pump.scripted.asked == []


async def test_a_parameter_that_the_template_lacks_ends_the_message(world: Worlds) -> None:
    pump = world({"templates": {"otp": {"text": "验证码{code}"}}})
    ids = await pump.send(1, content=Content(template="otp"))

    await pump.pump_once()

    record = await pump.record(ids[0])
    assert (record.status, record.reason) == (
        REJECTED,
        "parameter 'code' of the template is missing",
    )


# --- another account ------------------------------------------------------------------------------


async def test_a_suspended_account_hands_over_to_the_next_at_once(world: Worlds) -> None:
    async def script(asked: Asked) -> Response:
        return answers(*asked.ids, outcome="suspended" if asked.account == "one" else "submitted")

    pump = world(two(), script=script)
    ids = await pump.send(3)

    await pump.exhaust()

    assert [asked.account for asked in pump.scripted.asked] == ["one"] * 3 + ["two"] * 3
    for record in await pump.records(ids):
        assert (record.status, record.account, record.attempts) == (SUBMITTED, "two", 1)


async def test_a_suspended_account_is_not_hammered_where_the_other_cannot_carry_the_message(
    world: Worlds,
) -> None:
    pump = world(two(second="templates"), script=always("suspended"))
    ids = await pump.send(1)

    await pump.exhaust()

    assert len(pump.scripted.asked) == 1
    assert await pump.statuses(ids) == [Status.SCHEDULED]


async def test_a_pinned_message_stays_with_its_account(world: Worlds) -> None:
    pump = world(two(), script=always("suspended"))
    ids = await pump.send(1, pin="one")

    await pump.exhaust()

    assert [asked.account for asked in pump.scripted.asked] == ["one"]
    assert await pump.statuses(ids) == [Status.SCHEDULED]


async def test_all_accounts_suspended_means_each_is_asked_once(world: Worlds) -> None:
    pump = world(two(), script=always("suspended"))
    ids = await pump.send(1)

    await pump.exhaust()

    assert [asked.account for asked in pump.scripted.asked] == ["one", "two"]
    assert await pump.statuses(ids) == [Status.SCHEDULED]


async def test_what_one_account_cannot_carry_another_one_may(world: Worlds) -> None:
    pump = world(two(first="broken"))
    pump.vendors["one"].needs_signature = True  # type: ignore[misc]
    ids = await pump.send(2, text="没有签名")

    await pump.exhaust()

    assert [asked.account for asked in pump.scripted.asked] == ["two", "two"]
    for record in await pump.records(ids):
        assert (record.status, record.account, record.attempts) == (SUBMITTED, "two", 1)


@pytest.mark.parametrize("outcome", ["unknown", "submitted", "rejected", "barred"])
async def test_what_another_account_must_not_get_stays_away_from_it(
    world: Worlds, outcome: str
) -> None:
    pump = world(two(), script=always(outcome))
    await pump.send(2)

    await pump.exhaust()

    assert [asked.account for asked in pump.scripted.asked] == ["one", "one"]


# --- a store that is away, a process that stood still ---------------------------------------------

AWAY = {"store": {"timeout": 0.3}}


async def test_answers_that_came_while_the_store_stood_still_are_settled_afterwards(
    world: Worlds, frozen: Callable[[bool], None]
) -> None:
    gate = Gate()
    pump = world(AWAY, script=gate)
    ids = await pump.send(60)
    running = asyncio.create_task(pump.pump.run(Stream.NOTICE))
    await until(lambda: gate.waiting == 60)

    frozen(True)
    gate.opened.set()
    await asyncio.sleep(0.7)  # some tries to settle fail; nothing tells
    frozen(False)
    await running
    await pump.pump.drain()

    assert Counter(pump.scripted.ids) == Counter(ids)
    assert await pump.all_are(ids, SUBMITTED)


async def test_a_store_that_stands_still_in_the_middle_loses_and_doubles_nothing(
    world: Worlds, frozen: Callable[[bool], None]
) -> None:
    async def script(asked: Asked) -> Response:
        await asyncio.sleep(0.01)
        return answers(*asked.ids)

    worker = {"in_flight": 40, "reserve": 8, "batch": 16}
    pump = world({**AWAY, "worker": worker}, script=script)
    ids = await pump.send(600)
    running = asyncio.create_task(pump.pump.run(Stream.NOTICE))
    await until(lambda: len(pump.scripted.ids) > 150)

    frozen(True)
    await asyncio.sleep(1.5)  # several time-outs of the store
    frozen(False)
    await running
    await pump.exhaust()

    assert Counter(pump.scripted.ids) == Counter(ids)
    assert await pump.all_are(ids, SUBMITTED)


async def test_cut_connections_lose_and_double_nothing(world: Worlds, raw: "redis.Redis") -> None:
    async def script(asked: Asked) -> Response:
        await asyncio.sleep(0.005)
        return answers(*asked.ids)

    pump = world({"worker": {"in_flight": 40, "reserve": 8, "batch": 16}}, script=script)
    ids = await pump.send(500)
    running = asyncio.create_task(pump.pump.run(Stream.NOTICE))
    for done in (100, 230, 360):
        await until(lambda done=done: len(pump.scripted.ids) > done or running.done())  # type: ignore[misc]
        raw.client_kill_filter(_type="normal", skipme=True)
    await running
    await pump.exhaust()

    assert Counter(pump.scripted.ids) == Counter(ids)
    assert await pump.all_are(ids, SUBMITTED)


async def test_a_claim_without_an_answer_is_taken_back_as_the_pump_stops(world: Worlds) -> None:
    pump = world()
    ids = await pump.send(5)
    run, lost = pump.store.run, True

    async def once(act: Act[Any]) -> Any:
        nonlocal lost
        if act.script.name != "claim" or not lost:
            return await run(act)
        lost = False
        await pump.store.redis.evalsha(act.script.digest, 0, *act.args)
        pump.pump.stop()
        raise StoreError("Redis did not answer in time")

    await run(
        acts.claim(Stream.OTP, 0, limits.pack(Stream.OTP, pump.settings, pump.vendors))
    )  # the script is there from now on
    pump.store.run = once  # type: ignore[method-assign]

    await pump.pump_once()

    assert pump.scripted.asked == []
    assert await pump.all_are(ids, Status.ACCEPTED)


class Slow:
    """A store whose claims take their time to come back, as if the process stood still."""

    def __init__(self, world: World, delay: float) -> None:
        run = world.store.run

        async def late(act: Act[Any]) -> Any:
            found = await run(act)
            if act.script.name == "claim":
                await asyncio.sleep(delay)
            return found

        world.store.run = late  # type: ignore[method-assign]


async def test_a_claim_that_is_too_old_is_given_back_and_not_submitted(world: Worlds) -> None:
    pump = world({"worker": {"grace": 0.2}})
    ids = await pump.send(3)
    Slow(pump, 0.15)

    await pump.pump.run(Stream.NOTICE)
    await pump.pump.drain()

    assert pump.scripted.asked == []
    for record in await pump.records(ids):
        assert (record.status, record.attempts) == (Status.SCHEDULED, 0)


FREEZER = """
import asyncio, os, signal, sys
from worker.contract import settings
from worker.contract.status import Stream
from worker.store.client import AsyncStore
from worker.delivery.pump import Pump
from worker.transport import Transport
from worker.vendors.zhenzi import Adapter

async def main():
    found = settings.load()
    store, transport = AsyncStore(found.redis_url), Transport()
    transport.open()
    run = store.run

    async def still(act):
        answer = await run(act)
        if act.script.name == "claim" and answer.messages:
                os.kill(os.getpid(), signal.SIGSTOP)
        return answer

    store.run = still
    pump = Pump(found, {"one": Adapter("one", found.vendors["one"])}, store, transport)
    await pump.run(Stream.NOTICE)
    await pump.drain()
    await transport.close()

asyncio.run(main())
"""


async def test_a_process_that_stood_still_after_its_claim_submits_nothing_late(
    world: Worlds, serve: Serve, redis_url: str, tmp_path: Any
) -> None:
    async def handle(
        seen: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await seen.request(reader)

    vendor = await serve(handle)
    keys = f'adapter = "zhenzi"\nbase_url = "{vendor.url}"\napp_id = "1"\napp_secret = "2"'
    config = tmp_path / "xinshi.toml"
    config.write_text(
        f'redis_url = "{redis_url}"\n[worker]\ngrace = "600ms"\n[vendors.one]\n{keys}\n'
        '[vendors.one.timeouts]\ntotal = "400ms"\n'
    )
    pump = world()
    ids = await pump.send(3)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FREEZER), env=environment(XINSHI_CONFIG=str(config))
    )
    try:
        await asyncio.to_thread(os.waitid, os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        await until(lambda: _swept(pump, ids), "the attempts count as lost")

        child.send_signal(signal.SIGCONT)
        assert await child.wait() == 0
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()

    assert vendor.heads == [], "it was submitted after its attempt counted as lost"
    assert await pump.all_are(ids, Status.SCHEDULED), "what surely was not sent goes again"


async def _swept(pump: World, ids: list[str]) -> bool:
    await pump.store.run(acts.sweep(100))
    return await pump.all_are(ids, UNKNOWN)


# --- stopping -------------------------------------------------------------------------------------


async def test_a_pump_that_stops_finishes_what_is_in_flight_and_rings_for_the_rest(
    world: Worlds, rings: Rings, raw: "redis.Redis"
) -> None:
    gate = Gate()
    pump = world({"worker": {"in_flight": 24, "reserve": 8, "batch": 16}}, script=gate)
    ids = await pump.send(40)
    raw.delete("sms.notice")
    running = asyncio.create_task(pump.pump.run(Stream.NOTICE))
    await until(lambda: gate.waiting == 16)

    pump.pump.stop()
    await running
    draining = asyncio.create_task(pump.pump.drain())
    await asyncio.sleep(0.02)
    assert not draining.done()
    gate.opened.set()
    await draining

    counts = Counter(await pump.statuses(ids))
    assert counts == {SUBMITTED: 16, Status.ACCEPTED: 24}
    assert raw.llen(ready(Stream.NOTICE)) == 24
    assert rings(Stream.NOTICE) >= 1


async def test_what_a_claim_brings_while_the_pump_stops_is_still_submitted(world: Worlds) -> None:
    pump = world()
    ids = await pump.send(5)
    Slow(pump, 0.1)
    running = asyncio.create_task(pump.pump.run(Stream.NOTICE))
    await until(lambda: pump.all_are(ids, Status.SUBMITTING), "the claim is on its way back")

    pump.pump.stop()
    await pump.pump.drain()

    assert running.done()
    assert await pump.all_are(ids, SUBMITTED)


async def test_a_pump_that_stopped_claims_nothing_for_a_late_ring(
    world: Worlds, rings: Rings, raw: "redis.Redis"
) -> None:
    pump = world()
    ids = await pump.send(5)
    raw.delete("sms.notice")
    pump.pump.stop()

    assert await pump.pump.run(Stream.NOTICE) == 0

    assert await pump.all_are(ids, Status.ACCEPTED)
    assert rings(Stream.NOTICE) == 1


async def test_a_pump_without_a_store_ends_with_its_slice_and_neither_raises_nor_spins(
    world: Worlds,
) -> None:
    pump = world({"worker": {"slice": 0.3}})
    tries = []

    async def away(act: Act[Any]) -> Any:
        tries.append(act.script.name)
        raise StoreError("Redis cannot be reached")

    pump.store.run = away  # type: ignore[method-assign]

    assert await pump.pump.run(Stream.NOTICE) == 0
    assert len(tries) < 5


# --- over real HTTP -------------------------------------------------------------------------------


async def test_over_real_http_every_answer_finds_its_message(world: Worlds, serve: Serve) -> None:
    counts: Counter[str] = Counter()

    async def handle(
        seen: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            body = (await seen.request(reader)).decode()
            message_id = body.split("ids=")[1].split("&")[0]
            counts[message_id] += 1
            place = int(message_id[1:])
            if place % 50 == 7:  # taken, and the answer is lost
                return
            answer = answers(message_id, outcome="barred" if place % 50 == 8 else "submitted").body
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n"
            writer.write((head + answer).encode())
            await writer.drain()

    vendor = await serve(handle)
    transport = Transport()
    transport.open()
    table = {"vendors": {"one": {"adapter": "fake", "base_url": vendor.url}}}
    pump = world(table, transport=transport)
    ids = await pump.send(500)

    await pump.pump_once()

    assert counts == dict.fromkeys(ids, 1)
    for place, record in enumerate(await pump.records(ids)):
        expected = {7: UNKNOWN, 8: REJECTED}.get(place % 50, SUBMITTED)
        assert record.status is expected
        if expected is SUBMITTED:
            assert record.vendor_message_id == f"v-{ids[place]}"
