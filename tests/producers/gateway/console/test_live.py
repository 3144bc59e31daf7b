"""What the console tells by itself: the last minutes, then each moment, to everybody who looks."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis

from producers.gateway.console import CONSOLE
from producers.gateway.console import watch as watching
from producers.gateway.console.watch import VIEWERS, Viewer
from tests.producers.conftest import Work
from tests.producers.gateway.conftest import NUMBER, Open, configured, problem
from tests.producers.gateway.console.conftest import (
    OPERATORS,
    PATIENCE,
    Operator,
    Send,
    counted,
    summed,
    until,
    watched,
)
from tests.store.conftest import report_as
from worker.contract import keys
from worker.store import balances, care, gauges, presence, webhooks
from worker.store.embedded import Server
from worker.store.presence import Vitals

pytestmark = pytest.mark.usefixtures("swift")


async def test_the_last_minutes_are_told_at_once(
    operator: Operator, send: Send, kill: Send
) -> None:
    for _ in range(3):
        send()
    kill()
    async with operator.live() as events:
        await counted(events, "rejected", 1)

    async with operator.live() as events:
        told = await until(events, "history")

    slots = {step["slot"]: step["counts"] for step in told["steps"]}
    assert (summed(slots, "accepted"), summed(slots, "rejected")) == (4, 1)
    assert (told["span"], told["events"], len(slots)) == (200, True, 300)
    assert sorted(slots) == list(range(min(slots), min(slots) + 300))
    assert abs(max(slots) / 5 - time.time()) < PATIENCE


async def test_what_happens_is_told_as_it_happens(
    operator: Operator, send: Send, work: Work
) -> None:
    async with operator.live() as events:
        await until(events, "history")
        message_id = send()
        work.claim()
        work.settle(message_id, "submitted", vendor_message_id="v1")
        step = await until(events, "step", lambda each: each["counts"].get("submitted"))

    assert step["counts"]["submitted"] == 1
    assert len(step["taken"]) == len(step["answer"]) == 2
    assert 0 <= step["answer"][0] <= step["taken"][0] + 1000
    assert step["report"] is None
    assert step["ready"].keys() == {"otp", "notice", "marketing"}


async def test_how_much_lies_where_is_told_each_moment(operator: Operator, send: Send) -> None:
    async with operator.live() as events:
        first = await until(events, "now")
        send(stream="otp")
        send(send_at=datetime.now(UTC) + timedelta(hours=1))
        found = await until(events, "now", lambda each: each["waiting"])

    assert first["redis"] is None
    assert first["streams"]["otp"] == {"ready": 0, "age": 0.0, "rings": 0}
    assert found["streams"]["otp"]["ready"] == 1
    assert found["due_in"] > 0
    assert (found["overdue"], found["dead"], found["unknown"]) == (0, 0, 0)


async def test_accounts_and_workers_are_told(
    operator: Operator, work: Work, raw: redis.Redis
) -> None:
    now = int(time.time() * 1000)
    for hour in range(4):
        raw.rpush(keys.HISTORY + "zhenzi", f"{now - (4 - hour) * 3_600_000} {1000 - hour * 100}")
    work.run(balances.keep("zhenzi", Decimal(600), "messages"))
    work.run(care.trip("zhenzi", 60, 900, "the balance is used up", code="110"))
    work.run(
        presence.beat("w1", Vitals(version="1", started=now, in_flight=2, queues=("sms.otp",)))
    )

    async with operator.live() as events:
        told = await until(events, "accounts")

    accounts = {each["name"]: each for each in told["accounts"]}
    found = accounts["zhenzi"]
    assert (found["state"], found["strikes"]) == ("left_alone", 1)
    assert found["suspended"] == {"code": "110", "reason": "the balance is used up"}
    assert found["balance"]["amount"] == "600"
    assert found["balance"]["runway_hours"] > 0
    assert found["points"][-1][1] == 600
    assert accounts["tencent"]["suspended"] is None
    assert accounts["tencent"]["lately"] == {"counts": {}, "answer": None}
    (worker,) = told["workers"]
    assert (worker["name"], worker["alive"], worker["in_flight"]) == ("w1", True, 2)
    assert worker["queues"] == ["sms.otp"]
    assert told["runway_alarms"] == [72, 24, 6]


async def test_how_many_reports_come_in_time_is_told_and_whether_all_stay_away(
    operator: Operator, raw: redis.Redis
) -> None:
    async def told() -> tuple[Any, Any]:
        async with operator.live() as events:
            found = await until(events, "accounts")
        return {each["name"]: each["prompt"] for each in found["accounts"]}, found["reports_silent"]

    report_as(raw, tencent=0.97, zhenzi=0.1)
    prompt, silent = await told()
    assert (prompt["zhenzi"]["share"], prompt["zhenzi"]["usual"]) == (0.1, 0.97)
    assert (prompt["zhenzi"]["slow"], prompt["zhenzi"]["steps_back"]) == (True, True)
    assert (prompt["tencent"]["slow"], prompt["tencent"]["steps_back"]) == (False, False)
    assert (prompt["guarded"]["share"], prompt["aliyun"], silent) == (None, None, False)

    report_as(raw, tencent=0.1, zhenzi=0.1)
    prompt, silent = await told()
    assert (prompt["zhenzi"]["steps_back"], silent) == (False, True)


async def test_polls_that_fail_are_told(
    open_gateway: Open, redis_url: str, raw: redis.Redis
) -> None:
    raw.set(f"{keys.POLLED}tencent:report", int(time.time() * 1000) - 400_000)
    raw.set(f"{keys.POLLED}tencent:inbound", int(time.time() * 1000))

    async def told(extra: str) -> Any:
        operator = Operator(await open_gateway(watched(redis_url, extra)))
        await operator.sign_in()
        async with operator.live() as events:
            return (await until(events, "accounts"))["polls"]

    (late,) = await told("")
    assert (late["account"], late["kind"]) == ("tencent", "report")
    assert 400 <= late["age"] < 400 + 2 * PATIENCE
    raw.delete(f"{keys.POLLED}tencent:report")
    assert await told("") == [{"account": "tencent", "kind": "report", "age": None}]
    assert await told('[alarms]\npoll_age = ""\n') == []


async def test_webhooks_that_take_nothing_are_told(
    open_gateway: Open, redis_url: str, raw: redis.Redis, work: Work
) -> None:
    now = int(time.time() * 1000)
    raw.hset(f"{keys.WEBHOOKS}rests", mapping={"rest": now + 60_000, "reason": "HTTP 500"})
    for name, ago in (("slow", 400_000), ("well", 0)):
        work.run(webhooks.hold(name, [("1-1", b"{}")]))
        raw.zadd(f"{keys.WEBHOOK_DUE}{name}", {"1-1": now - ago})
    secret = "whsec_c2V0IG1lOiAyNCB0byA2NCByYW5kb20gYnl0ZXM="
    extra = "".join(
        f'[webhooks.{name}]\nurl = "https://{name}.example.com/"\nsecret = "{secret}"\n'
        for name in ("rests", "slow", "well")
    )
    operator = Operator(await open_gateway(watched(redis_url, extra)))
    await operator.sign_in()

    async with operator.live() as events:
        told = await until(events, "accounts")

    assert told["webhooks"] == [
        {"name": "rests", "waiting": 0, "reason": "HTTP 500"},
        {"name": "slow", "waiting": 1, "reason": ""},
    ]


async def test_neither_number_text_nor_secret_is_in_the_stream(
    operator: Operator, send: Send, kill: Send
) -> None:
    send()
    kill()
    said = b""
    async with operator.client.get("/console/live") as answer, asyncio.timeout(PATIENCE):
        while b"event: accounts" not in said or not said.endswith(b"\n\n"):
            said += await answer.content.readany()

    assert b"a-secret" not in said
    assert NUMBER.encode() not in said
    assert "机密".encode() not in said
    assert answer.headers["Cache-Control"] == "no-store"


async def test_everybody_who_looks_is_told_and_the_second_one_gets_the_whole(
    operator: Operator, send: Send
) -> None:
    send()
    async with operator.live() as one:
        await counted(one, "accepted", 1)
        async with operator.live() as other:
            told = await until(other, "history")
            slots = {step["slot"]: step["counts"] for step in told["steps"]}
            assert summed(slots, "accepted") == 1
            send()
            await counted(one, "accepted", 1)
            await counted(other, "accepted", 1)


async def test_more_events_than_a_script_counts_are_all_counted(
    operator: Operator, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_EVENTS", 2)
    for _ in range(9):
        send()

    async with operator.live() as events:
        assert summed(await counted(events, "accepted", 9), "accepted") == 9


async def test_redis_away_is_told_and_so_is_its_return(open_gateway: Open) -> None:
    server = Server().start()
    try:
        operator = Operator(await open_gateway(watched(server.url)))
        await operator.sign_in()
        async with operator.live() as events:
            await until(events, "now", lambda each: each["redis"] is None)
            server.stop(kill=True)
            away = await until(events, "now", lambda each: each["redis"])
            server.start()
            await until(events, "now", lambda each: each["redis"] is None)
    finally:
        server.stop(kill=True)

    assert "Redis" in away["redis"]


async def test_a_bug_in_a_look_does_not_end_the_watch(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real, broken = gauges.depths, [True]

    def depths() -> Any:
        if broken.pop() if broken else False:
            raise RuntimeError("机密")
        return real()

    async with operator.live() as events:
        await until(events, "now")
        monkeypatch.setattr(gauges, "depths", depths)
        told = await until(events, "now", lambda each: each["redis"])
        await until(events, "now", lambda each: each["redis"] is None)

    said = "".join(capsys.readouterr())
    assert "see the gateway's log" in told["redis"]
    assert "console.failed" in said
    assert "机密" not in said


async def test_events_that_are_not_kept_are_told_to_be_off(
    open_gateway: Open, redis_url: str
) -> None:
    settings = configured(redis_url, OPERATORS + "[events]\nkeep = 0\n")
    operator = Operator(await open_gateway(settings))
    await operator.sign_in()

    async with operator.live() as events:
        assert (await until(events, "history"))["events"] is False


async def test_the_stream_ends_with_its_session(operator: Operator) -> None:
    async with operator.live() as events:
        await until(events, "now")
        assert (await operator.call("DELETE", "api/session")).status == 200
        async with asyncio.timeout(PATIENCE):
            async for _ in events:
                pass

    assert (await operator.call("GET", "live")).status == 401


async def test_the_stream_outlives_what_a_request_may_take(
    open_gateway: Open, redis_url: str
) -> None:
    operator = Operator(await open_gateway(watched(redis_url)))  # a second for a request
    await operator.sign_in()
    begun = time.monotonic()

    async with operator.live() as events:
        await until(events, "now", lambda each: time.monotonic() - begun > 2)


async def test_a_gateway_that_ends_does_not_wait_for_those_who_look(operator: Operator) -> None:
    async with operator.live() as events:
        await until(events, "now")
        async with asyncio.timeout(PATIENCE):
            await operator.client.server.close()


async def test_those_who_look_are_bounded(operator: Operator) -> None:
    watch = operator.client.app[CONSOLE].watch
    viewers = [watch.join() for _ in range(VIEWERS)]

    await problem(await operator.call("GET", "live"), 429, "too-many")
    watch.leave(viewers[0])
    async with operator.live() as events:
        await until(events, "now")


async def test_who_does_not_listen_is_left_and_hears_the_end() -> None:
    viewer = Viewer()
    for _ in range(1000):
        viewer.tell(b"x")

    while (await asyncio.wait_for(viewer.next(), PATIENCE)) is not None:
        pass


async def test_nobody_watches_where_nobody_could_look(open_gateway: Open, redis_url: str) -> None:
    await open_gateway(configured(redis_url))

    names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]  # type: ignore[union-attr]
    assert "Watch.run" not in names
