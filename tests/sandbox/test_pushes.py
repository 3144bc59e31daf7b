"""The vendors call us: when, with what, and how often until we acknowledge."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from worker.sandbox import Sandbox

Client = TestClient[web.Request, web.Application]
Headers = Callable[[], dict[str, str]]

ZHENZI = {"appId": "sandbox-app", "appSecret": "sandbox-secret", "message": "您好，测试"}


@pytest.fixture
def send(client: Client) -> Callable[..., Any]:
    async def post(number: str = "13800138000", message_id: str = "m1") -> str:
        form = {**ZHENZI, "number": number, "messageId": message_id}
        async with client.post("/sms/send.do", data=form) as answer:
            return await answer.text()

    return post


async def test_without_an_address_nothing_is_pushed(
    send: Callable[..., Any], sandbox: Sandbox
) -> None:
    await send()

    assert sandbox.state.pusher.pending == 0
    assert sandbox.state.pusher.dropped == 1


async def test_a_push_that_is_not_acknowledged_comes_again_a_few_times(
    client: Client,
    send: Callable[..., Any],
    sandbox: Sandbox,
    gateway: Any,
    slept: list[float],
) -> None:
    gateway.answers = [(500, ""), (503, "busy")]

    await send()
    await sandbox.state.pusher.settled()

    assert len(gateway.calls) == 3
    assert slept == [1.0, 2.0]
    async with client.get("/_sandbox/pushes?vendor=zhenzi") as answer:
        found = await answer.json()
    assert (found["acked"], found["lost"]) == (1, 0)
    (push,) = found["pushes"]
    assert (push["attempts"], push["status"], push["ack"], push["acked"]) == (3, 200, "OK", True)


async def test_a_push_is_given_up_after_its_attempts(
    send: Callable[..., Any], sandbox: Sandbox, gateway: Any
) -> None:
    gateway.answers = [(500, "")] * 5

    await send()
    await sandbox.state.pusher.settled()

    assert len(gateway.calls) == 3
    assert sandbox.state.pusher.lost == 1


async def test_a_gateway_that_is_not_there_is_tried_as_often(
    send: Callable[..., Any], sandbox: Sandbox
) -> None:
    sandbox.settings.callback = "http://127.0.0.1:1"

    await send()
    await sandbox.state.pusher.settled()

    assert sandbox.state.pusher.lost == 1
    assert sandbox.state.pusher.ledger[0].status == 0


async def test_report_delay_and_late_reports_are_waited_for(
    send: Callable[..., Any], sandbox: Sandbox, gateway: Any, slept: list[float]
) -> None:
    sandbox.settings.report_delay = 0.5

    await send()
    await send("13800139009", "m2")
    await sandbox.state.pusher.settled()

    assert slept == [0.5, 5.5]
    assert len(gateway.calls) == 2


async def test_an_early_report_is_there_before_the_answer(
    send: Callable[..., Any], sandbox: Sandbox, gateway: Any
) -> None:
    await send("13800139010")

    assert len(gateway.calls) == 1
    assert sandbox.state.pusher.acked == 1


async def test_an_early_report_that_nobody_takes_holds_the_answer_up_for_one_try_only(
    send: Callable[..., Any], sandbox: Sandbox
) -> None:
    sandbox.settings.callback = "http://127.0.0.1:1"

    async def never(seconds: float) -> None:
        await asyncio.Event().wait()

    sandbox.state.pusher._sleep = never

    assert "发送成功" in await send("13800139010")

    (push,) = sandbox.state.pusher.ledger
    assert (push.attempts, sandbox.state.pusher.pending) == (1, 1)


async def test_reports_are_spread_and_a_numbers_share_of_it_is_always_the_same(
    send: Callable[..., Any], sandbox: Sandbox, gateway: Any, slept: list[float]
) -> None:
    sandbox.settings.report_delay, sandbox.settings.report_spread = 1.0, 2.0

    for index in range(8):
        await send(f"1380013800{index}", f"a{index}")
    await send("13800138000", "again")
    await sandbox.state.pusher.settled()

    assert slept[-1] == slept[0]
    assert len(set(slept)) == 8
    assert slept[:8] != sorted(slept[:8]), "they come in the order of the submits"
    assert all(1.0 <= each < 3.0 for each in slept)


async def test_a_report_may_come_twice_never_or_contradict_itself(
    send: Callable[..., Any], sandbox: Sandbox, gateway: Any
) -> None:
    for index, tail in enumerate(("9007", "9008", "9011")):
        await send(f"1380013{tail}", f"m{index}")
        await sandbox.state.pusher.settled()

    said = [(call["form"]["messageId"], call["form"]["status"]) for call in gateway.calls]
    assert sorted(said) == [("m1", "success"), ("m1", "success"), ("m2", "fail"), ("m2", "success")]


async def test_tencents_native_push_is_a_json_array_and_wants_an_ok(
    client: Client, sandbox: Sandbox, gateway: Any, authorized: Headers
) -> None:
    sandbox.settings.tencent.push = True
    gateway.answers = [(200, "thanks"), (200, "OK")]
    form = {
        "account": "ours",
        "password": "pw",
        "rt": "json",
        "mobile": "13800138000,13800139001",
        "content": "【信使】您好",
    }

    await client.post("/release/smssend", data=form, headers=authorized())
    await sandbox.state.pusher.settled()

    assert [call["path"] for call in gateway.calls] == ["/callbacks/ours/report"] * 2
    assert [item["stat"] for item in gateway.calls[0]["json"]] == ["DELIVRD", "EXPIRED"]
    assert {item["flag"] for item in gateway.calls[0]["json"]} == {1}
    assert sandbox.state.pusher.acked == 1
    assert not sandbox.state.directory.at("tencent")[0].reports


async def test_a_reply_to_tencent_is_pushed_when_pushing_is_on(
    client: Client, sandbox: Sandbox, gateway: Any
) -> None:
    sandbox.settings.tencent.push = True
    reply = {"number": "13800138000", "text": "TD", "vendor": "tencent", "extension": "1069055"}

    await client.post("/_sandbox/mo", json=reply)
    await sandbox.state.pusher.settled()

    (call,) = gateway.calls
    assert call["path"] == "/callbacks/ours/inbound"  # the latest configured account
    assert call["json"][0]["flag"] == 0
    assert call["json"][0]["accessCode"] == "1069055"


async def test_a_reset_calls_back_what_is_on_its_way(
    client: Client, send: Callable[..., Any], sandbox: Sandbox, gateway: Any
) -> None:
    async def never(seconds: float) -> None:
        await asyncio.Event().wait()

    sandbox.state.pusher._sleep = never
    sandbox.settings.report_delay = 1.0
    await send()
    assert sandbox.state.pusher.pending == 1

    await client.post("/_sandbox/reset")
    await sandbox.state.pusher.settled()

    assert gateway.calls == []
