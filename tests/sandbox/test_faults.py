"""Faults on demand: which requests they meet, how often, and in whose words."""

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from worker.sandbox import Sandbox

Client = TestClient[web.Request, web.Application]
Headers = Callable[[], dict[str, str]]

APPCODE = {"Authorization": "APPCODE sandbox-appcode"}
ZHENZI = {"appId": "sandbox-app", "appSecret": "sandbox-secret"}
RUI = {"name": "sandbox", "pwd": "sandbox-pwd"}


VENDORS = ["tencent", "largesms", "chuangxin", "chuangrui", "zhenzi"]


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(("kind", "taken"), [("drop_before", 0), ("drop_after", 1)])
async def test_a_drop_closes_the_connection_before_or_after_the_message_was_taken(
    *,
    submit: Callable[..., Any],
    fault: Callable[..., Any],
    sandbox: Sandbox,
    vendor: str,
    kind: str,
    taken: int,
) -> None:
    await fault(kind=kind, vendor=vendor)

    with pytest.raises(aiohttp.ClientConnectionError):
        await submit(vendor)

    assert len(sandbox.state.ledger.entries) == taken


async def test_a_page_of_reports_can_be_lost_on_the_way(
    client: Client,
    sandbox: Sandbox,
    submit: Callable[..., Any],
    fault: Callable[..., Any],
    authorized: Headers,
) -> None:
    await submit("tencent")
    await fault(kind="drop_after", vendor="tencent", operation="report", count=1)
    form = {"account": "sandbox", "password": "sandbox-password", "rt": "json"}

    with pytest.raises(aiohttp.ClientConnectionError):
        await client.post("/release/smsreport", data=form, headers=authorized())

    assert not sandbox.state.directory.at("tencent")[-1].reports


async def test_a_fault_meets_its_vendor_and_operation_only(
    client: Client, submit: Callable[..., Any], fault: Callable[..., Any]
) -> None:
    await fault(kind="500", vendor="zhenzi", operation="balance")

    assert (await submit("zhenzi"))[0] == 200
    assert (await submit("chuangrui"))[0] == 200
    async with client.post("/account/balance.do", data=ZHENZI) as answer:
        assert answer.status == 500


async def test_chuangruis_balance_is_told_from_its_sends(
    client: Client, submit: Callable[..., Any], fault: Callable[..., Any]
) -> None:
    await fault(kind="500", operation="balance")

    assert (await submit("chuangrui"))[0] == 200
    form = RUI | {"type": "balance"}
    async with client.post("/asmx/smsservice.aspx", data=form) as answer:
        assert answer.status == 500


async def test_a_fault_for_any_operation_meets_all(
    client: Client, submit: Callable[..., Any], fault: Callable[..., Any]
) -> None:
    await fault(kind="503", operation="any")

    assert (await submit("tencent"))[0] == 503
    async with client.post("/account/balance.do", data=ZHENZI) as answer:
        assert answer.status == 503


async def test_a_fault_with_a_pattern_meets_matching_numbers(
    submit: Callable[..., Any], fault: Callable[..., Any]
) -> None:
    await fault(kind="500", number="139*")

    assert (await submit("zhenzi", "13800138000"))[0] == 200
    assert (await submit("zhenzi", "13900138000"))[0] == 500
    assert (await submit("tencent", "13800138000,13900138000"))[0] == 500


async def test_a_fault_with_a_count_wears_off_and_counts_its_hits(
    client: Client, submit: Callable[..., Any], fault: Callable[..., Any]
) -> None:
    await fault(kind="500", count=2)

    assert [(await submit("zhenzi"))[0] for _ in range(3)] == [500, 500, 200]
    async with client.get("/_sandbox/faults") as answer:
        assert (await answer.json())["faults"][0]["hits"] == 2


async def test_a_fault_with_a_probability_meets_about_so_many(
    submit: Callable[..., Any], fault: Callable[..., Any]
) -> None:
    await fault(kind="500", probability=0.5)

    met = [(await submit("zhenzi"))[0] for _ in range(100)].count(500)

    assert 30 < met < 70


async def test_the_first_fault_that_fits_decides(
    client: Client, submit: Callable[..., Any]
) -> None:
    both = {"faults": [{"kind": "502", "count": 1}, {"kind": "503"}]}
    await client.put("/_sandbox/faults", json=both)

    assert [(await submit("zhenzi"))[0] for _ in range(2)] == [502, 503]


@pytest.mark.parametrize(
    ("kind", "body"), [("garbage", "\x00"), ("empty", ""), ("html", "<html"), ("truncated", "{")]
)
async def test_answers_nobody_can_read(
    submit: Callable[..., Any], fault: Callable[..., Any], kind: str, body: str
) -> None:
    await fault(kind=kind)

    status, found = await submit("zhenzi")

    assert status == 200
    assert found.startswith(body)
    assert not found.endswith("}")


@pytest.mark.parametrize(("kind", "taken", "count"), [("500", True, 1), ("garbage", False, 0)])
async def test_whether_it_was_taken_can_be_said(
    *,
    submit: Callable[..., Any],
    fault: Callable[..., Any],
    sandbox: Sandbox,
    kind: str,
    taken: bool,
    count: int,
) -> None:
    await fault(kind=kind, taken=taken)

    await submit("zhenzi")

    assert len(sandbox.state.ledger.entries) == count


async def test_a_delay_lasts_as_long_as_asked_and_keeps_the_numbers_fate(
    submit: Callable[..., Any], fault: Callable[..., Any], sandbox: Sandbox, slept: list[float]
) -> None:
    await fault(kind="delay", seconds=7.5)

    assert (await submit("zhenzi", "13800139000"))[0] == 200

    assert slept == [7.5]
    assert sandbox.state.ledger.entries[0].ending == "undelivered"
