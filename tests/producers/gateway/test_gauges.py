"""What a gateway reads of Redis for Prometheus: the depths, the accounts, the money, the webhooks."""

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
import redis

from producers import Client
from tests.store.conftest import report_as
from worker.contract import jobs, keys
from worker.contract.settings import parse
from worker.store import balances, care, presence, webhooks
from worker.store.client import Store
from worker.store.embedded import free_port
from worker.store.presence import Vitals
from worker.store.shards import AsyncShards
from worker.telemetry.metrics import METRICS, By

from .gauging import TABLE, Place, ms

NUMBER = "13800138000"
NOTHING = (  # nothing is known of them at first
    *("xinshi_balance", "xinshi_balance_runway_hours"),
    *("xinshi_account_prompt_share", "xinshi_account_prompt_left"),
)


@pytest_asyncio.fixture
async def place(redis_url: str) -> AsyncIterator[Place]:
    settings = parse({"redis_url": redis_url, "store": {"timeout": 10.0}, **TABLE})
    shards = AsyncShards(settings)
    yield Place(settings, shards)
    await shards.close()


@pytest.fixture
def work(redis_url: str) -> Iterator[Store]:
    store = Store(redis_url, timeout=10.0)
    yield store
    store.close()


async def test_an_empty_place_tells_every_gauge_but_what_nobody_knows(place: Place) -> None:
    found = await place.read()

    names = {name for name, *_ in found}
    assert names == {each.name for each in METRICS.values() if each.by is By.STORE} - {*NOTHING}
    assert found.pop(("xinshi_redis_up", "0")) == 1
    ages = {labels: value for labels, value in found.items() if "poll_age" in labels[0]}
    assert ages.keys() == {
        *(
            ("xinshi_poll_age_seconds", "tencent", kind)
            for kind in ("report", "inbound", "balance")
        ),
        ("xinshi_poll_age_seconds", "zhenzi", "balance"),
    }
    assert all(value == 0 for value in found.values())


async def test_ready_messages_have_a_count_and_an_age(place: Place, raw: redis.Redis) -> None:
    with Client(config=place.settings) as client:
        client.send_many({"to": NUMBER, "text": "您好", "stream": "otp"} for _ in range(3))
    raw.zadd(keys.WAITING, {"later": ms(-100), "late": ms(30)})

    found = await place.read()

    assert found["xinshi_ready_messages", "otp"] == 3
    assert 0 <= found["xinshi_ready_oldest_seconds", "otp"] < 120
    assert found["xinshi_rings", "otp"] == 1
    assert found["xinshi_ready_messages", "notice"] == 0
    assert found["xinshi_waiting_messages",] == 2
    assert found["xinshi_waiting_overdue_messages",] == 1
    assert 30 <= found["xinshi_waiting_overdue_seconds",] < 150


async def test_troubled_messages_and_pages_are_counted(place: Place, raw: redis.Redis) -> None:
    raw.zadd(keys.UNKNOWN, {"a": 1, "b": 2})
    raw.zadd(keys.DEAD, {"c": 1})
    raw.xadd(keys.SPOOL, {"x": "y"})
    for _ in range(4):
        raw.xadd(keys.UNREADABLE, {"x": "y"})
    raw.rpush(jobs.TICKS, *[b"{}"] * 5)

    found = await place.read()

    counts = ("unknown_messages", "dead_letters", "spool_pages", "unreadable_pages")
    assert [found[f"xinshi_{name}",] for name in counts] == [2, 1, 1, 4]
    assert found["xinshi_ticks_waiting",] == 5


async def test_workers_are_counted_by_the_queues_that_they_serve(place: Place, work: Store) -> None:
    work.run(presence.beat("otp@h:1", Vitals(queues=("sms.otp", "sms.ticks"))))
    work.run(presence.beat("bulk@h:2", Vitals(queues=("sms.notice", "sms.otp"))))
    work.run(presence.beat("gone@h:3", Vitals(queues=("sms.otp",))))
    work.run(presence.leave("gone@h:3"))
    work.run(presence.beat("silent@h:4", Vitals()))  # does not know what it serves

    found = await place.read()

    queues = ("sms.otp", "sms.notice", "sms.marketing", "sms.ticks")
    assert [found["xinshi_workers", queue, "0"] for queue in queues] == [3, 2, 1, 2]


async def test_accounts_tell_how_they_do(place: Place, work: Store, raw: redis.Redis) -> None:
    work.run(care.trip("zhenzi", 60, 900, "no money", code="108"))
    raw.hset(f"{keys.STATE}tencent", mapping={"half": 1, "drift:MA:0022": 3, "drift:report": 2})
    raw.zadd(f"{keys.OPEN}tencent", {"a": ms(-10), "b": ms(-10)})

    found = await place.read()

    assert found["xinshi_breaker_state", "zhenzi"] == 2
    assert found["xinshi_account_suspended", "zhenzi"] == 1
    assert found["xinshi_breaker_state", "tencent"] == 1
    assert found["xinshi_account_suspended", "tencent"] == 0
    assert found["xinshi_mirror_drift_total", "tencent"] == 5
    assert found["xinshi_open_attempts", "tencent"] == 2


async def test_how_many_reports_come_in_time_is_told_of_who_reports(
    place: Place, raw: redis.Redis
) -> None:
    report_as(raw, zhenzi=0.2, gone=0.2)

    found = await place.read()

    assert found["xinshi_account_prompt_share", "zhenzi"] == 0.2
    assert 0.2 < found["xinshi_account_prompt_left", "zhenzi"] < 0.4
    assert {labels for labels in found if "prompt" in labels[0]} == {
        ("xinshi_account_prompt_share", "zhenzi"),
        ("xinshi_account_prompt_left", "zhenzi"),
    }


async def test_a_share_without_a_day_before_is_told_and_not_judged(
    place: Place, raw: redis.Redis
) -> None:
    report_as(raw, zhenzi=0.2)
    counted: Any = raw.hkeys(f"{keys.PROMPT}zhenzi")
    old = sorted(counted, key=lambda each: int(each.partition(b":")[2]))[:-6]
    raw.hdel(f"{keys.PROMPT}zhenzi", *old)  # three spans are left

    found = await place.read()

    assert found["xinshi_account_prompt_share", "zhenzi"] == 0.2
    assert ("xinshi_account_prompt_left", "zhenzi") not in found


async def test_reports_that_nobody_counts_are_not_told(redis_url: str, raw: redis.Redis) -> None:
    report_as(raw, zhenzi=0.2)
    settings = parse({"redis_url": redis_url, **TABLE, "health": {"prompt": ""}})
    shards = AsyncShards(settings)
    found = await Place(settings, shards).read()
    await shards.close()

    assert found["xinshi_redis_up", "0"] == 1
    assert not [name for name, *_ in found if "prompt" in name]


async def test_money_is_told_with_its_runway(place: Place, work: Store, raw: redis.Redis) -> None:
    raw.rpush(f"{keys.HISTORY}zhenzi", f"{ms(7200)} 1200", f"{ms(3600)} 1100")
    work.run(balances.keep("zhenzi", Decimal(1000), "messages"))
    raw.set(f"{keys.POLLED}zhenzi:balance", ms(40))
    raw.set(f"{keys.POLLED}tencent:report", ms(400))

    found = await place.read()

    assert found["xinshi_balance", "zhenzi", "messages"] == 1000
    assert 9 < found["xinshi_balance_runway_hours", "zhenzi"] < 11
    assert ("xinshi_balance_runway_hours", "tencent") not in found
    assert 40 <= found["xinshi_poll_age_seconds", "zhenzi", "balance"] < 160
    assert 400 <= found["xinshi_poll_age_seconds", "tencent", "report"] < 520


async def test_a_poll_that_never_succeeded_grows_old_from_the_gateways_start(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.read()
    monkeypatch.setattr(place.gauges, "_began", ms(500))

    found = await place.read()

    assert found["xinshi_poll_age_seconds", "tencent", "inbound"] >= 500


async def test_webhooks_tell_what_waits_and_what_came_of_the_rest(
    place: Place, work: Store, raw: redis.Redis
) -> None:
    work.run(webhooks.hold("app", [("1-1", b"{}"), ("1-2", b"{}")]))
    raw.hset(
        f"{keys.WEBHOOKS}app",
        mapping={"delivered": 9, "failed": 4, "given_up": 2, "dropped": 1, "rest": ms(-60)},
    )
    raw.zadd(f"{keys.WEBHOOK_DUE}app", {"1-1": ms(90)})

    found = await place.read()

    assert found["xinshi_webhook_delivered_total", "app"] == 9
    assert found["xinshi_webhook_failed_total", "app"] == 4
    assert found["xinshi_webhook_lost_total", "app"] == 3
    assert found["xinshi_webhook_backlog", "app"] == 2
    assert 90 <= found["xinshi_webhook_overdue_seconds", "app"] < 210
    assert found["xinshi_webhook_resting", "app"] == 1


async def test_within_a_second_redis_is_asked_once(place: Place, raw: redis.Redis) -> None:
    await place.read()
    raw.zadd(keys.DEAD, {"c": 1})
    before = await place.again()
    place.clock.now += 0.99
    also_before = await place.again()
    after = await place.read()

    assert [each["xinshi_dead_letters",] for each in (before, also_before, after)] == [0, 0, 1]


async def test_without_redis_it_says_so_and_nothing_else() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    settings = parse({"redis_url": url, "store": {"timeout": 0.5}, **TABLE})
    shards = AsyncShards(settings)
    found = await Place(settings, shards).read()
    await shards.close()

    assert found == {("xinshi_redis_up", "0"): 0}


async def test_a_store_without_accounts_is_read_as_well(redis_url: str) -> None:
    settings = parse({"redis_url": redis_url})
    shards = AsyncShards(settings)
    found = await Place(settings, shards).read()
    await shards.close()

    assert found["xinshi_redis_up", "0"] == 1
    assert not [name for name, *_ in found if "poll" in name or "breaker" in name]
