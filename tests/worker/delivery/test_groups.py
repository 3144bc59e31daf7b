"""Calls that carry many recipients: filled over several claims, and never held for long."""

import asyncio
from typing import Any

import pytest

from tests.worker.conftest import Fake, Many, Worlds, until
from worker.contract.record import Record
from worker.contract.settings import Account
from worker.contract.status import Status, Stream
from worker.delivery import pump as pumping
from worker.delivery.groups import Attempt, Groups
from worker.store.acts import Act
from worker.vendors.base import Outgoing

MANY = {
    "vendors": {"one": {"adapter": "many"}},  # eight recipients a call
    "worker": {"in_flight": 64, "reserve": 8, "batch": 5},
}


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a call wait for its recipients as long as it takes."""
    monkeypatch.setattr(pumping, "_GATHER", 3600.0)


def attempt(number: int, group: str = "a") -> Attempt:
    record = Record(
        *(Status.SUBMITTING, Stream.NOTICE, "+8613900000000", "", 1, 1, "", "", "", 0, 0, 0)
    )
    return Attempt(f"m{number}", record, Outgoing(id=f"m{number}", number="1"), group)


@pytest.mark.usefixtures("patient")
async def test_one_text_fills_the_vendors_calls_whatever_the_size_of_a_claim(
    world: Worlds,
) -> None:
    pump = world(MANY)
    ids = await pump.send(43)

    await pump.pump_once()

    assert [len(asked.ids) for asked in pump.scripted.asked] == [8, 8, 8, 8, 8, 3]
    assert sorted(pump.scripted.ids) == ids
    assert await pump.all_are(ids, Status.SUBMITTED)


@pytest.mark.usefixtures("patient")
async def test_texts_that_come_by_turns_travel_apart_and_all_arrive(world: Worlds) -> None:
    pump = world(MANY)
    ids = await pump.send(40, text=lambda place: f"第{place % 3}批")

    await pump.pump_once()

    assert len(pump.scripted.asked) == 6
    assert {len(set(asked.text)) for asked in pump.scripted.asked} == {3}
    assert sorted(pump.scripted.ids) == ids
    assert await pump.all_are(ids, Status.SUBMITTED)


@pytest.mark.usefixtures("patient")
async def test_a_one_time_code_waits_for_no_other(world: Worlds) -> None:
    pump = world(MANY)
    await pump.send(10, stream=Stream.OTP)

    await pump.pump_once(Stream.OTP)

    assert [len(asked.ids) for asked in pump.scripted.asked] == [5, 5]


async def test_a_call_that_is_not_full_leaves_soon_though_no_claim_comes_back(
    world: Worlds,
) -> None:
    pump = world(MANY)
    await pump.send(10)
    run, claims, forever = pump.store.run, 0, asyncio.Event()

    async def once(act: Act[Any]) -> Any:
        nonlocal claims
        claims += act.script.name == "claim"
        if act.script.name == "claim" and claims > 1:
            await forever.wait()
        return await run(act)

    pump.store.run = once  # type: ignore[method-assign]
    running = asyncio.create_task(pump.pump.run(Stream.NOTICE))

    await until(lambda: len(pump.scripted.ids) == 5, "the first claim's messages leave")

    forever.set()
    await running
    await pump.pump.drain()
    assert len(set(pump.scripted.ids)) == 10


@pytest.mark.usefixtures("patient")
async def test_what_waits_for_others_leaves_as_the_pump_stops(world: Worlds) -> None:
    pump = world(MANY)
    await pump.send(10)
    run = pump.store.run

    async def stopping(act: Act[Any]) -> Any:
        found = await run(act)
        if act.script.name == "claim":
            pump.pump.stop()
        return found

    pump.store.run = stopping  # type: ignore[method-assign]

    await pump.pump.run(Stream.NOTICE)
    await pump.pump.drain()

    assert len(pump.scripted.ids) == 5


def test_a_vendor_of_one_recipient_a_call_never_waits() -> None:
    groups, vendor = Groups(), Fake("one", Account(adapter="fake"))

    assert [len(groups.add(vendor, attempt(number), 1.0)) for number in range(3)] == [1, 1, 1]
    assert len(groups) == 0


def test_a_call_is_as_old_as_its_first_message() -> None:
    groups, vendor = Groups(), Many("one", Account(adapter="many"))
    groups.add(vendor, attempt(0), 1.0)
    groups.add(vendor, attempt(1), 2.0)

    (batch,) = groups.take()

    assert batch.begun == 1.0
    assert [each.id for each in batch.attempts] == ["m0", "m1"]
    assert groups.take() == []


def test_calls_are_no_larger_than_their_bound() -> None:
    groups, vendor = Groups(), Many("one", Account(adapter="many"))
    groups.bounds.learn("one", 3)

    full = [batch for number in range(7) for batch in groups.add(vendor, attempt(number), 1.0)]

    assert [len(batch.attempts) for batch in full] == [3, 3]
    assert len(groups) == 1
