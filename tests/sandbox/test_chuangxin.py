"""Chuangxin: POST with everything in the query, failures spelt Faild."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from worker.sandbox import Sandbox

Client = TestClient[web.Request, web.Application]

PATH = "/chuangxinsms/dxjk"
HEADERS = {"Authorization": "APPCODE sandbox-appcode"}
GOOD = {"content": "【信使】您的验证码是1234", "mobile": "13800138000"}


@pytest.fixture
def send(client: Client) -> Callable[..., Any]:
    async def post(**query: str) -> Any:
        async with client.post(PATH, params={**GOOD, **query}, headers=HEADERS) as answer:
            assert answer.status == 200
            return await answer.json()

    return post


async def test_success_is_all_integers(send: Callable[..., Any], sandbox: Sandbox) -> None:
    first, second = await send(), await send(Template="x")

    assert first["ReturnStatus"] == "Success"
    assert first["Message"] == "ok"
    assert first["SuccessCounts"] == 1
    assert isinstance(first["TaskID"], int)
    assert first["TaskID"] != second["TaskID"]
    assert first["RemainPoint"] - second["RemainPoint"] == 1
    assert sandbox.state.ledger.entries[0].vendor_id == str(first["TaskID"])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"content": "", "mobile": ""}, "短信内容不能为空"),
        ({"content": "没有", "mobile": ""}, "短信号码不能为空"),
        ({"content": "没有签名"}, "短信必须带【】格式签名"),
        ({"content": "】反了【"}, "短信必须带【】格式签名"),
        ({"mobile": "123"}, "其他错误"),
        ({"mobile": "13800138000,13800138001"}, "其他错误"),
        ({"mobile": "13800139101"}, "包含非法字符：测试"),
        ({"mobile": "13800139105"}, "未知的返回"),
        ({"mobile": "13800139107"}, "对不起，您当前要发送的量大于您当前余额"),
    ],
)
async def test_a_failure_is_200_with_faild_and_no_number(
    send: Callable[..., Any], sandbox: Sandbox, query: dict[str, str], message: str
) -> None:
    assert await send(**query) == {
        "ReturnStatus": "Faild",
        "Message": message,
        "RemainPoint": 0,
        "TaskID": 0,
        "SuccessCounts": 0,
    }
    assert not sandbox.state.ledger.entries


async def test_parameters_in_the_body_are_not_seen(client: Client) -> None:
    async with client.post(PATH, data=GOOD, headers=HEADERS) as answer:
        assert (await answer.json())["Message"] == "短信内容不能为空"


async def test_an_empty_account_cannot_send(send: Callable[..., Any], client: Client) -> None:
    await client.put("/_sandbox/settings", json={"balances": {"chuangxin": 1}})

    assert (await send())["ReturnStatus"] == "Success"
    assert "余额" in (await send())["Message"]


async def test_the_gateway_stands_in_front(client: Client) -> None:
    async with client.get(PATH, params=GOOD, headers=HEADERS) as answer:
        assert answer.headers["X-Ca-Error-Message"] == "Invalid HttpMethod"

    async with client.post(PATH, params=GOOD) as answer:
        assert (answer.status, await answer.read()) == (403, b"")


async def test_what_it_cannot_refuse_it_takes_and_no_handset_rings(
    send: Callable[..., Any], sandbox: Sandbox
) -> None:
    assert (await send(mobile="13800139200"))["ReturnStatus"] == "Success"

    assert sandbox.state.ledger.entries[0].ending == "blacklisted"
