"""What becomes of a message whose answer was lost, on a real server and a scripted vendor."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import redis

from tests.store.conftest import Lab
from tests.worker.conftest import Asked, World, Worlds, answers
from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.status import Status, Stream
from worker.rounds.resolve import Resolver
from worker.store import acts, care
from worker.store.acts import Settled
from worker.store.client import Store
from worker.transport import Lost, NotSent
from worker.vendors.base import Call, Found, Response

MINUTE = 60.0
KNOWS = "known"


class Case:
    """One pump and one resolver, and a vendor that can be asked or not."""

    def __init__(
        self, world: Worlds, lab: Lab, *, askable: bool = True, **table: Mapping[str, Any]
    ) -> None:
        self.lab = lab
        self.submits: list[Asked] = []
        self.known: list[object] = []  #: what the vendor says when it is asked, one after another
        self.outcome = "unknown"  #: of each submit
        self.code = ""
        self.asked = 0
        self.world: World = world(
            {
                "vendors": {"one": {"adapter": "fake"}, "two": {"adapter": "fake"}},
                "routes": {each.value: ["one", "two"] for each in Stream},
                **table,
            },
            script=self.script,
        )
        if askable:
            for vendor in self.world.vendors.values():
                vendor.query = _query  # type: ignore[method-assign]
        self.resolver = self.another()

    def another(self) -> Resolver:
        world = self.world
        return Resolver(world.settings, world.vendors, world.store, world.scripted)

    async def script(self, asked: Asked) -> Response:
        if asked.account != "query":
            self.submits.append(asked)
            return answers(*asked.ids, outcome=self.outcome, code=self.code)
        self.asked += 1
        answer = self.known.pop(0) if len(self.known) > 1 else self.known[0]
        if isinstance(answer, Exception):
            raise answer
        return Response(200, KNOWS if answer else "")

    async def unknown(self, stream: Stream = Stream.NOTICE, **more: Any) -> str:
        (message_id,) = await self.world.send(1, stream=stream, **more)
        await self.world.pump_once(stream)
        assert await self.status(message_id) == Status.UNKNOWN
        self.lab.raw.expire(keys.message(message_id), 10 * 86400)
        return message_id

    async def status(self, message_id: str) -> Status:
        return (await self.world.record(message_id)).status

    async def round_after(self, seconds: float) -> int:
        self.lab.pass_time(int(seconds * 1000))
        return await self.resolver.round()

    def accounts(self) -> list[str]:
        return [asked.account for asked in self.submits]


def _query(message_id: str) -> Call[Found]:
    url = "http://vendor.invalid/query"
    return Call(_known, "POST", url, form={"ids": message_id, "text": ""})


def _known(response: Response) -> Found:
    return Found(response.body == KNOWS)


Cases = Callable[..., Case]


@pytest.fixture
def case(world: Worlds, redis_url: str, raw: "redis.Redis") -> Cases:
    lab = Lab(Store(redis_url, timeout=10.0), raw)
    return lambda **more: Case(world, lab, **more)


def unresolved(lab: Lab) -> int:
    """How many unknown messages are looked at again within a day."""
    return int(lab.raw.zcount(keys.UNKNOWN, "-inf", lab.now() + 86_400_000))


# --- a vendor that can be asked -------------------------------------------------------------------


async def test_what_the_vendor_finds_is_submitted(case: Cases) -> None:
    one = case()
    message_id = await one.unknown()
    one.known = [True]

    looked = await one.round_after(5)

    record = await one.world.record(message_id)
    assert (looked, record.status, record.vendor_message_id) == (1, Status.SUBMITTED, message_id)
    assert one.accounts() == ["one"]
    assert unresolved(one.lab) == 0


async def test_nobody_asks_before_a_late_answer_had_its_time(case: Cases) -> None:
    one = case()
    await one.unknown()

    assert await one.round_after(4) == 0


async def test_not_found_twice_a_minute_apart_is_submitted_again_under_its_id(case: Cases) -> None:
    one = case()
    message_id = await one.unknown()
    one.known, one.outcome = [False], "submitted"

    looked = [await one.round_after(5), await one.round_after(30)]
    before = await one.status(message_id)
    looked.append(await one.round_after(30))
    await one.world.pump_once()

    record = await one.world.record(message_id)
    assert (looked, before) == ([1, 0, 1], Status.UNKNOWN)
    assert (record.status, record.pin, record.attempt) == (Status.SUBMITTED, "one", 2)
    assert [asked.ids for asked in one.submits] == [[message_id]] * 2
    assert one.accounts() == ["one", "one"]


async def test_not_found_and_then_found_is_submitted(case: Cases) -> None:
    one = case()
    message_id = await one.unknown()
    one.known = [False, True]

    await one.round_after(5)
    await one.round_after(60)

    assert await one.status(message_id) == Status.SUBMITTED
    assert len(one.submits) == 1


@pytest.mark.parametrize("error", [Lost("no answer in time"), NotSent("refused")])
async def test_not_found_once_and_then_no_answer_is_no_proof(case: Cases, error: Exception) -> None:
    one = case()
    message_id = await one.unknown()
    one.known = [False, error]

    for seconds in (5, 60, 60, 60):
        await one.round_after(seconds)

    assert await one.status(message_id) == Status.UNKNOWN
    assert len(one.submits) == 1


async def test_a_vendor_that_does_not_answer_is_asked_again_for_a_day(case: Cases) -> None:
    one = case()
    message_id = await one.unknown()
    one.known = [Lost("no answer in time")]
    await one.round_after(5)
    for _ in range(40):
        await one.round_after(900)
    asked, still = one.asked, await one.status(message_id)
    one.known = [True]
    await one.round_after(6 * 3600)

    assert 5 < asked < 30
    assert (still, await one.status(message_id)) == (Status.UNKNOWN, Status.SUBMITTED)


async def test_after_a_day_it_stays_as_it_is(case: Cases) -> None:
    one = case()
    await one.unknown()
    one.known = [Lost("no answer in time")]
    await one.round_after(5)
    await one.round_after(90_000)

    asked = one.asked
    assert [await one.round_after(3600) for _ in range(5)] == [0] * 5
    assert one.asked == asked


async def test_not_found_twice_gives_the_slot_back_and_a_cap_on_it_is_no_evidence(
    case: Cases,
) -> None:
    one = case()
    message_id = await one.unknown()
    one.known, one.outcome, one.code = [False], "capped", "cap"
    await one.round_after(5)
    await one.round_after(60)

    await one.world.exhaust()

    assert await one.status(message_id) == Status.SCHEDULED, "it was not taken: it must go yet"


async def test_one_odd_message_keeps_nobody_from_being_looked_at(case: Cases) -> None:
    one = case()
    ids = [await one.unknown() for _ in range(3)]
    one.known = [KeyError("13800138000"), True]

    await one.round_after(5)

    statuses = [await one.status(each) for each in ids]
    assert sorted(statuses) == [Status.SUBMITTED, Status.SUBMITTED, Status.UNKNOWN]


async def test_a_round_that_lost_redis_looks_again_later(
    case: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = case()
    message_id = await one.unknown()
    one.known = [True]
    run, away = one.world.store.run, True

    async def lost(act: Any) -> Any:
        if act.script.name == "settle" and away:
            raise StoreError("Redis cannot be reached")
        return await run(act)

    monkeypatch.setattr(one.world.store, "run", lost)
    await one.round_after(5)
    away = False
    soon = await one.round_after(60)
    await one.round_after(30)

    assert soon == 0
    assert await one.status(message_id) == Status.SUBMITTED


async def test_two_resolvers_at_once_submit_it_again_once(case: Cases) -> None:
    one = case()
    message_id = await one.unknown()
    one.known, one.outcome = [False], "submitted"
    await one.round_after(5)
    one.lab.pass_time(60_000)

    looked = await asyncio.gather(*(one.another().round() for _ in range(4)))
    await one.world.exhaust()

    assert sorted(looked) == [0, 0, 0, 1]
    assert len(one.submits) == 2
    assert await one.status(message_id) == Status.SUBMITTED


async def test_a_resolver_whose_lease_ended_while_it_asked_does_it_no_second_time(
    case: Cases,
) -> None:
    one = case()
    await one.unknown()
    one.known, one.outcome = [False], "submitted"
    await one.round_after(5)
    one.lab.pass_time(60_000)
    first, second = one.another(), one.another()
    script, meanwhile = one.world.scripted.script, True

    async def slow(asked: Asked) -> Response:
        nonlocal meanwhile
        if asked.account == "query" and meanwhile:
            meanwhile = False
            one.lab.pass_time(90_000)
            await second.round()
        return await script(asked)

    one.world.scripted.script = slow
    await first.round()
    await one.world.exhaust()

    assert len(one.submits) == 2


async def test_a_late_answer_wins_over_the_vendor_that_does_not_find_it(case: Cases) -> None:
    one = case()
    message_id = await one.unknown()
    one.known = [False]
    await one.round_after(5)
    script = one.world.scripted.script
    late = Settled(id=message_id, attempt=1, status=Status.SUBMITTED, vendor_message_id="v1")

    async def answered(asked: Asked) -> Response:
        await one.world.store.run(acts.settle([late], reports=60))
        return await script(asked)

    one.world.scripted.script = answered
    await one.round_after(60)

    record = await one.world.record(message_id)
    assert (record.status, record.vendor_message_id) == (Status.SUBMITTED, "v1")
    assert len(one.submits) == 1


async def test_a_second_round_does_not_wait_for_the_first(case: Cases) -> None:
    one = case()
    await one.unknown()
    one.known = [True]
    opened, script = asyncio.Event(), one.world.scripted.script

    async def slow(asked: Asked) -> Response:
        await opened.wait()
        return await script(asked)

    one.world.scripted.script = slow
    one.lab.pass_time(5000)
    first = asyncio.create_task(one.resolver.round())
    await asyncio.sleep(0.02)

    assert await one.resolver.round() == 0
    opened.set()
    assert await first == 1


# --- a vendor that cannot -------------------------------------------------------------------------


def streams(stream: str = "notice", **rules: object) -> dict[str, Any]:
    return {"streams": {stream: {"hold": "60s", **rules}}}


async def test_by_default_it_stays_unknown_and_is_never_submitted_again(case: Cases) -> None:
    one = case(askable=False)
    message_id = await one.unknown()
    looked = [await one.round_after(seconds) for seconds in (5, 60, 540, 3600, 86_400)]
    await one.world.exhaust()

    assert looked == [1, 0, 1, 0, 0]
    assert await one.status(message_id) == Status.UNKNOWN
    assert len(one.submits) == 1
    found = await one.world.store.run(care.explain(message_id, []))
    assert found is not None
    assert found.look == 0
    late = Settled(id=message_id, attempt=1, status=Status.DELIVERED)
    assert await one.world.store.run(acts.settle([late], reports=60)) == [True]


@pytest.mark.parametrize(
    ("policy", "suspended", "accounts"),
    [
        ("same_account", False, ["one", "one"]),
        ("same_account", True, ["one"]),
        ("any", False, ["one", "one"]),
        ("any", True, ["one", "two"]),
    ],
)
async def test_the_streams_policy_follows_after_its_hold(
    case: Cases, policy: str, suspended: bool, accounts: list[str]
) -> None:
    one = case(askable=False, **streams(resend_unknown=policy))
    message_id = await one.unknown()
    one.outcome = "submitted"
    if suspended:
        await one.world.store.run(care.trip("one", 600, 600, "because"))
    await one.round_after(5)
    early = len(one.submits)
    await one.round_after(55)
    await one.world.pump_once()

    assert early == 1
    assert one.accounts() == accounts
    record = await one.world.record(message_id)
    assert record.status == (Status.SUBMITTED if len(accounts) > 1 else Status.SCHEDULED)


async def test_otp_is_submitted_again_by_default_after_a_minute(case: Cases) -> None:
    one = case(askable=False)
    await one.unknown(Stream.OTP)
    one.outcome = "submitted"

    await one.round_after(5)
    await one.round_after(55)
    await one.world.exhaust(Stream.OTP)

    assert one.accounts() == ["one", "one"]


async def test_without_proof_it_is_submitted_again_once(case: Cases) -> None:
    one = case(askable=False, **streams(resend_unknown="any", attempts=9))
    message_id = await one.unknown()
    for _ in range(6):
        await one.round_after(70)
        await one.world.exhaust()

    assert len(one.submits) == 2
    assert await one.status(message_id) == Status.UNKNOWN


async def test_past_its_validity_it_is_not_submitted_again_and_stays_unknown(case: Cases) -> None:
    one = case(askable=False, **streams(resend_unknown="any", hold="20m"))
    message_id = await one.unknown()  # valid for ten minutes

    await one.round_after(5)
    await one.round_after(1200)
    await one.world.exhaust()

    assert len(one.submits) == 1
    assert await one.status(message_id) == Status.UNKNOWN
    assert one.lab.raw.zcard(keys.DEAD) == 0


async def test_a_cap_on_the_second_one_is_evidence_for_the_first(case: Cases) -> None:
    one = case(askable=False, **streams(resend_unknown="same_account"))
    message_id = await one.unknown()
    one.outcome, one.code = "capped", "cap"

    await one.round_after(60)
    await one.world.exhaust()

    record = await one.world.record(message_id)
    assert (record.status, record.code) == (Status.SUBMITTED, "cap")
    assert record.reason.startswith("presumed")
    assert len(one.submits) == 2


async def test_a_cap_at_another_account_is_none(case: Cases) -> None:
    one = case(askable=False, **streams(resend_unknown="any"))
    message_id = await one.unknown()
    one.outcome, one.code = "capped", "cap"
    await one.world.store.run(care.trip("one", 600, 600, "because"))

    await one.round_after(60)
    await one.world.exhaust()

    assert await one.status(message_id) == Status.SCHEDULED


async def test_an_account_that_is_no_longer_in_the_route_is_not_asked_again(case: Cases) -> None:
    one = case(askable=False, **streams(resend_unknown="same_account"))
    message_id = await one.unknown()
    one.lab.rewrite(message_id, account="gone")

    await one.round_after(60)
    await one.world.exhaust()

    assert await one.status(message_id) == Status.UNKNOWN
    assert len(one.submits) == 1


async def test_the_second_one_that_fails_for_good_leaves_the_first_unknown(case: Cases) -> None:
    one = case(askable=False, **streams(resend_unknown="same_account", attempts=2))
    message_id = await one.unknown()
    one.outcome = "unavailable"

    await one.round_after(60)
    await one.world.exhaust()

    assert await one.status(message_id) == Status.UNKNOWN
    assert one.lab.raw.zcard(keys.DEAD) == 0


async def test_but_what_is_rejected_where_the_first_went_is_rejected(case: Cases) -> None:
    one = case(askable=False, **streams(resend_unknown="same_account"))
    message_id = await one.unknown()
    one.outcome = "rejected"

    await one.round_after(60)
    await one.world.exhaust()

    assert await one.status(message_id) == Status.REJECTED
