"""Tencent's market product: sending, statuses and results, the balance."""

from collections.abc import Callable
from typing import Any

import pytest

from worker.sandbox import Sandbox


async def test_a_send_answers_a_result_for_each_number_and_types_as_documented(
    tencent_send: Callable[..., Any], sandbox: Sandbox
) -> None:
    answer = await tencent_send("13800138000,13900139000")

    assert list(answer) == ["status", "balance", "list"]
    assert answer["status"] == "0"
    assert answer["balance"] == 1_000_000_000 - 2 * 45
    assert [(one["mobile"], one["result"]) for one in answer["list"]] == [
        ("13800138000", 0),
        ("13900139000", 0),
    ]
    mids = [one["mid"] for one in answer["list"]]
    assert all(len(mid) == 16 and int(mid, 16) for mid in mids)
    assert [entry.vendor_id for entry in sandbox.state.ledger.entries] == mids


async def test_a_long_text_costs_its_segments(tencent_send: Callable[..., Any]) -> None:
    answer = await tencent_send("13800138000", "【信使】" + "字" * 67)

    assert answer["balance"] == 1_000_000_000 - 2 * 45


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"password": "wrong"}, "3"),
        ({"account": "nobody"}, "3"),
        ({"account": "", "password": ""}, "3"),
        ({"rt": ""}, "1"),
        ({"action": "mo"}, "1"),
        ({"mobile": ""}, "8"),
        ({"content": " "}, "9"),
        ({"mobile": ",".join(["13800138000"] * 201)}, "102"),
    ],
)
async def test_a_refused_send_has_a_status_and_a_null_list(
    tencent_send: Callable[..., Any], form: dict[str, str], status: str
) -> None:
    answer = await tencent_send(**{"mobile": "13800138000", **form})

    assert answer == {"status": status, "balance": 0, "list": None}


async def test_two_hundred_numbers_are_taken(
    tencent_send: Callable[..., Any], sandbox: Sandbox
) -> None:
    numbers = [f"138{n:08d}" for n in range(200)]

    answer = await tencent_send(",".join(numbers))

    assert len({one["mid"] for one in answer["list"]}) == 200
    assert sandbox.state.ledger.counts()["taken"] == 200


@pytest.mark.parametrize(
    ("form", "result"),
    [
        ({"extno": "999"}, 10),
        ({"extno": ""}, 10),
        ({"extno": "1069001"}, 0),
        ({"content": "没有签名"}, 17),
    ],
)
async def test_what_concerns_a_number_is_in_its_result(
    tencent_send: Callable[..., Any], sandbox: Sandbox, form: dict[str, str], result: int
) -> None:
    answer = await tencent_send(**{"mobile": "13800138000", **form})

    assert answer["status"] == "0"
    assert answer["list"][0]["result"] == result
    assert len(sandbox.state.ledger.entries) == (0 if result else 1)


async def test_only_registered_signatures_pass_when_some_are_set(
    tencent_send: Callable[..., Any], sandbox: Sandbox
) -> None:
    sandbox.settings.tencent.signatures = ["别家"]

    assert (await tencent_send("13800138000"))["list"][0]["result"] == 17
    assert (await tencent_send("13800138000", "【别家】好"))["list"][0]["result"] == 0


async def test_a_prepaid_account_runs_out_in_the_middle_of_a_batch(
    tencent_send: Callable[..., Any], sandbox: Sandbox
) -> None:
    next(iter(sandbox.state.directory.at("tencent")[::-1])).balance = 100

    answer = await tencent_send("13800138000,13800138001,13800138002")

    assert [one["result"] for one in answer["list"]] == [0, 0, 15]
    assert answer["balance"] == 10


async def test_a_postpaid_account_goes_below_nothing(
    tencent_send: Callable[..., Any], tencent: Callable[..., Any], sandbox: Sandbox
) -> None:
    sandbox.settings.tencent.charge_type = "POSTCHARGE"
    sandbox.state.directory.at("tencent")[-1].balance = 0

    await tencent_send("13800138000")

    answer = await tencent("smsoverage", action="balance")
    assert answer == {"status": 0, "balance": -45, "chargeType": "POSTCHARGE"}


async def test_the_balance_answers_a_number_as_status_where_the_others_answer_a_string(
    tencent: Callable[..., Any],
) -> None:
    good = await tencent("smsoverage", action="balance")
    bad = await tencent("smsoverage", action="balance", password="wrong")

    assert good == {"status": 0, "balance": 1_000_000_000, "chargeType": "PRECHARGE"}
    assert bad == {"status": 3, "balance": 0, "chargeType": "PRECHARGE"}


@pytest.mark.parametrize("path", ["smsmo", "smsoverage"])
async def test_mo_and_balance_need_their_action(tencent: Callable[..., Any], path: str) -> None:
    assert int((await tencent(path))["status"]) == 1


async def test_more_connections_than_allowed_are_answered_21(
    tencent_send: Callable[..., Any], sandbox: Sandbox
) -> None:
    sandbox.settings.tencent.concurrency = 1
    sandbox.state.open["tencent"] = 1  # another request is being answered

    assert (await tencent_send("13800138000"))["status"] == "21"

    sandbox.state.open["tencent"] = 0
    assert (await tencent_send("13800138000"))["status"] == "0"


@pytest.mark.parametrize(
    ("tail", "status"), [("9101", "100"), ("9103", "100"), ("9104", "5"), ("9301", "21")]
)
async def test_fates_that_refuse_the_whole_submit(
    tencent_send: Callable[..., Any], sandbox: Sandbox, tail: str, status: str
) -> None:
    assert (await tencent_send(f"13800138000,1380013{tail}"))["status"] == status
    assert not sandbox.state.ledger.entries


@pytest.mark.parametrize(("tail", "result"), [("9102", 17), ("9105", 99), ("9107", 15)])
async def test_fates_that_refuse_one_number_leave_the_others(
    tencent_send: Callable[..., Any], tail: str, result: int
) -> None:
    answer = await tencent_send(f"13800138000,1380013{tail}")

    assert [one["result"] for one in answer["list"]] == [0, result]
