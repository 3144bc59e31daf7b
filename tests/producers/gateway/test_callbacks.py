"""Callbacks: verified, kept raw, and acknowledged only then."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from aiohttp import FormData

from tests.producers.gateway.conftest import CONFIG, Caller, Open, configured, problem
from worker import vendors
from worker.contract.status import Status
from worker.store.embedded import Server, free_port
from worker.store.spool import Page

Spooled = Callable[[], Awaitable[list[Page]]]

AGREED = {"name": "admin", "pwd": "12345"}
REPORT = AGREED | {
    "sendid": "12345",
    "time": "2013-08-20 20:11:34",
    "mobile": "13900210021,13900210022,13900210023",
    "state": "DELIVRD",
}
LETTERS = "13800210021#@#第一#@#2013-08-21 21:20:11#@#008123#@@#13978767656#@#TD#@#2013-08-21 21:20:30#@#008456"
ARRAY = [
    {
        "flag": 1,
        "mid": "A1",
        "mobile": "13800138000",
        "stat": "DELIVRD",
        "time": "2026-11-20 09:00:00",
    },
    {"flag": 0, "mid": "B2", "mobile": "13800138001", "content": "退订", "accessCode": "1069"},
]


def adapter(name: str) -> Any:
    return vendors.load_all(configured("redis://nowhere"))[name]


@pytest.mark.parametrize("in_query", [False, True])
async def test_a_report_of_chuangrui_about_many_numbers_is_spooled(
    gateway: Caller, spooled: Spooled, in_query: bool
) -> None:
    where = {"params": REPORT} if in_query else {"data": REPORT}

    answer = await gateway.post("/callbacks/chuangrui/report", key=None, **where)

    assert (answer.status, answer.content_type, await answer.text()) == (200, "text/plain", "0")
    (page,) = await spooled()
    assert (page.account, page.raw.kind, page.raw.params) == ("chuangrui", "report", REPORT)
    reports = list(adapter("chuangrui").reports(page.raw))
    assert [each.to for each in reports] == [f"+861390021002{end}" for end in (1, 2, 3)]
    assert {each.status for each in reports} == {Status.DELIVERED}


async def test_the_body_is_kept_as_it_came(gateway: Caller, spooled: Spooled) -> None:
    body = urlencode(REPORT)

    await gateway.post("/callbacks/chuangrui/report", data=body.encode(), key=None)

    (page,) = await spooled()
    assert page.raw.body == body
    assert page.raw.headers["content-type"] == "application/octet-stream"
    assert page.raw.address == "127.0.0.1"


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("quoted", [True, False])
async def test_chinese_is_read_in_either_encoding(
    gateway: Caller, spooled: Spooled, encoding: str, quoted: bool
) -> None:
    text = quote_plus(LETTERS, encoding=encoding).encode() if quoted else LETTERS.encode(encoding)
    body = urlencode(AGREED).encode() + b"&args=" + text

    answer = await gateway.post("/callbacks/chuangrui/inbound", data=body, key=None)

    assert answer.status == 200
    (page,) = await spooled()
    found = list(adapter("chuangrui").inbound(page.raw))
    assert [(each.sender, each.text) for each in found] == [
        ("+8613800210021", "第一"),
        ("+8613978767656", "TD"),
    ]


async def test_what_is_no_text_at_all_is_kept_as_far_as_it_goes(
    gateway: Caller, spooled: Spooled
) -> None:
    body = urlencode(AGREED).encode() + b"&args=%81\xff\x80abc"

    answer = await gateway.post("/callbacks/chuangrui/inbound", data=body, key=None)

    assert answer.status == 200
    (page,) = await spooled()
    assert page.raw.params["args"].endswith("abc")


async def _said(gateway: Caller, *lines: bytes) -> bytes:
    """Speak to the gateway byte by byte, as no tidy client would."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.client.port)
    writer.write(b"\r\n".join(lines))
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(2**16), 5)
    writer.close()
    return answer


async def test_marks_that_nobody_encoded_are_read(gateway: Caller, spooled: Spooled) -> None:
    letters = b"13800210021#@#hi#@#2013-08-21+21:20:11#@#008123"
    line = b"POST /callbacks/chuangrui/inbound?name=admin&pwd=12345&args=" + letters + b" HTTP/1.1"

    answer = await _said(gateway, line, b"Host: x", b"Content-Length: 0", b"", b"")

    assert answer.startswith(b"HTTP/1.1 200")
    (page,) = await spooled()
    (found,) = adapter("chuangrui").inbound(page.raw)
    assert (found.text, found.extension) == ("hi", "008123")


async def test_a_header_that_is_no_text_does_no_harm(gateway: Caller, spooled: Spooled) -> None:
    line = b"POST /callbacks/zhenzi/report?messageId=m HTTP/1.1"

    answer = await _said(
        gateway, line, b"Host: x", b"X-Odd: \xff\xfe", b"Content-Length: 0", b"", b""
    )

    assert answer.startswith(b"HTTP/1.1 200")
    assert (await spooled())[0].raw.headers["x-odd"]


@pytest.mark.parametrize(
    ("method", "how"),
    [
        ("GET", {"params": {"messageId": "m1", "status": "success"}}),
        ("POST", {"params": {"messageId": "m1", "status": "success"}}),
        ("POST", {"data": {"MessageID": "m1", "Status": "success"}}),
        ("POST", {"json": {"messageId": "m1", "status": "success"}}),
        ("POST", {"data": b'{"messageId": "m1", "status": "success"}'}),
    ],
)
async def test_zhenzi_may_call_as_it_likes(
    gateway: Caller, spooled: Spooled, method: str, how: dict[str, Any]
) -> None:
    answer = await gateway.call(method, "/callbacks/zhenzi/report", key=None, **how)

    assert (answer.status, await answer.text()) == (200, "success")
    (page,) = await spooled()
    (found,) = adapter("zhenzi").reports(page.raw)
    assert (found.vendor_message_id, found.status, found.hint) == ("m1", Status.DELIVERED, True)


@pytest.mark.parametrize("kind", ["report", "inbound"])
async def test_the_native_array_of_tencent_is_answered_with_ok(
    gateway: Caller, spooled: Spooled, kind: str
) -> None:
    answer = await gateway.post(f"/callbacks/tencent/{kind}?token=tok", ARRAY, key=None)

    assert (answer.status, await answer.text()) == (200, "OK")
    (page,) = await spooled()
    (report,) = adapter("tencent").reports(page.raw)
    (heard,) = adapter("tencent").inbound(page.raw)
    assert (report.vendor_message_id, heard.text) == ("A1", "退订")


@pytest.mark.parametrize(
    ("path", "how"),
    [
        ("chuangrui/report", {"data": REPORT | {"pwd": "wrong"}}),
        ("chuangrui/report", {"data": REPORT | {"name": ""}}),
        ("chuangrui/report", {}),
        ("tencent/report", {"json": ARRAY}),
        ("tencent/report?token=wrong", {"json": ARRAY}),
        ("tencent/inbound", {"data": {"x": "1"}}),
        ("guarded/report?messageId=m", {}),
        ("aliyun/report", {"data": {"x": "1"}}),
    ],
)
async def test_what_is_not_verified_is_refused_and_counted(
    gateway: Caller, spooled: Spooled, path: str, how: dict[str, Any]
) -> None:
    answer = await gateway.post(f"/callbacks/{path}", key=None, **how)

    await problem(answer, 403, "not-verified")
    assert await spooled() == []
    account, kind = path.partition("?")[0].split("/")
    line = (
        f'xinshi_gateway_callbacks_total{{account="{account}",kind="{kind}",result="refused"}} 1.0'
    )
    assert line in await (await gateway.get("/metrics")).text()


async def test_the_address_given_to_the_vendor_outweighs_the_form(
    gateway: Caller, spooled: Spooled
) -> None:
    data = {"token": "wrong", "messageId": "m"}

    answer = await gateway.post("/callbacks/tencent/report?token=tok", data=data, key=None)

    assert answer.status == 200
    assert (await spooled())[0].raw.params == {"token": "tok", "messageId": "m"}


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        ("203.0.113.7", 200),
        ("198.51.100.1, 203.0.113.7", 200),
        ("198.51.100.1, 203.0.113.7, 127.0.0.1", 200),
        ("203.0.113.7, 198.51.100.1", 403),
        ("not an address", 403),
        ("203.0.113.7, ,", 200),
        ("", 403),
        (None, 403),
    ],
)
async def test_a_trusted_proxy_tells_who_called(
    gateway: Caller, forwarded: str | None, status: int
) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}

    answer = await gateway.post("/callbacks/guarded/report?messageId=m", key=None, headers=headers)

    assert answer.status == status


async def test_another_proxy_tells_nothing(open_gateway: Open, redis_url: str) -> None:
    settings = configured(redis_url, base=CONFIG.replace('"127.0.0.1"', '"10.0.0.0/8"'))
    gateway = await open_gateway(settings)

    answer = await gateway.post(
        "/callbacks/guarded/report?messageId=m", headers={"X-Forwarded-For": "203.0.113.7"}
    )

    assert answer.status == 403


@pytest.mark.parametrize("path", ["nobody/report", "%E4%BF%A1/report", "zhenzi/balance", "zhenzi"])
async def test_who_is_no_account_is_not_found(gateway: Caller, path: str) -> None:
    await problem(await gateway.post(f"/callbacks/{path}", key=None), 404, "not-found")


@pytest.mark.parametrize(
    "data",
    [b"x" * 20_001, b"&".join(b"f%d=1" % place for place in range(51))],
)
async def test_a_callback_is_bounded(gateway: Caller, spooled: Spooled, data: bytes) -> None:
    await problem(await gateway.post("/callbacks/zhenzi/report", data=data), 413, "too-large")

    assert await spooled() == []


async def test_a_query_has_as_few_fields_as_a_form(gateway: Caller) -> None:
    query = "&".join(f"f{place}=1" for place in range(51))

    await problem(await gateway.get(f"/callbacks/zhenzi/report?{query}"), 413, "too-large")


async def test_a_form_of_parts_is_kept_as_a_body(gateway: Caller, spooled: Spooled) -> None:
    form = FormData({"messageId": "m"})
    form.add_field("file", b"x", filename="f")

    answer = await gateway.post("/callbacks/zhenzi/report", data=form, key=None)

    assert answer.status == 200
    assert "messageId" in (await spooled())[0].raw.body


async def test_while_redis_is_down_nothing_is_acknowledged(open_gateway: Open) -> None:
    gateway = await open_gateway(configured(f"redis://127.0.0.1:{free_port()}/0"))

    answer = await gateway.post("/callbacks/chuangrui/report", data=REPORT, key=None)

    await problem(answer, 503, "store-unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert 'result="unavailable"} 1.0' in await (await gateway.get("/metrics")).text()


async def test_while_redis_hangs_nothing_is_acknowledged(open_gateway: Open) -> None:
    with Server() as server:
        gateway = await open_gateway(configured(server.url))
        assert (await gateway.get("/readyz?exclude=worker")).status == 200
        os.kill(server.pid, signal.SIGSTOP)
        try:
            answer = await gateway.post("/callbacks/chuangrui/report", data=REPORT, key=None)
        finally:
            os.kill(server.pid, signal.SIGCONT)

        await problem(answer, 503, "store-unavailable")
        assert (await gateway.post("/callbacks/chuangrui/report", data=REPORT)).status == 200


async def test_an_answer_takes_milliseconds(gateway: Caller) -> None:
    loop, times = asyncio.get_running_loop(), []
    for _ in range(50):
        begun = loop.time()
        await gateway.post("/callbacks/chuangrui/report", data=REPORT, key=None)
        times.append(loop.time() - begun)

    assert sorted(times)[25] < 0.03
