"""Clients as the vendors' samples write them, byte by byte where a library would tidy up."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from urllib.parse import quote, quote_plus, urlencode

import pytest

from worker.sandbox import Sandbox, serve

Address = tuple[str, int]

DATE = "Mon, 19 Mar 2018 12:08:40 GMT"


@pytest.fixture
async def server(sandbox: Sandbox) -> AsyncIterator[Address]:
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve("127.0.0.1", 0, sandbox, ready=told.set_result))
    host, _, port = (await told).removeprefix("http://").rpartition(":")
    yield host, int(port)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def raw(server: Address, head: str, headers: str, body: bytes = b"") -> tuple[str, str]:
    """Write a request as it stands, and return the answer's first line and its body."""
    host, port = server
    reader, writer = await asyncio.open_connection(host, port)
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    lines = f"{head} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}{length}\r\n"
    writer.write(lines.encode() + body)
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    top, _, rest = answer.partition("\r\n\r\n")
    return top.partition("\r\n")[0], rest


async def test_chuangxins_php_sends_raw_chinese_in_the_query(
    server: Address, sandbox: Sandbox
) -> None:
    text = "【创信】你的验证码是：5873，3分钟内有效！"

    top, body = await raw(
        server,
        f"POST /chuangxinsms/dxjk?content={text}&mobile=13800138000",
        "Authorization:APPCODE sandbox-appcode\r\nAccept: */*\r\n",
    )

    assert "200" in top
    assert '"ReturnStatus":"Success"' in body
    assert sandbox.state.ledger.entries[0].text == text


async def test_largesms_java_encodes_the_bar_and_others_do_not(
    server: Address, sandbox: Sandbox
) -> None:
    for number, param in (("13800138000", "1234%7C5"), ("13800138001", "1234|5")):
        _, body = await raw(
            server,
            f"GET /largesms?param={param}&phone={number}&sign=123&skin=1",
            "Authorization: APPCODE sandbox-appcode\r\n",
        )
        assert '"Code":"OK"' in body

    assert len({entry.text for entry in sandbox.state.ledger.entries}) == 1


async def test_tencents_csharp_appends_a_bare_question_mark_and_writes_ascii(
    server: Address, sandbox: Sandbox
) -> None:
    form = (
        f"account=sandbox&content={quote('【信使】您好')}&extno=10690&mobile=13800138000"
        "&password=sandbox-password&rt=json"
    )

    _, body = await raw(
        server,
        "POST /release/smssend?",
        authorization() + "Content-Type: application/x-www-form-urlencoded\r\n",
        form.encode("ascii"),
    )

    assert '"status":"0"' in body
    assert sandbox.state.ledger.entries[0].text == "【信使】您好"


def authorization() -> str:
    text = f"x-date: {DATE}\nx-source: market"
    digest = hmac.digest(b"sandbox-key", text.encode(), hashlib.sha1)
    return (
        f"X-Source: market\r\nX-Date: {DATE}\r\n"
        'Authorization: hmac id="sandbox-id", algorithm="hmac-sha1", headers="x-date x-source", '
        f'signature="{base64.b64encode(digest).decode()}"\r\n'
    )


async def test_tencents_scripts_encode_the_form_once(server: Address, sandbox: Sandbox) -> None:
    form = {
        "account": "sandbox",
        "content": "【信使】50% off & 更多",
        "extno": "10690",
        "mobile": "13800138000",
        "password": "sandbox-password",
        "rt": "json",
    }

    _, body = await raw(
        server,
        "POST /release/smssend",
        authorization() + "Content-Type: application/x-www-form-urlencoded\r\n",
        urlencode(form).encode(),
    )

    assert '"result":0' in body
    assert sandbox.state.ledger.entries[0].text == form["content"]


async def test_tencents_curl_gets_past_the_gateway_and_fails_as_a_client(server: Address) -> None:
    digest = hmac.digest(b"sandbox-key", f"date: {DATE}\nsource: source".encode(), hashlib.sha1)
    headers = (
        f"Source:source\r\nDate:{DATE}\r\n"
        'Authorization:hmac id = "sandbox-id", algorithm = "hmac-sha1", headers = "date source", '
        f"signature = {base64.b64encode(digest).decode()}\r\n"
        "X-Requested-With:XMLHttpRequest\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
    )

    top, body = await raw(
        server, "POST /release/smsoverage", headers, b'{"account":"","action":"balance",}'
    )

    assert "200" in top
    assert body == '{"status":3,"balance":0,"chargeType":"PRECHARGE"}'


async def test_chuangruis_php_gets_everything_in_the_query(
    server: Address, sandbox: Sandbox
) -> None:
    query = (
        f"name=sandbox&pwd=sandbox-pwd&content={quote_plus('验证码为:1234,请勿告知他人。')}"
        f"&mobile=13800138000&stime=&sign={quote_plus('信使')}&type=pt&extno="
    )

    _, body = await raw(server, f"GET /asmx/smsservice.aspx?{query}", "")

    assert body[:1] == "0"
    assert sandbox.state.ledger.entries[0].text == "【信使】验证码为:1234,请勿告知他人。"


async def test_chuangruis_csharp_posts_utf8_without_encoding_it(
    server: Address, sandbox: Sandbox
) -> None:
    form = "name=sandbox&pwd=sandbox-pwd&content=您好，测试&mobile=13800138000&sign=信使&type=pt"

    _, body = await raw(
        server,
        "POST /asmx/smsservice.aspx",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        form.encode(),
    )

    assert body.split(",")[0] == "0"
    assert body.split(",")[1].strip().isdigit()
    assert sandbox.state.ledger.entries[0].text == "【信使】您好，测试"


async def test_zhenzis_sdk_sends_an_empty_message_id_for_none(
    server: Address, sandbox: Sandbox
) -> None:
    form = {
        "appId": "sandbox-app",
        "appSecret": "sandbox-secret",
        "message": "您的验证码是1234",
        "number": "13800138000",
        "messageId": "",
    }

    for _ in range(2):
        _, body = await raw(
            server,
            "POST /zhenzi/sms/send.do",
            "Content-Type: application/x-www-form-urlencoded\r\n",
            urlencode(form).encode(),
        )
        assert body == '{"code":0,"data":"发送成功"}'

    assert [entry.message_id for entry in sandbox.state.ledger.entries] == ["", ""]


async def test_gbk_in_a_form_does_not_break_the_server(server: Address) -> None:
    form = b"appId=sandbox-app&appSecret=sandbox-secret&number=13800138000&message="

    _, body = await raw(server, "POST /sms/send.do", "", form + "您好".encode("gbk"))

    assert '"code":0' in body
