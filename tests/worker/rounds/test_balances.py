"""Balances at the sandbox's vendors: asked once, kept, falling, topped up, and who hears of it."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
import redis
from structlog.testing import capture_logs

from tests.store.conftest import Lab, account, settled
from tests.worker.conftest import until
from worker import vendors
from worker.contract import happenings, keys
from worker.contract import settings as reading
from worker.delivery.care import Care
from worker.delivery.hints import Hints
from worker.rounds.balances import Balances
from worker.rounds.staleness import Staleness, judge
from worker.sandbox import Sandbox, serve
from worker.sandbox.faults import Fault
from worker.store import balances
from worker.store.balances import Stored
from worker.store.client import AsyncStore, Store
from worker.transport import Transport
from worker.vendors.base import Balance, Outgoing

MINUTE, HOUR = 60_000, 3_600_000
ACCOUNTS: dict[str, dict[str, Any]] = {
    "tencent": {
        "secret_id": "sandbox-id",
        "secret_key": "sandbox-key",
        "account": "sandbox",
        "password": "sandbox-password",
        "extno": "10690",
    },
    "chuangrui": {"name": "sandbox", "pwd": "sandbox-pwd", "sign": "信使"},
    "zhenzi": {"app_id": "sandbox-app", "app_secret": "sandbox-secret"},
    "chuangxin": {"appcode": "sandbox-appcode"},
}


class World:
    """Accounts at the sandbox, and one process's part that looks after their balances."""

    def __init__(self, lab: Lab, sandbox: Sandbox, address: str, redis_url: str) -> None:
        self.lab = lab
        self.sandbox = sandbox
        self._address = address
        self._redis_url = redis_url
        self.store = AsyncStore(redis_url, timeout=10.0)
        self.transport = Transport()
        self.transport.open()
        self.use("zhenzi")
        self._made = 0

    def use(self, *names: str, alarms: Any = None, **more: Any) -> None:
        """Take these accounts; ``more`` is said in each."""
        table = {
            name: {
                "adapter": name,
                "base_url": self._address + ("/asmx/smsservice.aspx" * (name == "chuangrui")),
                **ACCOUNTS[name],
                **more,
            }
            for name in names
        }
        found = {"redis_url": self._redis_url, "vendors": table, "alarms": alarms or {}}
        self.settings = reading.parse(found)
        self.vendors = vendors.load_all(self.settings)
        self.balances = self.another()
        self.staleness = Staleness(self.settings, self.vendors, self.store)

    def another(self) -> Balances:
        """The same part of another process."""
        return Balances(self.settings, self.vendors, self.store, self.transport)

    def has(self, name: str, amount: int) -> None:
        account = self.sandbox.state.directory.named(name)
        assert account is not None
        account.balance = amount

    def asked(self, name: str) -> int:
        return self.sandbox.state.requests[f"{name} balance"]

    def fails(self, **fault: Any) -> None:
        self.sandbox.faults.add([Fault(operation="balance", **fault)])

    async def stored(self, name: str = "zhenzi") -> Stored:
        return (await self.store.run(balances.read([name]))).accounts[0]

    async def submit(self, name: str) -> Any:
        self._made += 1
        number = f"1380013{self._made:04d}"
        outgoing = Outgoing(id=f"m{self._made}", number=number, text="您好", signature="信使")
        vendor = self.vendors[name]
        timeouts = self.settings.vendors[name].timeouts
        (found,) = await self.transport.call(vendor.submit([outgoing]), timeouts)
        return found

    async def fall(self, amounts: range | list[int], name: str = "zhenzi") -> None:
        """Let it have each of these, six minutes apart, and look at it each time."""
        for amount in amounts:
            self.lab.pass_time(6 * MINUTE)
            self.has(name, amount)
            assert await self.balances.round() == 1

    async def taken(self, name: str) -> None:
        """A message that the account took is settled: its breaker closes."""
        message_id = self.lab.put_one()
        assert self.lab.claimed(account(name)) == [message_id]
        self.lab.settle(settled(message_id))

    def events(self) -> list[happenings.Event]:
        found = self.lab.raw.xrange(keys.EVENTS)
        return [happenings.unpack(place.decode(), row[b"e"]) for place, row in found]

    def told(self) -> list[int | str]:
        """The thresholds told of, or the reason where it is none."""
        low = [each.data for each in self.events() if each.type == "balance.low"]
        return [each["threshold_hours"] or each["reason"] for each in low]  # type: ignore[misc]


@pytest_asyncio.fixture
async def world(redis_url: str, raw: "redis.Redis") -> AsyncIterator[World]:
    sandbox, address = Sandbox({}), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve("127.0.0.1", 0, sandbox, ready=address.set_result))
    store = Store(redis_url, timeout=10.0)
    found = World(Lab(store, raw), sandbox, await address, redis_url)
    yield found
    await found.transport.close()
    await found.store.close()
    store.close()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


@pytest.mark.parametrize(
    ("name", "has", "amount", "unit", "postpaid"),
    [
        ("tencent", -153_278_040, "-153278.04", "yuan", True),
        ("zhenzi", 537, "537", "messages", False),
        ("chuangrui", 12, "12", "messages", False),
    ],
)
async def test_an_account_is_asked_and_what_it_has_is_kept(
    world: World, *, name: str, has: int, amount: str, unit: str, postpaid: bool
) -> None:
    world.use(name)
    world.has(name, has)
    world.sandbox.settings.tencent.charge_type = "POSTCHARGE"

    assert await world.balances.round() == 1

    found = await world.stored(name)
    assert (found.amount, found.unit, found.postpaid) == (Decimal(amount), unit, postpaid)
    assert found.at == pytest.approx(world.lab.now(), abs=60_000)


async def test_who_cannot_be_asked_is_not(world: World) -> None:
    world.use("chuangxin")

    assert await world.balances.round() == 0
    assert await world.stored("chuangxin") == Stored("chuangxin")


async def test_two_processes_ask_once_and_again_when_it_is_due(world: World) -> None:
    world.use("zhenzi", "tencent")
    rounds = await asyncio.gather(*(world.another().round() for _ in range(6)))

    assert sum(rounds) == 2
    assert (world.asked("zhenzi"), world.asked("tencent")) == (1, 1)
    world.lab.pass_time(4 * MINUTE)
    assert await world.balances.round() == 0
    world.lab.pass_time(MINUTE)
    assert await world.balances.round() == 2


@pytest.mark.parametrize("never", ["", 0])
async def test_an_account_that_says_never_is_never_asked(world: World, never: object) -> None:
    world.use("zhenzi", balance_every=never)

    assert await world.balances.round() == 0
    assert world.asked("zhenzi") == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "suspended"},  # Tencent's failure says a balance of 0
        {"kind": "500"},
        {"kind": "html"},
        {"kind": "drop_before"},
    ],
    ids=lambda fault: fault["kind"],
)
async def test_a_failure_keeps_what_was_known_and_its_0_is_never_stored(
    world: World, fault: dict[str, Any]
) -> None:
    world.use("tencent")
    world.has("tencent", 5000)
    await world.balances.round()
    before = await world.stored("tencent")
    world.lab.pass_time(5 * MINUTE)
    world.fails(**fault)

    with capture_logs() as logs:
        assert await world.balances.round() == 0

    found = await world.stored("tencent")
    assert (found.amount, len(found.points)) == (Decimal(5), 1)
    assert found.at == before.at - 5 * MINUTE, "its age shows"
    assert [each["event"] for each in logs] == ["balance.failed"]
    assert world.told() == []


async def test_one_that_failed_is_asked_again_within_a_minute(world: World) -> None:
    world.use("zhenzi", balance_every="1h")
    world.fails(kind="500", count=1)

    assert [await world.balances.round() for _ in range(2)] == [0, 0]
    assert world.asked("zhenzi") == 1
    world.lab.pass_time(MINUTE)
    assert await world.balances.round() == 1


async def test_one_adapters_bug_keeps_no_other_from_being_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise KeyError("a secret")

    world.use("zhenzi", "tencent")
    monkeypatch.setattr(world.vendors["tencent"], "balance", broken)

    with capture_logs() as logs:
        assert await world.balances.round() == 1

    assert [(each["event"], each["account"]) for each in logs] == [("adapter.broken", "tencent")]
    assert "a secret" not in str(logs)


async def test_without_redis_a_round_ends_and_asks_nobody(world: World) -> None:
    dead = AsyncStore("redis://127.0.0.1:1/0", timeout=1.0)
    part = Balances(world.settings, world.vendors, dead, world.transport)

    with capture_logs() as logs:
        assert await part.round() == 0

    assert [each["event"] for each in logs] == ["store.lost"]
    assert world.asked("zhenzi") == 0
    await dead.close()


# --- runway and alarms --------------------------------------------------------------------------


async def test_a_balance_falls_with_each_submit_and_lasts_as_long_as_it_does(world: World) -> None:
    world.has("zhenzi", 1000)
    for _ in range(12):
        world.lab.pass_time(6 * MINUTE)
        await world.balances.round()
        for _ in range(2):
            await world.submit("zhenzi")

    found = await world.stored()
    assert found.amount == 1000 - 22
    hours = found.runway().hours
    assert hours is not None
    assert hours == pytest.approx(978 / 20, rel=0.05)


async def test_each_threshold_is_told_once_on_the_way_down(world: World) -> None:
    with capture_logs() as logs:
        await world.fall(range(1000, 0, -10))

    assert world.told() == [72, 24, 6]
    low = [each for each in logs if each["event"] == "balance.low"]
    assert [each["log_level"] for each in low] == ["warning", "warning", "error"]
    first = world.events()[0].data
    assert first == {
        "account": "zhenzi",
        "balance": first["balance"],
        "unit": "messages",
        "runway_hours": first["runway_hours"],
        "threshold_hours": 72,
        "reason": "runway",
    }
    assert isinstance(first["balance"], str)
    assert isinstance(first["runway_hours"], float)


async def test_after_a_top_up_the_thresholds_are_told_again(world: World) -> None:
    await world.fall(range(1000, 0, -10))
    await world.fall([100_000])
    assert world.told() == [72, 24, 6], "a top-up tells nothing"

    await world.fall([2000])

    assert world.told() == [72, 24, 6, 72, 24, 6]


async def test_a_balance_around_its_threshold_calls_nobody_every_time(world: World) -> None:
    world.use("zhenzi", alarms={"runway": []}, balance_low=500)

    await world.fall([600, 500, 510, 499, 520, 480, 549, 500])
    assert world.told() == ["low"]

    await world.fall([551, 500])
    assert world.told() == ["low", "low"]


async def test_an_amount_may_be_a_threshold_for_an_account_that_pays_afterwards(
    world: World,
) -> None:
    world.use("tencent", balance_low=-100)
    world.sandbox.settings.tencent.charge_type = "POSTCHARGE"

    await world.fall([-50_000, -99_000, -100_000, -100_500], "tencent")

    (event,) = world.events()
    assert event.data["reason"] == "low"
    assert event.data["balance"] == "-100"
    assert event.data["runway_hours"] is None


async def test_all_processes_together_tell_a_threshold_once(world: World) -> None:
    world.use("zhenzi", alarms={"runway": []}, balance_low=500)
    world.has("zhenzi", 400)

    for _ in range(5):
        world.lab.pass_time(6 * MINUTE)
        await asyncio.gather(*(world.another().round() for _ in range(4)))

    assert world.told() == ["low"]


# --- hints --------------------------------------------------------------------------------------


async def test_what_a_submit_tells_in_passing_is_kept_as_a_hint(world: World) -> None:
    world.use("chuangxin")
    world.has("chuangxin", 421)
    hints = Hints(world.store)

    hints.note("chuangxin", (await world.submit("chuangxin")).left)
    await until(lambda: world.lab.raw.exists(f"{keys.BALANCE}chuangxin"), "it is written")

    found = await world.stored("chuangxin")
    assert (found.hint, found.hint_unit, found.amount) == (Decimal(420), "messages", None)
    assert world.told() == [], "it may count for somebody else"


async def test_hints_are_written_now_and_then_and_the_latest_at_last(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, written = world.store.run, 0

    async def counted(act: Any) -> Any:
        nonlocal written
        written += act.script.name == "balance"
        return await run(act)

    monkeypatch.setattr(world.store, "run", counted)
    hints = Hints(world.store, every=0.2)
    for left in range(500, 0, -1):
        hints.note("a", Balance(Decimal(left), "messages"))
        hints.note("b", None)
        await asyncio.sleep(0)

    async def latest() -> bool:
        return (await world.stored("a")).hint == 1

    await until(latest, "the latest is written")
    assert written < 20
    assert (await world.stored("b")).hint is None


async def test_a_hint_that_redis_did_not_hear_costs_nothing() -> None:
    dead = AsyncStore("redis://127.0.0.1:1/0", timeout=1.0)
    hints = Hints(dead, every=0.0)

    with capture_logs() as logs:
        hints.note("a", Balance(Decimal(1), "messages"))
        await until(lambda: not hints._writing, "it gave up")

    assert [each["event"] for each in logs] == ["store.lost"]
    await dead.close()


# --- the money is gone --------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(ACCOUNTS))
async def test_every_vendor_tells_want_of_money_from_other_reasons(world: World, name: str) -> None:
    world.use(name)
    world.sandbox.faults.add([Fault(kind="suspended", reason="balance", count=1)])
    broke = await world.submit(name)
    world.sandbox.faults.add([Fault(kind="suspended", reason="credentials", count=1)])
    barred = await world.submit(name)

    assert (broke.outcome, broke.drained) == ("suspended", True)
    assert (barred.outcome, barred.drained) == ("suspended", False)


async def test_an_account_that_runs_dry_is_told_by_the_refusal_and_again_after_a_top_up(
    world: World,
) -> None:
    world.use("zhenzi", alarms={"runway": []})
    care = Care(world.settings, world.store)
    world.has("zhenzi", 1)

    async def submits() -> Any:
        found = await world.submit("zhenzi")
        care.note("zhenzi", [found], began=world.lab.now())
        return found

    assert (await submits()).drained is False
    assert (await submits()).drained is True
    await until(lambda: world.told() == ["empty"], "it is told")

    world.has("zhenzi", 1)
    world.lab.pass_time(61_000)
    await world.taken("zhenzi")
    assert (await submits()).drained is False
    assert (await submits()).drained is True
    await until(lambda: world.told() == ["empty", "empty"], "it is told again")


# --- old polls ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "began", "expected"),
    [
        (990, 0, False),
        (990, 999, False),
        (800, 0, True),
        (0, 800, True),
        (0, 990, None),
        (800, 990, None),
    ],
    ids=["fresh", "fresh, just begun", "old", "never", "never, just begun", "old, just begun"],
)
def test_only_the_time_counts_in_which_somebody_looked(
    *, last: int, began: int, expected: bool | None
) -> None:
    assert judge(last * 1000, began * 1000, 1_000_000, 100.0) is expected


async def test_a_poll_without_success_is_told_once_and_again_when_it_was_well(
    world: World,
) -> None:
    world.use("tencent", balance_every="")
    poll = world.lab.raw.set
    poll(f"{keys.POLLED}tencent:report", world.lab.now())
    poll(f"{keys.POLLED}tencent:inbound", world.lab.now())
    rounds = [await world.staleness.round()]

    with capture_logs() as logs:
        for _ in range(4):
            _passes(world, 2 * MINUTE)
            poll(f"{keys.POLLED}tencent:inbound", world.lab.now())
            rounds.append(await world.staleness.round())

    assert rounds == [0, 0, 0, 1, 1]
    (event,) = world.events()
    assert (event.type, event.data["account"], event.data["kind"]) == (
        "poll.stale", "tencent", "report",
    )  # fmt: skip
    assert event.data["age_seconds"] == pytest.approx(360, abs=60)
    assert [(each["event"], each["log_level"]) for each in logs] == [("poll.stale", "error")]

    poll(f"{keys.POLLED}tencent:report", world.lab.now())
    assert await world.staleness.round() == 0
    _passes(world, 6 * MINUTE)
    poll(f"{keys.POLLED}tencent:inbound", world.lab.now())
    assert await world.staleness.round() == 1
    assert len(world.events()) == 2


async def test_a_balance_that_never_came_is_told_after_its_own_time(world: World) -> None:
    world.use("zhenzi", balance_every="10m")
    assert await world.staleness.round() == 0

    _passes(world, 14 * MINUTE)
    assert await world.staleness.round() == 0
    _passes(world, 2 * MINUTE)
    assert await world.staleness.round() == 1

    (event,) = world.events()
    assert event.data["kind"] == "balance"


async def test_a_balance_that_came_is_fresh(world: World) -> None:
    await world.staleness.round()
    await world.balances.round()
    _passes(world, 9 * MINUTE)

    assert await world.staleness.round() == 0


async def test_no_patience_set_is_no_alarm(world: World) -> None:
    world.use("zhenzi", "tencent", alarms={"poll_age": ""})
    world.staleness._began = world.lab.now()
    _passes(world, HOUR)

    assert await world.staleness.round() == 0
    assert world.events() == []


def _passes(world: World, ms: int) -> None:
    """Time passes for the store and for the process that looks."""
    world.lab.pass_time(ms)
    assert world.staleness._began is not None
    world.staleness._began -= ms
