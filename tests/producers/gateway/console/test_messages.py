"""Finding messages by id and number, and their lives; no text, no whole number."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from producers.gateway.console import messages
from tests.producers.conftest import Work
from tests.producers.gateway.conftest import NUMBER, problem
from tests.producers.gateway.console.conftest import Operator, Send
from worker.contract import keys


async def find(operator: Operator, wanted: str) -> Any:
    answer = await operator.post("search", {"find": wanted})
    assert answer.status == 200, await answer.text()
    said = await answer.text()
    assert NUMBER not in said
    assert "机密" not in said
    return json.loads(said)


async def test_a_message_is_found_by_its_id_however_it_is_typed(
    operator: Operator, send: Send
) -> None:
    message_id = send()

    for wanted in (message_id, f"  {message_id}\n", message_id.upper()):
        (found,) = (await find(operator, wanted))["messages"]
        assert (found["id"], found["status"]) == (message_id, "accepted")
        assert found["to"] == "+86138****8000"
    assert (await find(operator, "01jd4m8x7v3k9q2r5t6w8y0z1a"))["messages"] == []


async def test_a_number_is_found_in_every_state_and_others_are_not(
    operator: Operator, send: Send, kill: Send, work: Work
) -> None:
    dead = kill()
    taken = send()
    work.claim()
    work.settle(taken, "submitted", vendor_message_id="v1")
    lost = send()
    work.claim()
    work.settle(lost, "unknown")
    ready = send(stream="marketing")
    waits = send(send_at=datetime.now(UTC) + timedelta(hours=1))
    for to in ("13900139000", "13800138001"):
        send(to)
        kill(to)

    for wanted in (NUMBER, "+86 138-0013-8000", "0086138 0013 8000"):
        found = await find(operator, wanted)
        assert {each["id"] for each in found["messages"]} == {dead, taken, lost, ready, waits}
        assert found["complete"] is True
    created = [each["created_at"] for each in found["messages"]]
    assert created == sorted(created, reverse=True)


async def test_a_long_list_is_said_to_be_looked_at_in_part(
    operator: Operator, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "LOOKED_AT", 3)
    first = send()
    for _ in range(3):
        send("13900139000")

    found = await find(operator, NUMBER)

    assert found["complete"] is False
    assert [each["id"] for each in found["messages"]] == [first]


async def test_the_newest_dead_letters_are_those_looked_at(
    operator: Operator, kill: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "LOOKED_AT", 2)
    for _ in range(3):
        kill("13900139000")
    newest = kill()

    assert [each["id"] for each in (await find(operator, NUMBER))["messages"]] == [newest]


async def test_ids_whose_record_is_gone_are_left_out(
    operator: Operator, kill: Send, raw: redis.Redis
) -> None:
    raw.delete(keys.message(kill()))

    assert (await find(operator, NUMBER))["messages"] == []


@pytest.mark.parametrize("wanted", ["", "  ", "12345", "23800138000", "您好", "a/b", "x" * 65])
async def test_what_is_neither_id_nor_number_is_said(operator: Operator, wanted: str) -> None:
    answer = await operator.post("search", {"find": wanted})

    assert (await problem(answer, 422, "invalid-parameter"))["field"] == "find"


@pytest.mark.parametrize("body", [[], "x", 1, {"find": 1}, {}])
async def test_a_search_that_cannot_be_read_is_refused(operator: Operator, body: Any) -> None:
    assert (await operator.post("search", body)).status == 422


async def test_a_life_is_told_step_by_step(operator: Operator, kill: Send) -> None:
    message_id = kill()

    answer = await operator.get(f"messages/{message_id}")
    life = await answer.json()

    assert answer.headers["Cache-Control"] == "no-store"
    assert [each["event"] for each in life["steps"]] == ["accepted", "submitting", "rejected"]
    assert "no such number" in life["steps"][2]["text"]
    assert life["next"]["event"] == "nothing"
    assert life["to"] == "+86138****8000"
    assert NUMBER not in await answer.text()
    assert "机密" not in await answer.text()


@pytest.mark.parametrize("message_id", ["nobody", "%E6%82%A8", "x" * 300])
async def test_a_life_that_is_not_known_is_not_found(operator: Operator, message_id: str) -> None:
    await problem(await operator.get(f"messages/{message_id}"), 404, "not-found")
