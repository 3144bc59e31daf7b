"""What the page says of a delivery report is what happened to it."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from worker.sandbox import Sandbox

Client = TestClient[web.Request, web.Application]
Submit = Callable[..., Any]
ZHENZI = {"appId": "sandbox-app", "appSecret": "sandbox-secret", "message": "您好，测试"}


@pytest.fixture
def report(client: Client) -> Callable[..., Any]:
    """Ask what the page says of the reports about one handset's messages."""

    async def ask(number: str = "13800138000") -> list[str]:
        async with client.get(f"/_sandbox/page.json?number={number}") as answer:
            return [each["report"] for each in (await answer.json())["thread"]]

    return ask


@pytest.fixture
def zhenzi(client: Client) -> Callable[..., Any]:
    async def send(number: str = "13800138000") -> None:
        form = {**ZHENZI, "number": number, "messageId": number}
        await client.post("/sms/send.do", data=form)

    return send


@pytest.mark.parametrize("vendor", ["chuangxin", "largesms", "zhenzi"])
async def test_where_none_is_sent_none_is_expected(
    submit: Submit, report: Any, vendor: str
) -> None:
    await submit(vendor)

    assert await report() == ["none"]


async def test_a_report_waits_until_it_is_polled(tencent: Any, submit: Submit, report: Any) -> None:
    await submit("tencent")
    before = await report()
    await tencent("smsreport", action="report")

    assert (before, await report()) == (["waiting"], ["polled"])


async def test_what_was_polled_long_ago_stays_polled(
    tencent: Any, submit: Submit, report: Any, sandbox: Sandbox
) -> None:
    await submit("tencent")
    await tencent("smsreport", action="report")
    sandbox.state.pages.clear()

    assert await report() == ["polled"]


@pytest.mark.parametrize("vendor", ["tencent", "chuangrui"])
async def test_a_report_withheld_by_fate_is_told_so(
    submit: Submit, report: Any, vendor: str
) -> None:
    await submit(vendor, "13800139007")

    assert await report("13800139007") == ["never"]


async def test_without_an_address_a_push_is_dropped(
    submit: Submit, zhenzi: Any, report: Any
) -> None:
    await submit("chuangrui")
    await zhenzi()

    assert await report() == ["dropped", "dropped"]


async def test_an_acknowledged_push_is_told_for_each_way_of_pushing(
    submit: Submit, zhenzi: Any, report: Any, gateway: Any, sandbox: Sandbox
) -> None:
    sandbox.settings.tencent.push = True
    for vendor in ("tencent", "chuangrui"):
        await submit(vendor)
    await zhenzi()
    await sandbox.state.pusher.settled()

    assert await report() == ["pushed"] * 3


async def test_a_push_is_due_then_tried_then_lost(
    submit: Submit, report: Any, gateway: Any, sandbox: Sandbox
) -> None:
    sandbox.settings.push_attempts = 2
    gateway.answers = [(500, "")] * 2
    seen: list[list[str]] = []
    sleep = sandbox.state.pusher._sleep

    async def look(seconds: float) -> None:
        seen.append(await report())
        await sleep(seconds)

    sandbox.state.pusher._sleep = look
    sandbox.settings.report_delay = 1.0

    await submit("chuangrui")
    await sandbox.state.pusher.settled()

    assert seen == [["due"], ["trying"]]
    assert await report() == ["lost"]


async def test_of_one_submit_to_several_each_has_its_own(
    client: Client, report: Any, gateway: Any, sandbox: Sandbox
) -> None:
    form = {
        "name": "sandbox",
        "pwd": "sandbox-pwd",
        "content": "您好",
        "sign": "信使",
        "type": "pt",
    }
    numbers = "13800138000,13800139007,13900138000"
    await client.post("/asmx/smsservice.aspx", data={**form, "mobile": numbers})
    await sandbox.state.pusher.settled()

    assert [await report(number) for number in numbers.split(",")] == [
        ["pushed"],
        ["never"],
        ["pushed"],
    ]
