"""Zhenzi: POST forms, integer codes, our own messageId, the daily limit of a number."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from worker.sandbox import Sandbox

Client = TestClient[web.Request, web.Application]

LOGIN = {"appId": "sandbox-app", "appSecret": "sandbox-secret"}
GOOD = {**LOGIN, "message": "您的验证码是1234", "number": "13800138000"}
V2 = {**LOGIN, "number": "13800138000", "templateId": "1", "templateParams": '["1234", "5"]'}


@pytest.fixture
def call(client: Client) -> Callable[..., Any]:
    async def post(path: str, form: dict[str, str]) -> Any:
        async with client.post(path, data=form) as answer:
            assert answer.status == 200
            assert answer.content_type == "application/json"
            return await answer.json()

    return post


@pytest.fixture
def send(call: Callable[..., Any]) -> Callable[..., Any]:
    async def post(**form: str) -> Any:
        return await call("/sms/send.do", {**GOOD, **form})

    return post


async def test_success_is_an_integer_and_a_text(send: Callable[..., Any]) -> None:
    assert await send() == {"code": 0, "data": "发送成功"}


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"appId": ""}, 100),
        ({"appId": "x", "appSecret": ""}, 100),
        ({"appSecret": ""}, 100),
        ({"appId": "x"}, 105),
        ({"appSecret": "x", "number": ""}, 110),
        ({"number": ""}, 100),
        ({"number": "138001"}, 100),
        ({"number": "13800138000,13800138001"}, 100),
        ({"message": ""}, 100),
        ({"message": "字" * 1001}, 101),
        ({"number": "13800139300"}, 109),
        ({"number": "13800139107"}, 108),
        ({"number": "13800139103"}, 1000),
        ({"number": "13800139105"}, 999),
    ],
)
async def test_each_code_comes_in_its_order(
    send: Callable[..., Any], sandbox: Sandbox, form: dict[str, str], code: int
) -> None:
    answer = await send(**form)

    assert answer["code"] == code
    assert isinstance(answer["data"], str)
    assert not sandbox.state.ledger.entries


async def test_a_thousand_characters_pass(send: Callable[..., Any]) -> None:
    assert (await send(message="字" * 1000))["code"] == 0


@pytest.mark.parametrize("path", ["/sms/send.do", "/account/balance.do", "/sms/v2/send.do"])
async def test_a_get_is_refused(client: Client, path: str) -> None:
    async with client.get(path, params=GOOD) as answer:
        assert answer.status == 405


async def test_v2_renders_a_template(call: Callable[..., Any], sandbox: Sandbox) -> None:
    assert (await call("/sms/v2/send.do", V2))["code"] == 0

    assert sandbox.state.ledger.entries[0].text == "您的验证码是1234，5分钟内有效"


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"templateId": "77"}, 117),
        ({"templateId": ""}, 117),
        ({"templateParams": '["1234"]'}, 100),
        ({"templateParams": "1234"}, 100),
        ({"templateParams": "[1, 2]"}, 100),
    ],
)
async def test_v2_checks_template_and_parameters(
    call: Callable[..., Any], form: dict[str, str], code: int
) -> None:
    assert (await call("/sms/v2/send.do", {**V2, **form}))["code"] == code


async def test_the_balance_is_an_integer_that_falls_and_runs_out(
    send: Callable[..., Any], call: Callable[..., Any], client: Client
) -> None:
    await client.put("/_sandbox/settings", json={"balances": {"zhenzi": 1}})

    await send()

    assert await call("/account/balance.do", LOGIN) == {"code": 0, "data": 0}
    assert (await send())["code"] == 108
    assert (await call("/account/balance.do", {**LOGIN, "appSecret": "x"}))["code"] == 110


async def test_a_message_is_found_by_our_own_id(
    send: Callable[..., Any], call: Callable[..., Any]
) -> None:
    await send(messageId="m1")

    found = await call("/smslog/findSmsByMessageId.do", {**LOGIN, "messageId": "m1"})

    assert found == {
        "code": 0,
        "data": {
            "message": "您的验证码是1234",
            "appName": "zhenzi",
            "createTime": "2018-03-19 20:08:40",
            "status": "success",
            "toNumber": "138********",
            "messageId": "m1",
        },
    }


async def test_a_message_never_seen_is_an_empty_object(call: Callable[..., Any]) -> None:
    path = "/smslog/findSmsByMessageId.do"

    assert await call(path, {**LOGIN, "messageId": "m1"}) == {"code": 0, "data": {}}
    assert (await call(path, LOGIN))["code"] == 100


async def test_a_message_found_can_come_as_json_in_a_string(
    send: Callable[..., Any], call: Callable[..., Any], sandbox: Sandbox
) -> None:
    sandbox.settings.zhenzi.found = "string"
    await send(messageId="m1")

    found = await call("/smslog/findSmsByMessageId.do", {**LOGIN, "messageId": "m1"})

    assert '"messageId":"m1"' in found["data"]


async def test_a_message_id_is_taken_once_and_a_refused_one_may_come_again(
    send: Callable[..., Any], sandbox: Sandbox
) -> None:
    assert (await send(messageId="m1", number="1"))["code"] == 100
    assert (await send(messageId="m1"))["code"] == 0
    assert (await send(messageId="m1"))["code"] == 100
    assert (await send(messageId=""))["code"] == 0
    assert (await send(messageId=""))["code"] == 0
    assert len(sandbox.state.ledger.entries) == 3


async def test_a_message_id_may_be_made_to_need_a_callback(
    send: Callable[..., Any], sandbox: Sandbox
) -> None:
    sandbox.settings.zhenzi.needs_callback = True

    assert (await send(messageId="m1"))["code"] == 100


async def test_the_daily_limit_ends_at_shanghais_midnight(
    send: Callable[..., Any], client: Client, now: list[float]
) -> None:
    assert {(await send())["code"] for _ in range(5)} == {0}
    await client.put("/_sandbox/settings", json={"zhenzi": {"daily": 2}})

    assert [(await send())["code"] for _ in range(3)] == [0, 0, 109]
    now[0] = 1521475200.0 - 1
    assert (await send())["code"] == 109
    now[0] += 1
    assert (await send())["code"] == 0


@pytest.mark.parametrize(
    ("number", "status"), [("13800138000", "success"), ("13800139000", "fail")]
)
async def test_the_callback_carries_id_and_status(
    send: Callable[..., Any], sandbox: Sandbox, gateway: Any, number: str, status: str
) -> None:
    await send(number=number, messageId="m1")
    await send(number=number)
    await sandbox.state.pusher.settled()

    (call,) = gateway.calls
    assert call["path"] == "/callbacks/zhenzi/report"
    assert call["form"] == {"messageId": "m1", "status": status}
