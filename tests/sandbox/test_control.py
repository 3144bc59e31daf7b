"""The control endpoints: what they change, what they show, and how they refuse."""

import json
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from worker.sandbox import Sandbox, Settings, create_app

Client = TestClient[web.Request, web.Application]

FORM = {"appId": "sandbox-app", "appSecret": "sandbox-secret", "message": "您好，测试"}


async def send(client: Client, number: str, **form: str) -> None:
    await client.post("/sms/send.do", data={**FORM, "number": number, **form})


async def read(client: Client, path: str) -> Any:
    async with client.get(f"/_sandbox{path}") as answer:
        assert answer.status == 200
        return await answer.json()


async def test_the_ledger_says_what_each_handset_was_sent(client: Client) -> None:
    await send(client, "13800138000", messageId="m1")
    await send(client, "13900139000")

    everything = await read(client, "/ledger")
    one = await read(client, "/ledger?number=13800138000&vendor=zhenzi")

    assert everything["total"] == 2
    assert one["messages"] == [
        {
            "number": "13800138000",
            "vendor": "zhenzi",
            "account": "zhenzi",
            "text": "您好，测试",
            "vendor_id": "",
            "message_id": "m1",
            "time": 1521461320.0,
            "ending": "delivered",
        }
    ]
    assert (await read(client, "/ledger?vendor=tencent"))["total"] == 0
    assert (await read(client, "/ledger?ending=undelivered"))["total"] == 1
    assert len((await read(client, "/ledger?limit=1"))["messages"]) == 1


async def test_counts_tell_totals_numbers_and_doubles(client: Client) -> None:
    for number in ("13800138000", "13800138000", "13900139000"):
        await send(client, number)
    await send(client, "13800138000", message="另一条，测试")

    counts = await read(client, "/counts")

    assert counts == {
        "taken": 4,
        "delivered": 3,
        "doubles": 1,
        "vendors": {"zhenzi": 4},
        "endings": {"delivered": 3, "undelivered": 1},
        "numbers": {"13800138000": 3, "13900139000": 1},
        "requests": {"zhenzi send": 4},
    }
    assert "numbers" not in await read(client, "/counts?numbers=0")


async def test_the_ledger_is_bounded_and_the_counts_are_not(now: list[float]) -> None:
    small = Sandbox(clock=lambda: now[0], ledger_size=2)
    async with TestClient(TestServer(create_app(small))) as client:
        for number in ("13800138000", "13800138001", "13800138002"):
            await send(client, number, messageId=number)

        assert (await read(client, "/ledger"))["total"] == 2
        assert (await read(client, "/counts"))["taken"] == 3
        assert len(small.state.messages) == 2


async def test_the_ledger_file_holds_each_message_before_the_answer_and_outlives_a_reset(
    tmp_path: Path, now: list[float]
) -> None:
    path = tmp_path / "ledger.jsonl"
    async with TestClient(
        TestServer(create_app(Sandbox(clock=lambda: now[0], ledger_path=path)))
    ) as client:
        await send(client, "13800138000")
        first = path.read_text(encoding="utf-8").splitlines()
        await client.post("/_sandbox/reset")
        await send(client, "13800138001")

    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[:1] == first
    assert [json.loads(line)["number"] for line in lines] == ["13800138000", "13800138001"]


async def test_a_reset_brings_everything_back_to_the_start(
    client: Client, sandbox: Sandbox
) -> None:
    await client.put("/_sandbox/settings", json={"latency": 1, "zhenzi": {"daily": 1}})
    await client.put("/_sandbox/settings", json={"balances": {"zhenzi": 5}})
    await client.put("/_sandbox/faults", json={"kind": "500", "vendor": "tencent"})
    await send(client, "13800138000", messageId="m1")

    await client.post("/_sandbox/reset")

    assert sandbox.settings == Settings()
    assert (await read(client, "/counts"))["taken"] == 0
    assert (await read(client, "/faults"))["faults"] == []
    assert (await read(client, "/settings"))["balances"]["zhenzi"] == 10_000_000
    async with client.post(
        "/sms/send.do", data={**FORM, "number": "13800138000", "messageId": "m1"}
    ) as answer:
        assert (await answer.json())["code"] == 0


async def test_the_start_may_be_other_settings(now: list[float]) -> None:
    start = Settings(latency=0.5)
    sandbox = Sandbox(settings=start, clock=lambda: now[0])
    sandbox.settings.latency = 3.0

    sandbox.clear()

    assert sandbox.settings.latency == 0.5


async def test_settings_are_merged_and_kept_where_not_named(client: Client) -> None:
    await client.put("/_sandbox/settings", json={"largesms": {"interval": 30}, "latency": 0.25})

    found = await read(client, "/settings")

    assert (found["latency"], found["largesms"]["interval"]) == (0.25, 30.0)
    assert found["largesms"]["daily"] == 15


async def test_latency_is_slept_before_each_answer(
    client: Client, sandbox: Sandbox, slept: list[float]
) -> None:
    sandbox.settings.latency = 0.3

    await send(client, "13800138000")

    assert slept == [0.3]


async def test_faults_are_replaced_added_and_removed_one_by_one(client: Client) -> None:
    await client.put("/_sandbox/faults", json={"kind": "500"})
    await client.put("/_sandbox/faults", json=[{"kind": "502"}, {"kind": "503"}])
    await client.post("/_sandbox/faults", json={"kind": "504"})

    listed = (await read(client, "/faults"))["faults"]
    await client.delete(f"/_sandbox/faults?id={listed[0]['id']}")

    assert [fault["kind"] for fault in listed] == ["502", "503", "504"]
    assert [f["kind"] for f in (await read(client, "/faults"))["faults"]] == ["503", "504"]
    async with client.delete("/_sandbox/faults?id=99") as answer:
        assert answer.status == 422
    async with client.delete("/_sandbox/faults?id=x") as answer:
        assert (await answer.json())["field"] == "id"
    await client.delete("/_sandbox/faults")
    assert (await read(client, "/faults"))["faults"] == []


async def test_the_overview_shows_all_there_is(client: Client) -> None:
    await send(client, "13800138000")

    found = await read(client, "")

    assert sorted(found["vendors"]) == ["chuangrui", "chuangxin", "largesms", "tencent", "zhenzi"]
    assert found["vendors"]["largesms"] == ["/largesms"]
    assert {"name": "ours", "vendor": "tencent"}.items() <= found["accounts"][-1].items()
    assert found["requests"] == {"zhenzi send": 1}
    assert found["fates"]["95xx"] == "drop, taken"
    assert found["totals"]["taken"] == 1
