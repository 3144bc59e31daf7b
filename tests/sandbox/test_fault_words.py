"""Faults on demand, in the words of each vendor."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from worker.sandbox import Sandbox

Client = TestClient[web.Request, web.Application]
Headers = Callable[[], dict[str, str]]

APPCODE = {"Authorization": "APPCODE sandbox-appcode"}


VENDORS = ["tencent", "largesms", "chuangxin", "chuangrui", "zhenzi"]


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_servers_fail_in_the_form_of_the_gateway_before_them(
    submit: Callable[..., Any], fault: Callable[..., Any], vendor: str, status: int
) -> None:
    await fault(kind=str(status), vendor=vendor)

    found, body = await submit(vendor)

    assert found == status
    forms = {
        "tencent": '{"message":"',
        "chuangrui": "<html>",
        "zhenzi": "<html>",
    }
    aliyun = {500: "Internal Error", 502: "Failed To Call", 503: "Service", 504: "Async"}
    assert body.startswith(forms.get(vendor, aliyun[status]))


@pytest.mark.parametrize(
    ("vendor", "reason", "status", "body"),
    [
        ("tencent", "account", 200, '"status":"21"'),
        ("tencent", "gateway", 429, "API rate limit exceeded"),
        ("largesms", "account", 429, "Throttled by APP Flow Control"),
        ("largesms", "number", 200, '"Code":"102"'),
        ("chuangxin", "gateway", 429, "Throttled by"),
        ("chuangrui", "account", 200, "-1,"),
        ("zhenzi", "number", 200, '"code":109'),
        ("zhenzi", "account", 200, '"code":1000'),
    ],
)
async def test_throttling_in_each_vendors_words(
    *,
    submit: Callable[..., Any],
    fault: Callable[..., Any],
    sandbox: Sandbox,
    vendor: str,
    reason: str,
    status: int,
    body: str,
) -> None:
    await fault(kind="throttle", vendor=vendor, reason=reason)

    found, said = await submit(vendor)

    assert (found, body in said) == (status, True)
    assert not sandbox.state.ledger.entries


@pytest.mark.parametrize(
    ("vendor", "reason", "body"),
    [
        ("tencent", "credentials", '"status":"3"'),
        ("tencent", "balance", '"result":15'),
        ("largesms", "credentials", "Invalid AppCode"),
        ("largesms", "balance", "quota exhausted"),
        ("chuangxin", "credentials", "Invalid AppCode"),
        ("chuangxin", "balance", "余额"),
        ("chuangrui", "credentials", "10,"),
        ("chuangrui", "balance", "2,余额不足"),
        ("zhenzi", "credentials", '"code":110'),
        ("zhenzi", "balance", '"code":108'),
    ],
)
async def test_suspension_in_each_vendors_words(
    *,
    submit: Callable[..., Any],
    fault: Callable[..., Any],
    sandbox: Sandbox,
    vendor: str,
    reason: str,
    body: str,
) -> None:
    await fault(kind="suspended", vendor=vendor, reason=reason)

    assert body in (await submit(vendor))[1]
    assert not sandbox.state.ledger.entries


@pytest.mark.parametrize(
    ("vendor", "code", "status", "body"),
    [
        *(("tencent", str(code), 200, f'"status":"{code}"') for code in (1, 2, 4, 5, 6, 7, 100)),
        ("tencent", "403", 403, "usage plan"),
        ("tencent", "481", 481, "message"),
        *(("largesms", code, 200, f'"Code":"{code}"') for code in ("106", "107", "1009")),
        ("largesms", "A403EP", 403, "Expiry of Authorization"),
        ("chuangxin", "T429PA", 429, "Throttled"),
        ("chuangxin", "sql", 200, "sql注入"),
        ("chuangxin", "login", 200, "用户名或密码错误"),
        *(("chuangrui", str(code), 200, f"{code},") for code in (4, 11, 12, 13, -1, -2)),
        *(("zhenzi", str(code), 200, f'"code":{code}') for code in (106, 107, 111, 117)),
    ],
)
async def test_every_code_can_be_asked_for(
    *,
    submit: Callable[..., Any],
    fault: Callable[..., Any],
    vendor: str,
    code: str,
    status: int,
    body: str,
) -> None:
    await fault(kind="code", vendor=vendor, code=code)

    found, said = await submit(vendor)

    assert (found, body in said) == (status, True), said


async def test_a_code_can_bring_its_own_text(
    submit: Callable[..., Any], fault: Callable[..., Any]
) -> None:
    await fault(kind="code", vendor="chuangrui", code="2", message="含有敏感词汇")

    assert (await submit("chuangrui"))[1] == "2,含有敏感词汇"


async def test_a_report_can_be_made_to_say_anything(
    client: Client, submit: Callable[..., Any], fault: Callable[..., Any], authorized: Headers
) -> None:
    await fault(kind="report", vendor="tencent", code="MA:0029")

    await submit("tencent")

    form = {"account": "sandbox", "password": "sandbox-password", "rt": "json"}
    async with client.post("/release/smsreport", data=form, headers=authorized()) as answer:
        assert (await answer.json())["list"][0]["stat"] == "MA:0029"
