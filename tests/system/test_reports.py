"""What comes back, with the real processes: every handset's fate is our status in the end."""

import json
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from worker.contract import keys
from worker.contract.record import Record, steps
from worker.contract.status import Status

from .conftest import Stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

SETTINGS = """
[worker]
grace = "1s"

[vendors.tencent.timeouts]
connect = 1.0
total = 2.0

[streams.marketing]
quiet_hours = ""
"""
ENDINGS = {  # what the sandbox did with a message -> what we must say of it
    "delivered": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "expired": Status.UNDELIVERED,
    "refused": Status.REJECTED,
    "review": Status.REJECTED,
    "busy": Status.UNDELIVERED,
    "network": Status.UNDELIVERED,
    "unknown": Status.SUBMITTED,
    "barred-by-customer": Status.REJECTED,
    "barred-by-channel": Status.REJECTED,
    "blacklisted": Status.REJECTED,
}
REPLIES = ("TD", "退订。", "ｔ", "好的")  # three opt-outs and none
FIRST = 50
NEVER, CHANGED = "9007", "9011"  # no report; undelivered, then delivered
FATES = (
    *("9000", "9001", "9002", "9003", "9005", "9006", NEVER, "9008", "9009", "9010", CHANGED),
    *("9201", "9202"),
)


def _numbers() -> list[str]:
    plain = [f"1390000{place:04d}" for place in range(200)]
    return plain + [f"13{head:05d}{fate}" for head in range(80_000, 80_012) for fate in FATES]


def _send(stack: Stack, numbers: list[str]) -> list[str]:
    return stack.client.send_many(
        {"to": number, "text": "您的订单已发货", "account": "tencent"} for number in numbers
    )


def _expected(number: str, ending: str, *, lost: bool) -> Status:
    if number.endswith(NEVER):
        return Status.UNKNOWN if lost else Status.SUBMITTED
    if number.endswith(CHANGED):
        return Status.UNDELIVERED  # statuses go forward only: the first final report counts
    return ENDINGS[ending]


def _was_lost(record: Record) -> bool:
    return any(step.event == Status.UNKNOWN for step in steps(record))


def _ledger(stack: Stack) -> dict[str, str]:
    taken = stack.ask("/_sandbox/ledger?vendor=tencent")["messages"]
    counts = Counter(entry["number"] for entry in taken)
    assert set(counts.values()) == {1}, "a handset got a message twice"
    return {entry["number"]: entry["ending"] for entry in taken}


def _spool(stack: Stack) -> tuple[Any, ...]:
    redis = stack.store.redis
    pending = redis.xpending(keys.SPOOL, "parsers") if redis.exists(keys.SPOOL) else {}
    return redis.xlen(keys.SPOOL), dict(pending).get("pending", 0), redis.xlen(keys.UNREADABLE)


def test_every_handsets_fate_is_our_status_in_the_end_whoever_is_killed(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack(SETTINGS)
    stack.ask(
        "/_sandbox/settings", method="PUT", body={"report_delay": 1.0, "late": 3.0, "latency": 0.05}
    )
    numbers = _numbers()
    stack.start("beat")
    worker = stack.start("worker")
    first = _send(stack, numbers[:FIRST])
    stack.until("the first are answered", stack.settled(first))
    ids = first + _send(stack, numbers[FIRST:])
    stack.until("more are with the vendor", lambda: stack.taken() > FIRST)

    stack.stop(worker, signal.SIGKILL)
    gone = numbers[:3]
    replies = [
        {"number": number, "text": text, "vendor": "tencent"}
        for number, text in zip(numbers, REPLIES, strict=False)
    ]
    stack.ask("/_sandbox/mo", method="POST", body=replies)
    stack.start("worker")

    def ended() -> bool:
        states = dict(zip(numbers, stack.records(ids), strict=True))
        fates = _ledger(stack)
        return len(fates) >= stack.taken() and all(
            states[number].status
            is _expected(number, fates[number], lost=_was_lost(states[number]))
            if number in fates
            else states[number].status is Status.UNKNOWN  # killed before a byte left
            for number in numbers
        )

    stack.until("every status is its handset's fate", ended)
    stack.until("the spool is empty", lambda: _spool(stack) == (0, 0, 0))

    fates, records = _ledger(stack), stack.records(ids)
    taken = [record for record in records if record.to[3:] in fates]
    assert {record.attempt for record in records} == {1}, "something was submitted again"
    assert {record.status for record in taken} >= set(ENDINGS.values())
    assert any(map(_was_lost, records)), "the kill hit nothing in flight: the test shows little"
    _replies_and_opt_outs(stack, gone)


def _replies_and_opt_outs(stack: Stack, gone: list[str]) -> None:
    entries: Any = stack.store.redis.xrange(keys.INBOUND)
    letters = [json.loads(fields[b"letter"]) for _, fields in entries]
    assert sorted(letter["text"] for letter in letters) == sorted(REPLIES)
    assert all(letter["message_id"] for letter in letters), "a reply to none of our messages"
    suppressed = stack.store.redis.smembers(f"{keys.SUPPRESSED}all")
    assert suppressed == {number.encode() for number in gone}

    before = stack.taken()
    adverts = [
        stack.client.send(number, "大促销，回T退订", stream="marketing", account="tencent")
        for number in gone
    ]
    wanted = stack.client.send(gone[0], "您的订单已签收", account="tencent")
    stack.until(
        "adverts are suppressed and the notice is delivered",
        lambda: (
            [record.status for record in stack.records([*adverts, wanted])]
            == [Status.SUPPRESSED] * 3 + [Status.DELIVERED]
        ),
    )
    assert stack.taken() == before + 1, "a vendor was asked to carry an advert"
