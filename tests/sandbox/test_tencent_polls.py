"""Tencent's market product: reports and MO, read once, a page at a time."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from worker.sandbox import Sandbox

Client = TestClient[web.Request, web.Application]
Headers = Callable[[], dict[str, str]]


async def test_nothing_waiting_is_an_empty_list_and_a_failure_a_null_one(
    tencent: Callable[..., Any],
) -> None:
    for path, action in (("smsreport", {}), ("smsmo", {"action": "mo"})):
        assert (await tencent(path, **action))["list"] == []
        assert await tencent(path, password="wrong", **action) == {
            "status": "3",
            "balance": 0,
            "list": None,
        }


async def test_a_report_is_read_once(
    tencent_send: Callable[..., Any], tencent: Callable[..., Any], now: list[float]
) -> None:
    mid = (await tencent_send("13800138000"))["list"][0]["mid"]

    page = (await tencent("smsreport"))["list"]

    assert page == [
        {
            "flag": 1,
            "mid": mid,
            "spid": page[0]["spid"],
            "accessCode": "10690",
            "mobile": "13800138000",
            "stat": "DELIVRD",
            "time": "2018-03-19 20:08:40",
        }
    ]
    assert (await tencent("smsreport"))["list"] == []


async def test_what_was_handed_out_is_told_page_by_page(
    client: Client, tencent_send: Callable[..., Any], tencent: Callable[..., Any]
) -> None:
    async def told(kind: str = "") -> Any:
        async with client.get("/_sandbox/pages", params={"kind": kind}) as answer:
            return (await answer.json())["pages"]

    await tencent_send("13800138000,13800138001")
    reply = {"number": "13800138000", "text": "T", "vendor": "tencent", "account": "tencent"}
    await client.post("/_sandbox/mo", json=reply)
    assert await told() == []

    pages = {
        "report": (await tencent("smsreport"))["list"],
        "inbound": (await tencent("smsmo", action="mo"))["list"],
    }
    await tencent("smsreport")  # nothing waits: no page

    for kind, items in pages.items():
        (page,) = await told(kind)
        assert (page["account"], page["kind"], page["items"]) == ("tencent", kind, items)
    assert len(await told()) == 2
    await client.post("/_sandbox/reset")
    assert await told() == []


@pytest.mark.parametrize(
    ("size", "found"), [("1", 10), ("10", 10), ("37", 37), ("", 1000), ("x", 1000), ("99999", 1100)]
)
async def test_the_size_of_a_page_of_reports_is_kept_within_its_bounds(
    tencent_send: Callable[..., Any], tencent: Callable[..., Any], size: str, found: int
) -> None:
    for start in range(0, 1100, 100):
        await tencent_send(",".join(f"138{start + n:08d}" for n in range(100)))

    assert len((await tencent("smsreport", size=size))["list"]) == found


@pytest.mark.parametrize(("key", "size", "found"), [("szie", "3", 10), ("size", "5000", 1000)])
async def test_mo_takes_either_spelling_of_size_and_keeps_it_within_its_bounds(
    tencent: Callable[..., Any], client: Client, key: str, size: str, found: int
) -> None:
    reply = {"number": "13800138000", "text": "TD", "vendor": "tencent", "account": "tencent"}
    async with client.post("/_sandbox/mo", json=[reply] * 1001) as answer:
        assert answer.status == 202

    page = (await tencent("smsmo", action="mo", **{key: size}))["list"]

    assert len(page) == found
    assert {key: page[0][key] for key in ("flag", "accessCode", "mobile", "content", "time")} == {
        "flag": 0,
        "accessCode": "10690",
        "mobile": "13800138000",
        "content": "TD",
        "time": "2018-03-19 20:08:40",
    }


async def test_reports_come_in_the_order_they_fall_due(
    tencent_send: Callable[..., Any],
    tencent: Callable[..., Any],
    now: list[float],
    sandbox: Sandbox,
) -> None:
    await tencent_send("13800139009")  # late
    await tencent_send("13800138000")

    early = (await tencent("smsreport"))["list"]
    now[0] += sandbox.settings.late
    late = (await tencent("smsreport"))["list"]

    assert [one["mobile"] for one in early] == ["13800138000"]
    assert [one["mobile"] for one in late] == ["13800139009"]


async def test_over_the_half_hour_limit_the_report_says_so_and_no_handset_rings(
    tencent_send: Callable[..., Any],
    tencent: Callable[..., Any],
    now: list[float],
    sandbox: Sandbox,
) -> None:
    sandbox.settings.tencent.half_hour = 2

    for _ in range(3):
        await tencent_send("13800138000")
    stats = [one["stat"] for one in (await tencent("smsreport"))["list"]]
    now[0] += 1800
    await tencent_send("13800138000")

    assert stats == ["DELIVRD", "DELIVRD", "MA:0022"]
    assert [one["stat"] for one in (await tencent("smsreport"))["list"]] == ["DELIVRD"]
    assert sandbox.state.ledger.counts()["delivered"] == 3


async def test_a_number_that_is_none_is_taken_and_reported_so(
    tencent_send: Callable[..., Any], tencent: Callable[..., Any]
) -> None:
    await tencent_send("12345")

    assert [one["stat"] for one in (await tencent("smsreport"))["list"]] == ["MA:0005"]


@pytest.mark.parametrize(
    ("tail", "stat"),
    [
        ("9000", "MA:0004"),
        ("9001", "EXPIRED"),
        ("9002", "REJECTED"),
        ("9003", "MO:0254"),
        ("9004", "MA:0003"),
        ("9005", "MA:0002"),
        ("9006", "MO:0069"),
        ("9100", "MA:0005"),
        ("9200", "MA:0001"),
        ("9201", "MA:0023"),
        ("9202", "MA:0027"),
        ("9300", "MA:0022"),
    ],
)
async def test_fates_come_back_as_the_platforms_own_states(
    tencent_send: Callable[..., Any],
    tencent: Callable[..., Any],
    sandbox: Sandbox,
    tail: str,
    stat: str,
) -> None:
    assert (await tencent_send(f"1380013{tail}"))["list"][0]["result"] == 0

    assert [one["stat"] for one in (await tencent("smsreport"))["list"]] == [stat]
    assert sandbox.state.ledger.counts()["delivered"] == 0


@pytest.mark.parametrize(
    ("tail", "stats"),
    [("9007", []), ("9008", ["DELIVRD"] * 2), ("9011", ["MA:0004", "DELIVRD"])],
)
async def test_fates_of_the_report_itself(
    tencent_send: Callable[..., Any], tencent: Callable[..., Any], tail: str, stats: list[str]
) -> None:
    await tencent_send(f"1380013{tail}")

    assert [one["stat"] for one in (await tencent("smsreport"))["list"]] == stats


async def test_a_second_account_has_reports_of_its_own(
    client: Client,
    tencent: Callable[..., Any],
    tencent_send: Callable[..., Any],
    authorized: Headers,
) -> None:
    await tencent_send("13800138000")

    assert (await tencent("smsreport", account="ours", password="pw"))["list"] == []
    assert len((await tencent("smsreport"))["list"]) == 1
