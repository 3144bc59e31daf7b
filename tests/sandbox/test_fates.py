"""What the last four digits of a number do, on the wire and in the ledger."""

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from worker.sandbox import Sandbox
from worker.sandbox.endings import DELIVERED, Ending
from worker.sandbox.fates import fate, table

Client = TestClient[web.Request, web.Application]

FORM = {"appId": "sandbox-app", "appSecret": "sandbox-secret", "message": "您好，测试"}


async def send(client: Client, number: str) -> tuple[int, bytes]:
    async with client.post("/sms/send.do", data={**FORM, "number": number}) as answer:
        return answer.status, await answer.read()


@pytest.mark.parametrize("tail", ["0000", "1234", "8999", "9800", "9999"])
def test_ordinary_numbers_are_delivered(tail: str) -> None:
    assert fate(f"1380013{tail}") is DELIVERED


def test_an_unnamed_row_is_as_the_first_of_its_kind() -> None:
    assert fate("13800139042").ending is Ending.UNDELIVERED
    assert fate("13800139577") == fate("13800139500")
    assert fate("13800139799") == fate("13800139700")


def test_the_table_for_people_names_every_kind() -> None:
    rows = table()

    assert rows["90xx"] == "undelivered, reported once"
    assert rows["95xx"] == "drop, taken"
    assert rows["9310"] == "refused: number-throttle (first 1 only)"


@pytest.mark.parametrize(("tail", "taken"), [("9500", 1), ("9600", 0)])
async def test_a_dropped_connection_gives_no_answer_taken_or_not(
    client: Client, sandbox: Sandbox, tail: str, taken: int
) -> None:
    with pytest.raises(aiohttp.ClientConnectionError):
        await send(client, f"1380013{tail}")

    assert len(sandbox.state.ledger.entries) == taken


@pytest.mark.parametrize(("tail", "taken"), [("9510", 2), ("9610", 1)])
async def test_some_are_dropped_the_first_time_only(
    client: Client, sandbox: Sandbox, tail: str, taken: int
) -> None:
    with pytest.raises(aiohttp.ClientConnectionError):
        await send(client, f"1380013{tail}")

    assert (await send(client, f"1380013{tail}"))[0] == 200
    assert len(sandbox.state.ledger.entries) == taken


@pytest.mark.parametrize(
    ("tail", "status", "taken"),
    [
        ("9700", 500, 0),
        ("9701", 502, 0),
        ("9702", 503, 0),
        ("9703", 504, 0),
        ("9704", 200, 1),
        ("9705", 200, 1),
        ("9706", 200, 0),
        ("9707", 200, 1),
        ("9708", 504, 1),
    ],
)
async def test_broken_answers(
    client: Client, sandbox: Sandbox, tail: str, status: int, taken: int
) -> None:
    found, body = await send(client, f"1380013{tail}")

    assert found == status
    assert not body.endswith(b"}")
    assert len(sandbox.state.ledger.entries) == taken
    again, good = await send(client, f"1380013{tail[:2]}1{tail[3]}")
    assert again == status
    again, good = await send(client, f"1380013{tail[:2]}1{tail[3]}")
    assert (again, good) == (
        200,
        b'{"code":0,"data":"\xe5\x8f\x91\xe9\x80\x81\xe6\x88\x90\xe5\x8a\x9f"}',
    )


async def test_a_system_error_may_pass_after_one_or_two_submits(client: Client) -> None:
    once = [b'"code":0' in (await send(client, "13800139110"))[1] for _ in range(3)]
    twice = [b'"code":0' in (await send(client, "13800139111"))[1] for _ in range(3)]

    assert once == [False, True, True]
    assert twice == [False, False, True]


async def test_a_slow_answer_is_given_after_the_message_was_taken(
    client: Client, sandbox: Sandbox, slept: list[float]
) -> None:
    assert (await send(client, "13800139400"))[0] == 200
    assert (await send(client, "13800139403"))[0] == 200

    assert slept == [2.0, 2.0]
    assert len(sandbox.state.ledger.entries) == 2


@pytest.mark.parametrize(("tail", "taken"), [("9401", 0), ("9402", 1)])
async def test_a_hanging_request_is_let_go_and_never_answered(
    client: Client, sandbox: Sandbox, tail: str, taken: int
) -> None:
    hanging = asyncio.create_task(send(client, f"1380013{tail}"))
    for _ in range(100):
        async with client.get("/_sandbox") as answer:
            if (await answer.json())["open"].get("zhenzi"):
                break
    assert not hanging.done()

    await client.delete("/_sandbox/faults")

    with pytest.raises(aiohttp.ClientConnectionError):
        await hanging
    assert len(sandbox.state.ledger.entries) == taken


async def test_a_hanging_request_ends_by_itself(client: Client, sandbox: Sandbox) -> None:
    sandbox.settings.hang = 0.01

    with pytest.raises(aiohttp.ClientConnectionError):
        await send(client, "13800139401")


async def test_in_a_batch_the_first_number_that_spoils_decides(
    client: Client, sandbox: Sandbox
) -> None:
    form: dict[str, Any] = {
        "name": "sandbox",
        "pwd": "sandbox-pwd",
        "content": "您好，测试",
        "sign": "信使",
        "type": "pt",
        "mobile": "13800138000,13800139500,13800139701",
    }

    with pytest.raises(aiohttp.ClientConnectionError):
        await client.post("/asmx/smsservice.aspx", data=form)

    assert len(sandbox.state.ledger.entries) == 3
