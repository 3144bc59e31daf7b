"""ChuangRui: lines of text, one sendid a request, reports and MO pushed."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from worker.sandbox import Sandbox

Client = TestClient[web.Request, web.Application]

PATH = "/asmx/smsservice.aspx"
LOGIN = {"name": "sandbox", "pwd": "sandbox-pwd"}
GOOD = {
    **LOGIN,
    "content": "您的订单已发货",
    "mobile": "13800138000",
    "stime": "",
    "sign": "信使",
    "type": "pt",
    "extno": "",
}


@pytest.fixture
def send(client: Client) -> Callable[..., Any]:
    async def post(**form: str) -> str:
        async with client.post(PATH, data={**GOOD, **form}) as answer:
            assert answer.status == 200
            assert answer.content_type == "text/plain"
            return await answer.text()

    return post


async def test_success_is_six_fields_with_a_blank_after_the_first_comma(
    send: Callable[..., Any], sandbox: Sandbox
) -> None:
    line = await send(mobile="13800138000,13800138001")

    assert line.startswith("0, 20180319200840")
    code, sendid, invalid, success, black, message = line.split(",")
    assert (code, invalid, success, black, message) == ("0", "0", "2", "0", "提交成功")
    assert sendid.strip().isdigit()
    assert len(sendid.strip()) == 26
    assert [entry.vendor_id for entry in sandbox.state.ledger.entries] == [sendid.strip()] * 2
    assert sandbox.state.ledger.entries[0].text == "【信使】您的订单已发货"


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ({"name": "nobody"}, "10,账号不存在"),
        ({"pwd": "wrong"}, "10,账号不存在"),
        ({"type": "gx"}, "14,格式错误"),
        ({"type": ""}, "14,格式错误"),
        ({"mobile": ""}, "3,没有号码"),
        ({"mobile": " , "}, "3,没有号码"),
        ({"content": ""}, "14,格式错误"),
        ({"content": "字" * 501}, "14,格式错误"),
        ({"sign": ""}, "14,格式错误"),
        ({"extno": "12a"}, "14,格式错误"),
        ({"stime": "tomorrow"}, "14,格式错误"),
        ({"content": "SELECT * FROM users"}, "4,包含sql语句"),
        ({"content": "代开发票"}, "1,含有敏感词汇"),
        ({"mobile": "13800139101"}, "1,含有敏感词汇"),
        ({"mobile": "13800139103"}, "-1,系统异常"),
        ({"mobile": "13800139105"}, "99,未知错误"),
        ({"mobile": "13800139107"}, "2,余额不足"),
    ],
)
async def test_a_failure_is_two_fields_only(
    send: Callable[..., Any], sandbox: Sandbox, form: dict[str, str], line: str
) -> None:
    assert await send(**form) == line
    assert not sandbox.state.ledger.entries


@pytest.mark.parametrize("stime", ["2012-08-01 8:20:23", "2012-08-01 08:20:23"])
async def test_a_time_with_or_without_leading_zero_is_taken(
    send: Callable[..., Any], stime: str
) -> None:
    assert (await send(stime=stime)).startswith("0, ")


async def test_a_wrong_password_can_be_made_a_14_that_says_so(
    send: Callable[..., Any], sandbox: Sandbox
) -> None:
    sandbox.settings.chuangrui.wrong_login = "14"

    assert await send(pwd="wrong") == "14,密码错误"


async def test_counts_do_not_tell_which_number_was_bad(send: Callable[..., Any]) -> None:
    line = await send(mobile="13800138000,13800139100,123,13800139200,13800138001")

    assert line.split(",")[2:5] == ["2", "2", "1"]


async def test_the_balance_falls_by_segments_and_runs_out(
    send: Callable[..., Any], client: Client
) -> None:
    await client.put("/_sandbox/settings", json={"balances": {"chuangrui": 3}})

    await send(content="字" * 100)
    refused = await send(mobile="13800138000,13800138001")

    assert refused == "2,余额不足"
    async with client.post(PATH, data=LOGIN | {"type": "balance"}) as answer:
        assert await answer.text() == "0,1"


async def test_a_get_with_everything_in_the_query_is_tolerated(client: Client) -> None:
    async with client.get(PATH, params=GOOD) as answer:
        assert (await answer.text()).startswith("0, ")


async def test_one_report_names_all_numbers_that_share_a_state(
    send: Callable[..., Any], sandbox: Sandbox, gateway: Any
) -> None:
    line = await send(mobile="13800138000,13800139000,13800138001")
    await sandbox.state.pusher.settled()

    forms = sorted((call["form"] for call in gateway.calls), key=lambda form: form["state"])
    assert [call["path"] for call in gateway.calls] == ["/callbacks/chuangrui/report"] * 2
    assert forms[0] == {
        "name": "sandbox-callback",
        "pwd": "sandbox-callback-pwd",
        "sendid": line.split(",")[1].strip(),
        "time": "2018-03-19 20:08:40",
        "mobile": "13800138000,13800138001",
        "state": "DELIVRD",
    }
    assert (forms[1]["mobile"], forms[1]["state"]) == ("13800139000", "UNDELIV")


@pytest.mark.parametrize(
    ("tail", "state"),
    [
        ("9001", "EXPIRED"),
        ("9002", "REJECTD"),
        ("9003", "UNKNOWN"),
        ("9004", "ERR:104"),
        ("9005", "REJECT"),
        ("9006", "MK:0001"),
        ("9201", "DTBLACK"),
        ("9300", "IB:0008"),
    ],
)
async def test_fates_come_back_as_the_documents_states(
    send: Callable[..., Any], sandbox: Sandbox, gateway: Any, tail: str, state: str
) -> None:
    assert (await send(mobile=f"1380013{tail}")).startswith("0, ")
    await sandbox.state.pusher.settled()

    assert [call["form"]["state"] for call in gateway.calls] == [state]


async def test_a_doubled_report_comes_in_two_calls(
    send: Callable[..., Any], sandbox: Sandbox, gateway: Any
) -> None:
    await send(mobile="13800139008")
    await sandbox.state.pusher.settled()

    said = [(call["form"]["mobile"], call["form"]["state"]) for call in gateway.calls]
    assert said == [("13800139008", "DELIVRD")] * 2


async def test_inbound_messages_travel_together_as_args(
    client: Client, sandbox: Sandbox, gateway: Any
) -> None:
    replies = [
        {"number": "13800138000", "text": "好", "vendor": "chuangrui", "extension": "008123"},
        {"number": "13900139000", "text": "a#b", "vendor": "chuangrui"},
    ]

    await client.post("/_sandbox/mo", json=replies)
    await sandbox.state.pusher.settled()

    (call,) = gateway.calls
    assert call["path"] == "/callbacks/chuangrui/inbound"
    assert call["form"] == {
        "name": "sandbox-callback",
        "pwd": "sandbox-callback-pwd",
        "args": "13800138000#@#好#@#2018-03-19 20:08:40#@#008123#@@#"
        "13900139000#@#a#b#@#2018-03-19 20:08:40#@#",
    }


async def test_a_push_can_come_in_the_query_as_the_document_shows_it(
    send: Callable[..., Any], sandbox: Sandbox, gateway: Any
) -> None:
    sandbox.settings.chuangrui.push_style = "query"

    await send()
    await sandbox.state.pusher.settled()

    assert gateway.calls[0]["query"]["state"] == "DELIVRD"
    assert gateway.calls[0]["form"] == {}
