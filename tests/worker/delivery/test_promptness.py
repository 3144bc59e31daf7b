"""An account whose reports stay away gets less, by each pump's own look, on a real server."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from tests.store.conftest import report_as
from tests.worker.conftest import FAKES, Fake, World, Worlds
from worker.contract import keys
from worker.contract.errors import StoreError
from worker.delivery import promptness
from worker.delivery.health import Health
from worker.delivery.promptness import Watch
from worker.store.acts import Act
from worker.store.client import AsyncStore

WITHIN = 600.0
WEIGHTS = {"notice": {"a": 1, "b": 1}}
USUAL = 0.97
Reports = Callable[..., None]


class Reporting(Fake):
    """A vendor that reports."""

    reported = True


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each claim looks, and a claim's look is over before the next one."""
    monkeypatch.setitem(FAKES, "reporting", Reporting)
    monkeypatch.setattr(promptness, "_EVERY", 0.0)


@pytest.fixture
def reporting(raw: "redis.Redis") -> Reports:
    """``reporting(a=0.5)``: of late half of a's reports came in time, and nearly all before."""
    return partial(report_as, raw, usual=USUAL)


def two(world: Worlds, routes: Any = None, **more: Any) -> World:
    """A pump with two accounts that report; of equal weights the second is drawn."""
    rules = {name: {"adapter": "reporting"} for name in "ab"}
    found = world({"vendors": rules, "routes": routes or WEIGHTS, **more})
    found.pump._claims._chance = lambda: 0.5
    return found


async def goes_to(pump: World) -> str:
    """Who gets a message, after the pump has looked once more."""
    for _ in range(2):
        await pump.send(1)
        await pump.pump_once()
    return pump.scripted.asked[-1].account


async def test_an_account_gone_silent_gets_less_weight_and_recovers(
    world: Worlds, reporting: Reports
) -> None:
    pump = two(world)
    assert await goes_to(pump) == "b"

    reporting(a=USUAL, b=0.0)
    assert await goes_to(pump) == "a"
    assert pump.pump._health.factor("b", 0) == 0.05

    reporting(a=USUAL, b=USUAL)
    assert await goes_to(pump) == "b"
    assert pump.pump._health.factor("b", 0) == 1


async def test_it_gets_less_as_the_reports_get_fewer(world: Worlds, reporting: Reports) -> None:
    pump = two(world)
    reporting(a=USUAL, b=0.5)

    await goes_to(pump)

    assert 0.5 < pump.pump._health.factor("b", 0) < 0.7


async def test_a_preferred_account_steps_back_only_where_it_is_much_worse(
    world: Worlds, reporting: Reports
) -> None:
    pump = two(world, {"notice": ["a", "b"]})
    reporting(a=0.6, b=USUAL)
    assert await goes_to(pump) == "a"

    reporting(a=0.1, b=USUAL)
    assert await goes_to(pump) == "b"

    reporting(a=USUAL, b=USUAL)
    assert await goes_to(pump) == "a"


async def test_the_one_account_in_use_steps_back_for_those_that_rest(
    world: Worlds, reporting: Reports
) -> None:
    pump = two(world, {"notice": ["a", "b"]})
    reporting(a=0.0)

    assert await goes_to(pump) == "b"


async def test_where_all_are_silent_nothing_moves_and_it_is_told_once(
    world: Worlds, reporting: Reports
) -> None:
    pump = two(world)
    reporting(a=0.0, b=0.0)

    with capture_logs() as logs:
        assert [await goes_to(pump) for _ in range(3)] == ["b"] * 3
        reporting(a=USUAL, b=USUAL)
        await goes_to(pump)

    told = [each["event"] for each in logs if each["event"].startswith("reports.")]
    assert told == ["reports.silent", "reports.silence_over"]


async def test_an_account_alone_is_told_of_and_keeps_its_messages(
    world: Worlds, reporting: Reports
) -> None:
    pump = world({"vendors": {"a": {"adapter": "reporting"}, "b": {"adapter": "fake"}}})
    reporting(a=0.0)

    with capture_logs() as logs:
        assert await goes_to(pump) == "a"

    assert [each["event"] for each in logs if "reports." in each["event"]] == ["reports.silent"]


async def test_a_slow_account_is_told_of_once_with_its_shares(
    world: Worlds, reporting: Reports
) -> None:
    pump = two(world)
    reporting(a=USUAL, b=0.2)

    with capture_logs() as logs:
        await goes_to(pump)
        await goes_to(pump)
        reporting(a=USUAL, b=USUAL)
        await goes_to(pump)

    told = [each for each in logs if each["event"].startswith("reports.")]
    assert [(each["event"], each["account"]) for each in told] == [
        ("reports.slow", "b"),
        ("reports.slow_over", "b"),
    ]
    assert (told[0]["share"], told[0]["usual"], told[0]["log_level"]) == (0.2, 0.97, "warning")


async def test_switched_off_nobody_looks_and_nothing_is_counted(
    world: Worlds, reporting: Reports, raw: "redis.Redis"
) -> None:
    pump = two(world, health={"prompt": ""})
    reporting(a=USUAL, b=0.0)
    before = raw.hgetall(f"{keys.PROMPT}b")

    assert await goes_to(pump) == "b"
    assert raw.hgetall(f"{keys.PROMPT}b") == before


async def test_what_a_pump_settles_is_counted(world: Worlds, raw: "redis.Redis") -> None:
    pump = two(world)

    await pump.send(7)
    await pump.pump_once()

    counted: Any = raw.hgetall(f"{keys.PROMPT}b")
    assert sum(int(each) for each in counted.values()) == 7


class Away(AsyncStore):
    """A store that does not answer."""

    def __init__(self) -> None:
        super().__init__("redis://127.0.0.1:1/0")
        self.asked = 0

    async def run(self, act: Act[Any]) -> Any:
        self.asked += 1
        raise StoreError("Redis cannot be reached")


async def test_while_redis_is_away_health_stays_as_it_was() -> None:
    health, store = Health("ab"), Away()
    health.weigh({"a": 0.2})
    watch = Watch("ab", WITHIN, store, health)

    with capture_logs() as logs:
        watch.look(0.0)
        await watch.rest()

    assert [each["event"] for each in logs] == ["store.lost"]
    assert health.factor("a", 0) == 0.2


async def test_it_looks_now_and_then_and_once_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promptness, "_EVERY", 10.0)
    store = Away()
    watch = Watch("ab", WITHIN, store, Health("ab"))

    for now in (100.0, 100.0, 105.0, 109.9, 110.0, 111.0, 125.0):
        watch.look(now)
        await watch.rest()
    assert store.asked == 3

    watch.look(200.0)
    watch.look(300.0)
    await watch.rest()
    assert store.asked == 4


async def test_without_accounts_that_report_nobody_looks() -> None:
    store = Away()
    watch = Watch((), WITHIN, store, Health("ab"))

    watch.look(0.0)
    await watch.rest()

    assert store.asked == 0
