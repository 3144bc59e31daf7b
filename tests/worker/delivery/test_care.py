"""What one process hears of its accounts, and what it makes of it for all of them."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.store.conftest import Lab
from tests.worker.conftest import Asked, World, Worlds, answers, until
from worker.contract import happenings, keys
from worker.contract.errors import StoreError
from worker.contract.status import Status, Stream
from worker.delivery.care import Care
from worker.store import balances
from worker.transport import Lost, NotSent
from worker.vendors.base import Balance, Outcome, Response, Submission

TABLE = {
    "vendors": {"one": {"adapter": "fake"}, "two": {"adapter": "fake"}},
    "routes": {each.value: ["one", "two"] for each in Stream},
    "breaker": {"failures": 3, "open": "5s", "suspended": "60s", "longest": "15m"},
}
SUBMITTED = Status.SUBMITTED


class Vendors:
    """A script whose accounts do as they are told: an outcome, or an error."""

    def __init__(self, **does: str | Exception) -> None:
        self.does = does
        self.asked: list[str] = []

    async def __call__(self, asked: Asked) -> Response:
        self.asked.append(asked.account)
        found = self.does.get(asked.account, "submitted")
        if isinstance(found, Exception):
            raise found
        outcome, _, code = found.partition(" ")
        return answers(*asked.ids, outcome=outcome, code=code)


async def tripped(lab: Lab, name: str = "one") -> None:
    await until(lambda: "half" in lab.state(name), f"{name} is left alone")


def one_by_one(**more: Any) -> dict[str, Any]:
    return {**TABLE, "worker": {"in_flight": 8, "reserve": 1, "batch": 1}, **more}


async def test_a_suspended_account_is_left_alone_by_every_process(world: Worlds, lab: Lab) -> None:
    vendors = Vendors(one="suspended")
    here, there = world(TABLE, script=vendors), world(TABLE, script=vendors)
    ids = await here.send(1)
    await here.exhaust()
    await tripped(lab)

    ids += [f"m{1 + each:025d}" for each in range(20)]
    await here.send(20)
    await there.exhaust()

    assert vendors.asked == ["one"] + ["two"] * 21
    assert await here.all_are(ids, SUBMITTED)
    assert here.scripted.ids.count(ids[0]) == 2, "asked twice, taken once"


async def test_many_in_flight_come_back_and_none_is_lost_or_doubled(
    world: Worlds, lab: Lab
) -> None:
    vendors = Vendors(one="suspended")
    pump = world(TABLE, script=vendors)
    ids = await pump.send(300)

    await pump.exhaust()

    assert await pump.all_are(ids, SUBMITTED)
    assert sorted(asked.ids[0] for asked in pump.scripted.asked if asked.account == "two") == ids
    assert lab.state("one")["strikes"] == "1"


@pytest.mark.parametrize("error", [NotSent("refused"), Lost("no answer in time")])
async def test_failures_in_a_row_trip_it(world: Worlds, lab: Lab, error: Exception) -> None:
    vendors = Vendors(one=error)
    pump = world(one_by_one(), script=vendors)
    for _ in range(9):
        await pump.send(1)
        await pump.pump_once()
        await asyncio.sleep(0.02)

    assert vendors.asked.count("one") == 3
    assert lab.state("one")["why"].startswith("failing: ")
    assert int(lab.state("one")["down"]) - lab.now() == pytest.approx(5000, abs=1500)


async def test_any_answer_between_them_starts_the_count_again(world: Worlds, lab: Lab) -> None:
    vendors = Vendors()
    pump = world(one_by_one(), script=vendors)
    for outcome in ("unknown", "unknown", "rejected", "unknown", "unknown", "submitted"):
        vendors.does["one"] = outcome
        await pump.send(1)
        await pump.exhaust()

    assert "half" not in lab.state("one")


async def test_after_its_time_one_probe_goes_and_a_failed_one_doubles_the_time(
    world: Worlds, lab: Lab
) -> None:
    vendors = Vendors(one="suspended")
    pump = world({**TABLE, "routes": {"notice": ["one"]}}, script=vendors)
    await pump.send(1)
    await pump.pump_once()
    await tripped(lab)
    waits = []
    for strikes in range(2, 6):
        lab.pass_time(int(lab.state("one")["down"]) - lab.now() + 2500)
        await pump.send(5)
        before = len(vendors.asked)
        running = asyncio.create_task(pump.pump.run(Stream.NOTICE))
        await until(lambda strikes=strikes: lab.state("one")["strikes"] == str(strikes), "a strike")  # type: ignore[misc]
        pump.pump.stop()
        await running
        pump.pump._stopped.clear()  # the next round is as a new process
        waits.append(round((int(lab.state("one")["down"]) - lab.now()) / 1000))
        assert len(vendors.asked) == before + 1

    assert waits == [120, 240, 480, 900]


async def test_a_probe_that_is_taken_lets_the_rest_follow(world: Worlds, lab: Lab) -> None:
    vendors = Vendors(one="suspended")
    pump = world({**TABLE, "routes": {"notice": ["one"]}}, script=vendors)
    ids = await pump.send(30)
    await pump.pump_once()
    await tripped(lab)
    vendors.does["one"] = "submitted"

    lab.pass_time(62_000)
    await until(lambda: _all_submitted(pump, ids), "the rest follows")

    assert "half" not in lab.state("one")


async def _all_submitted(pump: World, ids: list[str]) -> bool:
    await pump.pump_once()
    return await pump.all_are(ids, SUBMITTED)


async def test_a_failed_probe_counts_in_a_process_that_heard_of_no_failure_before(
    world: Worlds, lab: Lab
) -> None:
    lab.trip("one", 5)
    lab.pass_time(5001)
    pump = world(TABLE, script=Vendors(one=NotSent("refused")))
    await pump.send(1)

    await pump.pump.run(Stream.NOTICE)

    await until(lambda: lab.state("one").get("strikes") == "2", "a strike")


async def test_code_21_halves_what_is_in_flight_and_costs_no_attempt(
    world: Worlds, lab: Lab
) -> None:
    pump = world(TABLE, script=Vendors(one="throttled 21"))
    ids = await pump.send(64)

    await pump.pump.run(Stream.NOTICE)
    await until(lambda: "limit" in lab.state("one"), "it is slowed down")
    await pump.pump.drain()

    assert int(lab.state("one")["limit"]) <= 32
    for record in await pump.records(ids):
        assert record.attempts == (1 if record.account == "two" else 0)


async def test_our_own_slowness_is_no_complaint_of_the_account(world: Worlds, lab: Lab) -> None:
    pump = world(TABLE, script=Vendors(one="throttled"))
    await pump.send(5)

    await pump.pump_once()

    assert "limit" not in lab.state("one")


async def test_of_a_call_with_many_answers_the_most_telling_counts(world: Worlds, lab: Lab) -> None:
    pump = world(TABLE)
    care = Care(pump.settings, pump.store)

    care.note(
        "one",
        [Submission(Outcome.SUBMITTED), Submission(Outcome.SUSPENDED), Submission(Outcome.UNKNOWN)],
        began=lab.now(),
    )

    await tripped(lab)
    assert lab.state("one")["why"] == "suspended"


async def test_one_that_went_through_among_many_is_an_answer(world: Worlds, lab: Lab) -> None:
    care = Care(world(TABLE).settings, world(TABLE).store)
    mixed = [Submission(Outcome.UNKNOWN), Submission(Outcome.SUBMITTED)]

    for _ in range(9):
        care.note("one", mixed, began=lab.now())
    await asyncio.sleep(0.05)

    assert "half" not in lab.state("one")


async def test_a_trip_that_redis_did_not_hear_is_said_again(
    world: Worlds, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    pump = world(TABLE)
    care, run = Care(pump.settings, pump.store), pump.store.run
    lost = [True]

    async def once(act: Any) -> Any:
        if lost.pop() if lost else False:
            raise StoreError("Redis cannot be reached")
        return await run(act)

    monkeypatch.setattr(pump.store, "run", once)
    suspended: Callable[[], None] = lambda: care.note(  # noqa: E731 - said twice
        "one", [Submission(Outcome.SUSPENDED)], began=lab.now()
    )
    suspended()
    await asyncio.sleep(0.02)
    before = lab.state("one")
    suspended()

    await tripped(lab)
    assert before == {}


# --- the money is gone --------------------------------------------------------------------------


def told(lab: Lab, kind: str = happenings.BALANCE_LOW) -> list[happenings.Event]:
    found = lab.raw.xrange(keys.EVENTS)
    each = [happenings.unpack(place.decode(), row[b"e"]) for place, row in found]
    return [event for event in each if event.type == kind]


DRAINED = Submission(Outcome.SUSPENDED, code="108", reason="used up", alarm=True, drained=True)


async def test_an_account_whose_money_is_gone_is_told_at_once_and_once(
    world: Worlds, lab: Lab
) -> None:
    pump = world(TABLE)
    await pump.store.run(balances.keep("one", Decimal("0.5"), "yuan"))
    cares = [Care(pump.settings, pump.store) for _ in range(3)]

    for _ in range(5):
        for care in cares:
            care.note("one", [DRAINED], began=lab.now())
    await until(lambda: told(lab), "it is told")
    lab.pass_time(int(lab.state("one")["down"]) - lab.now() + 1)
    cares[0].note("one", [DRAINED], began=lab.now())
    await until(lambda: lab.state("one")["strikes"] == "2", "its probe failed")
    await asyncio.sleep(0.05)

    (event,) = told(lab)
    assert event.data == {
        "account": "one",
        "balance": "0.5",
        "unit": "yuan",
        "runway_hours": 0.0,
        "threshold_hours": None,
        "reason": "empty",
    }


async def test_another_reason_to_leave_it_alone_says_nothing_of_its_money(
    world: Worlds, lab: Lab
) -> None:
    care = Care(world(TABLE).settings, world(TABLE).store)

    care.note("one", [Submission(Outcome.SUSPENDED, code="107")], began=lab.now())
    await tripped(lab)
    await asyncio.sleep(0.05)

    assert told(lab) == []


async def test_what_an_answer_tells_in_passing_is_remembered(world: Worlds) -> None:
    pump = world(TABLE)
    left = Balance(Decimal(7), "messages")

    Care(pump.settings, pump.store).note("one", [Submission(Outcome.SUBMITTED, left=left)], began=1)

    async def kept() -> bool:
        (found,) = (await pump.store.run(balances.read(["one"]))).accounts
        return found.hint == 7

    await until(kept, "it is written")


async def test_an_account_that_says_it_is_unusable_becomes_an_event_with_its_code(
    world: Worlds, lab: Lab
) -> None:
    pump = world(TABLE)
    said = Submission(Outcome.SUSPENDED, code="107", reason="the address is not on its list")

    Care(pump.settings, pump.store).note("one", [said], began=lab.now())
    await tripped(lab)

    (event,) = told(lab, happenings.ACCOUNT_SUSPENDED)
    assert event.data == {"account": "one", "code": "107", "reason": said.reason}


async def test_one_that_fails_is_left_alone_without_an_event(world: Worlds, lab: Lab) -> None:
    pump = world(TABLE)
    care = Care(pump.settings, pump.store)

    for _ in range(3):
        care.note("one", [Submission(Outcome.UNAVAILABLE, code="500")], began=lab.now())
    await tripped(lab)

    assert told(lab, happenings.ACCOUNT_SUSPENDED) == []
