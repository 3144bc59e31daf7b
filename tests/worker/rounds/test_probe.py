"""Accounts that are left alone, and the balance call that may end it early."""

from decimal import Decimal
from typing import Any

import pytest
import redis

from tests.store.conftest import Lab
from tests.worker.conftest import Asked, World, Worlds, answers
from worker.contract import happenings, keys
from worker.contract.status import Stream
from worker.rounds.probe import Prober
from worker.store.client import Store
from worker.transport import Lost, NotSent
from worker.vendors.base import Balance, Call, Response

TABLE: dict[str, Any] = {
    "vendors": {"one": {"adapter": "fake"}, "two": {"adapter": "fake"}},
    "routes": {each.value: ["one"] for each in Stream},
    "worker": {"slice": "100ms"},
}


class Case:
    """One prober, and vendors with a balance call or without."""

    def __init__(self, world: Worlds, lab: Lab) -> None:
        self.lab = lab
        self.balance: object = "5"
        self.calls: list[str] = []
        self.outcome = "submitted"
        self.world: World = world(TABLE, script=self.script)
        self.prober = Prober(
            self.world.settings, self.world.vendors, self.world.store, self.world.scripted
        )

    def has_balance(self, name: str, *, postpaid: bool = False) -> None:
        def read(response: Response) -> Balance:
            return Balance(Decimal(response.body), "yuan", postpaid)

        url = f"http://vendor.invalid/balance-{name}"
        call = Call(read, "POST", url, form={"ids": "", "text": ""})
        self.world.vendors[name].balance = lambda: call  # type: ignore[method-assign]

    async def script(self, asked: Asked) -> Response:
        self.calls.append(asked.account)
        if not asked.account.startswith("balance"):
            return answers(*asked.ids, outcome=self.outcome)
        if isinstance(self.balance, Exception):
            raise self.balance
        return Response(200, str(self.balance))

    def left_alone(self, name: str = "one") -> bool:
        return int(self.lab.state(name).get("down", 0)) > self.lab.now()


@pytest.fixture
def case(world: Worlds, redis_url: str, raw: "redis.Redis") -> Case:
    return Case(world, Lab(Store(redis_url, timeout=10.0), raw))


async def test_accounts_that_do_well_are_not_asked(case: Case) -> None:
    case.has_balance("one")

    assert (await case.prober.round(), case.calls) == (0, [])


async def test_a_balance_with_something_in_it_ends_the_wait(case: Case) -> None:
    case.has_balance("one")
    case.lab.trip("one", 900)
    ids = await case.world.send(3)

    assert await case.prober.round() == 1
    await case.world.pump_once()

    assert case.calls == ["balance-one", "one", "one", "one"]
    assert await case.world.all_are(ids, *{(await case.world.record(ids[0])).status})
    assert "half" not in case.lab.state("one")


@pytest.mark.parametrize("balance", ["0", "-3"])
async def test_an_empty_balance_does_not(case: Case, balance: str) -> None:
    case.has_balance("one")
    case.balance = balance
    case.lab.trip("one", 60)

    assert await case.prober.round() == 0
    assert case.left_alone()


async def test_a_probe_that_finds_nothing_left_tells_it_once(case: Case) -> None:
    case.has_balance("one")
    case.balance = "0"
    case.lab.trip("one", 60)
    for _ in range(3):
        case.lab.pass_time(int(case.lab.state("one")["down"]) - case.lab.now() + 1)
        await case.prober.round()

    events = [row[b"e"] for _, row in case.lab.raw.xrange(keys.EVENTS)]
    told = [happenings.unpack("1-1", packed) for packed in events]
    low = [each.data["reason"] for each in told if each.type == happenings.BALANCE_LOW]
    assert case.lab.state("one")["strikes"] == "4"
    assert low == ["empty"]


async def test_a_postpaid_account_may_be_below_nothing(case: Case) -> None:
    case.has_balance("one", postpaid=True)
    case.balance = "-3"
    case.lab.trip("one", 60)

    assert await case.prober.round() == 1


@pytest.mark.parametrize("balance", ["0", NotSent("refused"), Lost("no answer"), KeyError("x")])
async def test_where_its_time_is_over_and_the_balance_is_not_well_it_is_left_alone_for_longer(
    case: Case, balance: object
) -> None:
    case.has_balance("one")
    case.balance = balance
    case.lab.trip("one", 60)
    case.lab.pass_time(60_001)

    assert await case.prober.round() == 0
    bug = isinstance(balance, KeyError)
    assert case.left_alone() is not bug, "a bug of ours says nothing of the account"
    assert case.lab.state("one")["strikes"] == ("1" if bug else "2")


async def test_an_account_without_such_a_call_waits_for_its_time(case: Case) -> None:
    case.lab.trip("one", 60)

    assert await case.prober.round() == 0
    assert case.left_alone()


async def test_one_adapters_bug_keeps_no_other_account_from_its_probe(case: Case) -> None:
    def broken() -> None:
        raise KeyError("balance")

    case.world.vendors["one"].balance = broken  # type: ignore[method-assign]
    case.has_balance("two")
    case.lab.trip("one")
    case.lab.trip("two")

    assert await case.prober.round() == 1
    assert not case.left_alone("two")


async def test_a_balance_that_promises_in_vain_is_not_believed_for_ever(case: Case) -> None:
    """Else an account whose address is barred would cost a message's time every few seconds."""
    case.has_balance("one")
    case.outcome = "suspended"
    case.lab.trip("one", 60)
    await case.world.send(20)
    mended = []
    for _ in range(6):
        mended.append(await case.prober.round())
        await case.world.pump.run(Stream.NOTICE) if mended[-1] else None
        await case.world.pump.drain()

    assert mended == [1, 1, 1, 0, 0, 0]
    assert case.calls.count("one") == 3
    assert case.left_alone()
