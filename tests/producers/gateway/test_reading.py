"""What may be read: inbound messages, accounts, health, metrics, the pages; and what is not there."""

import asyncio
import json
import time
import tomllib
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import redis
from cryptography.fernet import Fernet

from producers.gateway import bodies
from tests.producers.gateway.conftest import (
    CONFIG,
    KEY,
    NUMBER,
    Caller,
    Open,
    beat,
    configured,
    problem,
)
from tests.store.conftest import report_as
from worker.contract import jobs, keys
from worker.store import balances, care
from worker.store.client import AsyncStore
from worker.store.embedded import Server, free_port
from worker.store.inbox import Letter, sealed
from worker.store.sealing import Seal


@pytest.fixture
def letters(raw: redis.Redis) -> list[str]:
    """Three inbound messages; their places."""
    places = []
    for number in range(3):
        letter = Letter(
            account="chuangrui",
            sender=f"+86{NUMBER}",
            extension="008",
            text=f"第{number}",
            at=1_700_000_000_000,
            message_id="m" if number else "",
            opted_out=number == 2,
        )
        found = raw.xadd(keys.INBOUND, {"letter": msgspec.json.encode(letter)})
        assert isinstance(found, bytes)
        places.append(found.decode())
    return places


async def test_inbound_messages_are_listed_the_oldest_first(
    gateway: Caller, letters: list[str]
) -> None:
    answer = await gateway.get("/v1/inbound")
    found = await answer.json()

    assert answer.status == 200
    assert found["next"] == letters[-1]
    assert [each["id"] for each in found["messages"]] == letters
    first = found["messages"][0]
    assert (first["text"], first["from"], first["extension"]) == ("第0", f"+86{NUMBER}", "008")
    assert (first["sent_at"], first["message_id"]) == ("2023-11-15T06:13:20+08:00", None)
    assert [each["opted_out"] for each in found["messages"]] == [False, False, True]


async def test_inbound_messages_are_read_on_from_a_place(
    gateway: Caller, letters: list[str]
) -> None:
    seen, after = [], ""
    while found := await (await gateway.get(f"/v1/inbound?limit=1&after={after}")).json():
        if not found["messages"]:
            break
        seen += [each["id"] for each in found["messages"]]
        after = found["next"]

    assert seen == letters
    assert found == {"messages": [], "next": letters[-1]}


async def test_an_empty_inbox_is_an_empty_list(gateway: Caller) -> None:
    assert await (await gateway.get("/v1/inbound")).json() == {"messages": [], "next": None}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=x", "after"),
        ("after=-", "after"),
        ("after=1-2-3", "after"),
        (f"after={2**64}", "after"),
        ("after=9%00", "after"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=" + "9" * 5000, "limit"),
    ],
)
async def test_a_wrong_parameter_names_itself(gateway: Caller, query: str, field: str) -> None:
    found = await problem(await gateway.get(f"/v1/inbound?{query}"), 422, "invalid-parameter")

    assert found["field"] == field


async def test_accounts_are_shown_without_any_credential(gateway: Caller) -> None:
    answer = await gateway.get("/v1/vendors")
    found = {each["name"]: each for each in (await answer.json())["vendors"]}

    assert answer.status == 200
    assert list(found) == ["chuangrui", "tencent", "zhenzi", "guarded", "aliyun"]
    assert found["tencent"]["adapter"] == "tencent"
    assert found["chuangrui"]["routes"] == {"notice": 1, "marketing": 1}
    assert found["zhenzi"]["state"] == "ok"
    secrets = {
        str(value)
        for table in tomllib.loads(CONFIG)["vendors"].values()
        for key, value in table.items()
        if key not in ("adapter", "base_url") and len(str(value)) > 2
    }
    assert not [secret for secret in secrets if secret in await answer.text()]


async def test_an_account_that_is_left_alone_says_so(gateway: Caller, store: AsyncStore) -> None:
    await store.run(care.trip("zhenzi", 60, 900, "the balance is used up"))

    found = await (await gateway.get("/v1/vendors")).json()

    (account,) = [each for each in found["vendors"] if each["name"] == "zhenzi"]
    assert (account["state"], account["reason"]) == ("left_alone", "the balance is used up")
    assert account["until"].endswith("+08:00")


async def test_whether_reports_come_as_soon_as_usual_is_told_of_those_that_send_them(
    gateway: Caller, raw: "redis.Redis"
) -> None:
    report_as(raw, zhenzi=0.2)

    rows = (await (await gateway.get("/v1/vendors")).json())["vendors"]

    found = {each["name"]: each["prompt"] for each in rows}
    assert found["aliyun"] is None
    assert found["tencent"]["share"] is None
    assert (found["zhenzi"]["share"], found["zhenzi"]["usual"]) == (0.2, 0.97)
    assert found["zhenzi"]["slow"]


async def test_what_an_account_has_left_is_told_where_it_is_known(
    gateway: Caller, store: AsyncStore
) -> None:
    await store.run(balances.keep("zhenzi", Decimal("12.50"), "messages"))
    await store.run(balances.keep("aliyun", Decimal(7), "messages", hint=True))

    rows = (await (await gateway.get("/v1/vendors")).json())["vendors"]

    found = {each["name"]: each["balance"] for each in rows}
    assert found["tencent"] is None
    assert (found["zhenzi"]["amount"], found["zhenzi"]["unit"]) == ("12.50", "messages")
    assert (found["zhenzi"]["postpaid"], found["zhenzi"]["runway_hours"]) == (False, None)
    assert found["zhenzi"]["at"] == found["zhenzi"]["stored_at"]
    assert (found["aliyun"]["hint"], found["aliyun"]["stored_at"]) == (True, None)


async def test_health_needs_nothing(open_gateway: Open) -> None:
    gateway = await open_gateway(configured(f"redis://127.0.0.1:{free_port()}/0"))

    answer = await gateway.get("/healthz", key=None)

    assert (answer.status, await answer.json()) == (200, {"status": "ok"})


async def test_readiness_tells_of_worker_and_polls(
    gateway: Caller, raw: redis.Redis, redis_url: str
) -> None:
    beat(redis_url, "a-host-of-ours:1")
    beat(redis_url, "a-host-of-ours:2")
    raw.set(f"{keys.POLLED}tencent:report", int((time.time() - 5) * 1000))
    raw.lpush(jobs.TICKS, "tick")

    answer = await gateway.get("/readyz", key=None)
    found = await answer.json()

    assert (answer.status, found["status"], found["redis"]) == (200, "ready", "ok")
    assert found["missing"] == []
    assert 0 <= found["worker"].pop("age") < 20
    assert found["worker"] == {"alive": 2, "ticks": 1}
    assert "a-host-of-ours" not in await answer.text(), "anybody may ask"
    ages = {each["kind"]: each["age"] for each in found["polls"]}
    assert 4 < ages.pop("report") < 7
    assert set(ages.values()) == {None}
    assert not [key for key in raw.keys() if b":m:" in key]  # noqa: SIM118 - redis's keys


async def test_without_a_worker_it_is_not_ready_and_says_what_is_missing(
    gateway: Caller, raw: redis.Redis, redis_url: str
) -> None:
    never = await gateway.get("/readyz")
    beat(redis_url)
    raw.zincrby(keys.WORKERS, -60_000, "w@host:1")
    silent = await gateway.get("/readyz")

    assert (never.status, silent.status) == (503, 503)
    found = await never.json()
    assert (found["status"], found["missing"], found["redis"]) == ("unavailable", ["worker"], "ok")
    assert found["worker"] == {"alive": 0, "age": None, "ticks": 0}
    assert 59 < (await silent.json())["worker"]["age"] < 120
    assert (await gateway.send({"to": NUMBER, "text": "您好"})).status == 202, "it waits for one"


async def test_who_only_stores_may_leave_the_worker_out(gateway: Caller) -> None:
    answer = await gateway.get("/readyz?exclude=worker")
    wrong = await gateway.get("/readyz?exclude=worker&exclude=redis")

    assert (answer.status, (await answer.json())["missing"]) == (200, [])
    assert (await problem(wrong, 422, "invalid-parameter"))["field"] == "exclude"


async def test_readiness_follows_redis_down_and_up(open_gateway: Open) -> None:
    server = Server().start()
    try:
        gateway = await open_gateway(configured(server.url))
        beat(server.url)
        statuses = [(await gateway.get("/readyz")).status]
        server.stop(kill=True)
        statuses.append((await gateway.get("/readyz")).status)
        assert (await gateway.send({"to": NUMBER, "text": "您好"})).status == 503
        server.start()
        beat(server.url)
        statuses.append((await gateway.get("/readyz")).status)
        assert (await gateway.send({"to": NUMBER, "text": "您好"})).status == 202
    finally:
        server.stop(kill=True)

    assert statuses == [200, 503, 200]


async def test_a_full_redis_is_not_ready(open_gateway: Open) -> None:
    with Server() as server:
        gateway = await open_gateway(configured(server.url))
        with redis.Redis.from_url(server.url) as raw:
            raw.config_set("maxmemory", 1)

        answer = await gateway.get("/readyz")

        found = await answer.json()
        assert (answer.status, found["status"]) == (503, "unavailable")
        assert found["missing"] == ["redis"]
        await problem(await gateway.send({"to": NUMBER, "text": "您好"}), 503, "store-unavailable")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/messages"),
        ("GET", "/v1/messages/x"),
        ("DELETE", "/v1/messages/x"),
        ("GET", "/v1/inbound"),
        ("GET", "/v1/vendors"),
    ],
)
async def test_a_redis_that_hangs_is_told_in_time(
    open_gateway: Open, hung: str, method: str, path: str
) -> None:
    gateway = await open_gateway(
        configured(hung, base=CONFIG.replace("timeout = 0.5", "timeout = 0.2"))
    )

    begun = time.monotonic()
    answer = await gateway.call(method, path, json={"to": NUMBER, "text": "您好"})

    await problem(answer, 503, "store-unavailable")
    assert time.monotonic() - begun < 60


async def test_a_batch_cut_in_the_middle_says_what_is_stored(open_gateway: Open) -> None:
    with Server() as server:
        gateway = await open_gateway(configured(server.url))
        with redis.Redis.from_url(server.url) as raw:
            await gateway.send({"to": NUMBER, "text": "您好"})
            raw.config_set("maxmemory", int(raw.info("memory")["used_memory"]) + 300_000)
            for _ in range(40):
                messages = [{"to": NUMBER, "text": "您好"}] * 1000
                answer = await gateway.send({"messages": messages})
                if answer.status == 503:
                    break

            found = await problem(answer, 503, "store-unavailable")
            known = [each for each in found.get("ids", []) if each]
            assert all(raw.exists(keys.message(each)) for each in known)
            assert len(found.get("ids", [])) in {0, 1000}


async def test_metrics_count_requests_and_depths(gateway: Caller, raw: redis.Redis) -> None:
    await gateway.send({"to": NUMBER, "text": "您好"})
    await gateway.send({"messages": [{"to": NUMBER, "text": "您好"}, {}]})
    await gateway.get("/v1/messages/nobody")
    await gateway.get("/no/such/path")
    await gateway.call("LOCK", "/healthz")
    await gateway.post("/callbacks/zhenzi/report", data={"messageId": "m"})

    answer = await gateway.get("/metrics", key=None)
    lines = (await answer.text()).splitlines()

    assert answer.content_type == "text/plain"
    for line in (
        'xinshi_gateway_requests_total{method="POST",route="/v1/messages",status="202"} 2.0',
        'xinshi_gateway_requests_total{method="GET",route="/v1/messages/{id}",status="404"} 1.0',
        'xinshi_gateway_requests_total{method="GET",route="unmatched",status="404"} 1.0',
        'xinshi_gateway_requests_total{method="other",route="unmatched",status="405"} 1.0',
        'xinshi_gateway_messages_total{api_key="app1",result="accepted"} 2.0',
        'xinshi_gateway_callbacks_total{account="zhenzi",kind="report",result="accepted"} 1.0',
        'xinshi_ready_messages{stream="notice"} 2.0',
        "xinshi_spool_pages 1.0",
        'xinshi_redis_up{shard="0"} 1.0',
    ):
        assert line in lines


async def test_metrics_outlive_redis(open_gateway: Open) -> None:
    gateway = await open_gateway(configured(f"redis://127.0.0.1:{free_port()}/0"))

    answer = await gateway.get("/metrics")

    assert answer.status == 200
    assert 'xinshi_redis_up{shard="0"} 0.0' in await answer.text()
    assert "xinshi_ready_messages{" not in await answer.text()


async def test_the_first_page_leads_to_the_description(gateway: Caller) -> None:
    answer = await gateway.get("/", key=None)

    assert (answer.status, answer.content_type) == (200, "text/html")
    assert 'href="/openapi.json"' in await answer.text()


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/nothing", "/V1/messages", "/callbacks"])
async def test_an_unknown_path_is_not_found(gateway: Caller, path: str) -> None:
    await problem(await gateway.get(path), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/messages", {"POST"}),
        ("PUT", "/v1/messages/x", {"GET", "HEAD", "DELETE"}),
        ("POST", "/v1/inbound", {"GET", "HEAD"}),
        ("DELETE", "/callbacks/zhenzi/report", {"GET", "POST"}),
        ("HEAD", "/callbacks/zhenzi/report", {"GET", "POST"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    gateway: Caller, method: str, path: str, allow: set[str]
) -> None:
    answer = await gateway.call(method, path)

    assert answer.status == 405
    assert {each.strip() for each in answer.headers["Allow"].split(",")} == allow
    if method != "HEAD":
        await problem(answer, 405, "method-not-allowed")


async def test_a_body_that_never_ends_is_given_up(open_gateway: Open, redis_url: str) -> None:
    base = CONFIG.replace("timeout = 1", "timeout = 0.3")
    gateway = await open_gateway(configured(redis_url, base=base))

    async def endless() -> Any:
        yield b"{"
        while True:
            await asyncio.sleep(0.1)
            yield b" "

    begun = time.monotonic()
    answer = await gateway.call("POST", "/v1/messages", data=endless())

    await problem(answer, 408, "too-slow")
    assert time.monotonic() - begun < 60


async def test_a_bug_is_a_problem_that_quotes_nothing(
    gateway: Caller, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(body: bytes) -> Any:
        raise RuntimeError(body.decode())

    monkeypatch.setattr(bodies, "decode", broken)

    answer = await gateway.send({"to": NUMBER, "text": "机密"})

    await problem(answer, 500, "internal")
    said = await answer.text() + "".join(capsys.readouterr())
    assert "机密" not in said
    assert json.dumps("机密")[1:-1] not in said
    assert NUMBER not in said
    assert "RuntimeError" in said
    assert KEY not in said


@pytest.mark.parametrize("known", [True, False], ids=["its key", "another key"])
async def test_a_sealed_reply_is_opened_or_the_answer_says_which_setting_lacks(
    open_gateway: Open, redis_url: str, raw: redis.Redis, known: bool
) -> None:
    key, other = (Fernet.generate_key().decode() for _ in range(2))
    letter = sealed(Letter(account="chuangrui", sender=f"+86{NUMBER}", text="好的"), Seal([key]))
    raw.xadd(keys.INBOUND, {"letter": msgspec.json.encode(letter)})
    extra = f'[privacy]\ntext_keys = ["{key if known else other}"]\n'
    gateway = await open_gateway(configured(redis_url, extra))

    answer = await gateway.get("/v1/inbound")

    if known:
        assert [each["text"] for each in (await answer.json())["messages"]] == ["好的"]
    else:
        found = await problem(answer, 503, "store-unavailable")
        assert found["detail"] == "a text in the store cannot be opened: [privacy] text_keys"
