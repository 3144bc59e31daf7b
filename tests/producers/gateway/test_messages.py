"""The messages API: send, ask, cancel; keys, rights, rates and limits."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from tests.producers.gateway.conftest import KEY, NUMBER, Caller, Open, configured, problem
from worker.contract import keys
from worker.contract.record import Record
from worker.contract.status import Status

ONE = {"to": NUMBER, "text": "您的包裹已到"}
OTP = {"to": NUMBER, "template": "otp", "params": {"code": "1", "minutes": "5"}, "stream": "otp"}


def stored(raw: redis.Redis) -> int:
    return len(list(raw.scan_iter("xinshi:m:*")))


async def test_a_message_is_accepted_and_stored(
    gateway: Caller, find: Callable[[str], Record]
) -> None:
    answer = await gateway.send({**ONE, "tag": "t"})
    found = await answer.json()

    assert answer.status == 202
    assert answer.headers["Location"] == f"/v1/messages/{found['id']}"
    assert found == {"id": found["id"], "status": "accepted"}
    record = find(found["id"])
    assert (record.to, record.tag, record.stream) == (f"+86{NUMBER}", "t", "notice")


async def test_a_message_for_later_is_scheduled(gateway: Caller) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()

    found = await (await gateway.send({**ONE, "send_at": later})).json()

    assert found["status"] == "scheduled"
    assert (await (await gateway.get(f"/v1/messages/{found['id']}")).json())[
        "status"
    ] == "scheduled"


async def test_a_status_shows_the_message_with_its_number_masked(gateway: Caller) -> None:
    message_id = (await (await gateway.send(ONE)).json())["id"]

    answer = await gateway.get(f"/v1/messages/{message_id}")
    found = await answer.json()

    assert answer.status == 200
    assert (found["id"], found["status"], found["to"]) == (message_id, "accepted", "+86138****8000")
    assert NUMBER not in await answer.text()


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("message_id", ["nobody", "%E4%BF%A1", "%ff", "a%00b", "x" * 3000])
async def test_an_unknown_id_is_not_found(gateway: Caller, method: str, message_id: str) -> None:
    await problem(await gateway.call(method, f"/v1/messages/{message_id}"), 404, "not-found")


async def test_a_message_is_cancelled_once_and_again(gateway: Caller) -> None:
    message_id = (await (await gateway.send(ONE)).json())["id"]

    for _ in range(2):
        answer = await gateway.call("DELETE", f"/v1/messages/{message_id}")
        assert answer.status == 200
        assert await answer.json() == {"id": message_id, "status": "cancelled"}


async def test_a_message_that_a_vendor_was_asked_to_take_stays(
    gateway: Caller, finish: Callable[[Status], None]
) -> None:
    message_id = (await (await gateway.send(ONE)).json())["id"]
    finish(Status.SUBMITTED)

    answer = await gateway.call("DELETE", f"/v1/messages/{message_id}")

    assert (await problem(answer, 409, "too-late"))["message_status"] == "submitted"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to": None}, "to"),
        ({"to": "12345"}, "to"),
        ({"to": 13800138000}, "to"),
        ({"text": ""}, "text"),
        ({"text": "字" * 600}, "text"),
        ({"text": []}, "text"),
        ({"template": "otp"}, "text"),
        ({"colour": "red"}, "colour"),
        ({"stream": "fax"}, "stream"),
        ({"stream": []}, "stream"),
        ({"stream": {"otp": 1}}, "stream"),
        ({"account": "nobody"}, "account"),
        ({"signature": "【a】b】"}, "signature"),
        ({"send_at": "yesterday"}, "send_at"),
        ({"send_at": "2001-01-01T00:00:00Z"}, "send_at"),
        ({"validity": -1}, "validity"),
        ({"validity": True}, "validity"),
        ({"tag": "x" * 65}, "tag"),
        ({"idempotency_key": " "}, "idempotency_key"),
        ({"idempotency_key": "x" * 201}, "idempotency_key"),
        ({"idempotency_key": 5}, "idempotency_key"),
        ({"params": {"a": "b"}}, "params"),
    ],
)
async def test_a_broken_rule_names_the_field(
    gateway: Caller, raw: redis.Redis, change: dict[str, Any], field: str
) -> None:
    found = await problem(await gateway.send({**ONE, **change}), 422, "invalid-message")

    assert found["field"] == field
    assert stored(raw) == 0


async def test_a_missing_parameter_names_itself(gateway: Caller) -> None:
    found = await problem(
        await gateway.send({**OTP, "params": {"code": "1"}}), 422, "invalid-message"
    )

    assert found["field"] == "params.minutes"


@pytest.mark.parametrize("body", [[], [ONE], "text", 5, None, True])
async def test_a_body_that_is_no_object_is_refused(gateway: Caller, body: Any) -> None:
    answer = await gateway.call("POST", "/v1/messages", data=json.dumps(body))

    await problem(answer, 422, "invalid-message")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b'{"to": "\\ud800"}', b"1e999", b"[" * 100_000, b"to=1&text=2", b"NaN"],
)
async def test_a_body_that_is_no_json_is_a_bad_request(gateway: Caller, body: bytes) -> None:
    await problem(await gateway.call("POST", "/v1/messages", data=body), 400, "bad-json")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_beyond_the_limit_is_too_large(gateway: Caller, chunked: bool) -> None:
    async def parts() -> Any:
        for _ in range(40):
            yield b" " * 10_000

    data = parts() if chunked else b" " * 300_001

    await problem(await gateway.call("POST", "/v1/messages", data=data), 413, "too-large")


async def test_a_packed_body_is_measured_unpacked(gateway: Caller) -> None:
    answer = await gateway.call(
        "POST", "/v1/messages", data=b" " * 1_000_000, compress="gzip", skip_auto_headers=()
    )

    await problem(answer, 413, "too-large")


async def test_a_body_wrongly_packed_is_a_bad_request(gateway: Caller) -> None:
    answer = await gateway.call(
        "POST", "/v1/messages", data=b"no gzip", headers={"Content-Encoding": "gzip"}
    )

    assert answer.status == 400


async def test_the_same_key_gives_the_same_answer(gateway: Caller, raw: redis.Redis) -> None:
    first, again = [await (await gateway.send(ONE, once="k")).json() for _ in range(2)]
    other = await (await gateway.send(ONE, once="k2")).json()

    assert first == again
    assert other["id"] != first["id"]
    assert stored(raw) == 2


async def test_the_same_key_with_another_message_is_a_conflict(gateway: Caller) -> None:
    first = await (await gateway.send(ONE, once="k")).json()

    found = await problem(
        await gateway.send({**ONE, "text": "另一个"}, once="k"), 422, "idempotency-conflict"
    )

    assert (found["id"], found["field"]) == (first["id"], "idempotency_key")


async def test_keys_of_different_apps_never_meet(gateway: Caller, raw: redis.Redis) -> None:
    ids = {
        (await (await gateway.send(OTP, once="k", key=key)).json())["id"]
        for key in (KEY, "key-of-app2")
    }

    assert len(ids) == 2
    assert len([*raw.scan_iter(f"{keys.ONCE}*")]) == 2


async def test_a_key_may_be_as_long_as_any(gateway: Caller) -> None:
    ids = {(await (await gateway.send(ONE, once="k" * 200)).json())["id"] for _ in range(2)}

    assert len(ids) == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "two words"])
async def test_a_key_that_is_none_names_the_header(gateway: Caller, key: str) -> None:
    found = await problem(await gateway.send(ONE, once=key), 422, "invalid-parameter")

    assert found["field"] == "Idempotency-Key"


async def test_a_messages_own_key_wins(gateway: Caller) -> None:
    own = {**ONE, "idempotency_key": "own"}
    first = await (await gateway.send(own, once="a")).json()

    assert await (await gateway.send(own, once="b")).json() == first
    assert await (await gateway.send(ONE, once="own")).json() == first


async def test_a_batch_answers_each_message_in_its_place(gateway: Caller, raw: redis.Redis) -> None:
    answer = await gateway.send({"messages": [ONE, {"to": "5"}, OTP, "x"]})
    found = (await answer.json())["messages"]

    assert answer.status == 202
    assert [sorted(each) for each in found] == [
        ["id", "status"],
        ["error"],
        ["id", "status"],
        ["error"],
    ]
    assert found[1]["error"]["status"] == 422
    assert [each["error"]["field"] for each in (found[1], found[3])] == ["to", "message"]
    assert stored(raw) == 2


async def test_a_thousand_messages_are_one_request(gateway: Caller, raw: redis.Redis) -> None:
    messages = [{**ONE, "tag": f"{place}"} for place in range(1000)]

    answers = [await gateway.send({"messages": messages}, once="k") for _ in range(2)]
    first, again = [await answer.json() for answer in answers]

    assert [answer.status for answer in answers] == [202, 202]
    assert len({each["id"] for each in first["messages"]}) == 1000
    assert first == again
    assert stored(raw) == 1000


async def test_a_changed_place_of_a_batch_is_a_conflict(gateway: Caller) -> None:
    await gateway.send({"messages": [ONE, OTP]}, once="k")

    answer = await gateway.send({"messages": [ONE, ONE]}, once="k")
    found = (await answer.json())["messages"]

    assert answer.status == 202
    assert "id" in found[0]
    assert found[1]["error"]["type"] == "urn:xinshi:problem:idempotency-conflict"


async def test_a_batch_of_which_nothing_is_stored_is_a_problem(gateway: Caller) -> None:
    answer = await gateway.send({"messages": [{"to": "5"}, {}]})

    found = await problem(answer, 422, "none-accepted")
    assert [each["error"]["field"] for each in found["messages"]] == ["to", "to"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [ONE] * 1001}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": [ONE], "stream": "otp"}, "stream"),
    ],
)
async def test_a_batch_has_its_own_rules(gateway: Caller, body: Any, field: str) -> None:
    found = await problem(await gateway.send(body), 422, "invalid-message")

    assert found["field"] == field


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer wrong", f"Basic {KEY}", KEY, f"Bearer {KEY}x", "Bearer 密"],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/inbound", "/v1/nothing"])
async def test_without_a_known_key_nothing_is_told(
    gateway: Caller, header: str | None, path: str
) -> None:
    headers = {"Authorization": header} if header is not None else {}

    answer = await gateway.call("GET", path, key=None, headers=headers)

    await problem(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_without_any_keys_in_the_settings_all_is_refused(
    open_gateway: Open, redis_url: str
) -> None:
    gateway = await open_gateway(configured(redis_url, base=""))

    found = await problem(await gateway.send(ONE), 401, "unauthorized")

    assert "api_keys" in found["detail"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"stream": "notice"}, "stream"),
        ({"stream": "marketing"}, "stream"),
        ({"signature": "银行"}, "signature"),
    ],
)
async def test_a_key_sends_only_what_it_may(
    gateway: Caller, raw: redis.Redis, change: dict[str, Any], field: str
) -> None:
    found = await problem(
        await gateway.send({**OTP, **change}, key="key-of-app2"), 403, "not-allowed"
    )

    assert found["field"] == field
    assert stored(raw) == 0


async def test_a_key_sends_what_it_may(gateway: Caller) -> None:
    for message in (OTP, {**OTP, "signature": "信使"}, {**ONE, "stream": "otp"}):
        assert (await gateway.send(message, key="key-of-app2")).status == 202


async def test_a_text_cannot_smuggle_a_signature_in(open_gateway: Open, redis_url: str) -> None:
    bare = """
[gateway.api_keys]
app = { key = "k", signatures = ["信使"] }
"""
    gateway = await open_gateway(configured(redis_url, base=bare))

    ours = await gateway.send({"to": NUMBER, "text": "【信使】您好"}, key="k")
    found = await problem(
        await gateway.send({"to": NUMBER, "text": "【银行】您好"}, key="k"), 403, "not-allowed"
    )

    assert ours.status == 202
    assert found["field"] == "signature"


async def test_one_forbidden_message_does_not_keep_a_batch_back(gateway: Caller) -> None:
    answer = await gateway.send({"messages": [OTP, ONE]}, key="key-of-app2")
    found = (await answer.json())["messages"]

    assert answer.status == 202
    assert "id" in found[0]
    assert (found[1]["error"]["status"], found[1]["error"]["field"]) == (403, "stream")


async def test_a_rate_is_held_and_says_when_to_come_again(gateway: Caller) -> None:
    answers = [await gateway.send(ONE, key="key-of-slow") for _ in range(3)]

    assert [answer.status for answer in answers] == [202, 202, 429]
    await problem(answers[-1], 429, "too-many")
    assert answers[-1].headers["Retry-After"] == "1"
    assert (await gateway.send(ONE)).status == 202
    await asyncio.sleep(0.6)
    assert (await gateway.send(ONE, key="key-of-slow")).status == 202


async def test_a_batch_counts_as_its_messages(gateway: Caller) -> None:
    assert (await gateway.send({"messages": [ONE] * 21}, key="key-of-slow")).status == 202

    answer = await gateway.send(ONE, key="key-of-slow")

    assert answer.status == 429
    assert 9 <= int(answer.headers["Retry-After"]) <= 10


async def test_nothing_of_the_api_is_kept_by_caches(gateway: Caller) -> None:
    answer = await gateway.send(ONE)

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Server"] == "xinshi"


async def test_a_callers_trace_goes_on_with_its_message(
    gateway: Caller, find: Callable[[str], Record], spans: Any
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    traced, plain, broken = [
        (await (await gateway.post("/v1/messages", ONE, headers=headers)).json())["id"]
        for headers in (
            {"traceparent": f"00-{trace}-b7ad6b7169203331-01"},
            {},
            {"traceparent": "00-nothing"},
        )
    ]

    assert find(traced).trace.split("-")[1] == trace
    assert [find(each).trace for each in (plain, broken)] == ["", ""]
    assert [each.name for each in spans.get_finished_spans()] == ["send"]
