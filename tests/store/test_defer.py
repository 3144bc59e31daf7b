"""Defer: the vendor did not take it, so the message waits for another try."""

import pytest

from worker.contract import keys

from .conftest import (
    ALIAS,
    DAY,
    HOUR,
    MINUTE,
    NUMBER,
    Lab,
    account,
    deferred,
    midnight,
    pack_windows,
    settled,
    trail,
)

WINDOWS = pack_windows((1, MINUTE))
RULES = account(windows=[[1, MINUTE]], learns=True)


def one_claimed(lab: Lab, *rules: dict[str, object], **fields: object) -> str:
    message_id = lab.put_one(to=NUMBER, **fields)
    assert lab.claimed(*rules) == [message_id]
    return message_id


def test_a_deferred_message_waits_and_its_attempt_is_closed(lab: Lab) -> None:
    message_id = one_claimed(lab)

    answers = lab.defer(deferred(message_id, wait="5000", code="21", reason="too fast"))

    found = lab.record(message_id)
    assert answers == ["scheduled"]
    assert found.due == found.updated + 5000 == lab.waiting()[message_id]
    assert (found.code, found.reason, found.deadline) == ("21", "too fast", 0)
    assert trail(found)[-1] == [found.updated, "scheduled", "a", "21\ntoo fast", found.due]
    assert lab.open() == {}
    lab.check()


@pytest.mark.parametrize(("counts", "attempts", "waits"), [(True, 1, 0), (False, 0, 1)])
def test_a_throttled_message_keeps_its_attempts(
    lab: Lab, counts: bool, attempts: int, waits: int
) -> None:
    message_id = one_claimed(lab)

    lab.defer(deferred(message_id, counts=counts))

    found = lab.record(message_id)
    assert (found.attempt, found.attempts, found.waits) == (1, attempts, waits)


def test_without_a_wait_it_is_ready_at_once_behind_the_others(lab: Lab) -> None:
    message_id = one_claimed(lab)
    other = lab.put_one()

    answers = lab.defer(deferred(message_id))

    assert answers == ["accepted"]
    assert lab.ready() == [other, message_id]


def test_the_slot_of_the_number_is_given_back(lab: Lab) -> None:
    message_id = one_claimed(lab, RULES)

    lab.defer(deferred(message_id, windows=WINDOWS))

    assert lab.memory() == []
    assert lab.record(message_id).slot == 0
    assert lab.claimed(RULES) == [message_id]


def test_only_its_own_slot_is_given_back(lab: Lab) -> None:
    rules, windows = account(windows=[[5, MINUTE]]), pack_windows((5, MINUTE))
    ids = []
    for _ in range(3):
        ids.append(one_claimed(lab, rules))
        lab.pass_time(1000)
    slots = [lab.record(each).slot for each in ids]

    lab.defer(deferred(ids[1], windows=windows))

    assert lab.memory() == [0, slots[0], slots[2]]
    left = lab.raw.pttl(f"{keys.NUMBER}a:{ALIAS}")
    assert left == pytest.approx(slots[2] + MINUTE - lab.now(), abs=1000)


def test_a_learned_block_lasts_as_long_as_the_vendor_says(lab: Lab) -> None:
    message_id = one_claimed(lab, RULES)

    lab.defer(deferred(message_id, blocked=str(30 * MINUTE), counts=False, windows=WINDOWS))
    lab.claim(RULES)

    found = lab.record(message_id)
    blocked = lab.memory()
    assert blocked == [pytest.approx(lab.now() + 30 * MINUTE, abs=2000)]
    assert (found.status, found.due) == ("scheduled", blocked[0])
    assert lab.raw.pttl(f"{keys.NUMBER}a:{ALIAS}") == pytest.approx(30 * MINUTE, abs=2000)


def test_a_block_for_the_day_ends_at_midnight_in_shanghai(lab: Lab) -> None:
    message_id = one_claimed(lab, RULES, validity=2 * DAY)

    lab.defer(deferred(message_id, blocked="day", windows=WINDOWS))
    lab.claim(RULES)

    assert lab.record(message_id).due == lab.memory()[0] == midnight(lab.now())


def test_a_wait_for_the_day_ends_at_midnight_in_shanghai(lab: Lab) -> None:
    message_id = one_claimed(lab, validity=2 * DAY)

    lab.defer(deferred(message_id, wait="day"))

    assert lab.record(message_id).due == midnight(lab.now())


def test_a_block_never_gets_shorter(lab: Lab) -> None:
    first = one_claimed(lab, RULES)
    lab.defer(deferred(first, blocked=str(HOUR), windows=WINDOWS))
    until = lab.memory()[0]
    lab.rewrite(first, status="submitting")

    lab.defer(deferred(first, blocked=str(MINUTE), windows=WINDOWS))

    assert lab.memory() == [until]


def test_a_block_holds_for_the_number_at_the_account_and_nowhere_else(lab: Lab) -> None:
    message_id = one_claimed(lab, RULES)
    lab.defer(deferred(message_id, blocked=str(HOUR), windows=WINDOWS))
    other = lab.put_one()

    assert lab.claimed(RULES) == [other]
    assert lab.memory("b") == []


def test_a_block_survives_where_the_account_has_no_windows(lab: Lab) -> None:
    rules = account(learns=True)
    message_id = one_claimed(lab, rules)

    lab.defer(deferred(message_id, blocked=str(5 * MINUTE)))

    assert len(lab.memory()) == 1
    assert lab.claimed(rules) == []


def test_a_wait_beyond_the_validity_expires_the_message(lab: Lab) -> None:
    message_id = one_claimed(lab, RULES, validity=MINUTE)

    answers = lab.defer(deferred(message_id, wait=str(MINUTE), code="21", windows=WINDOWS))

    assert answers == ["expired"]
    assert lab.record(message_id).code == "21"
    assert (lab.waiting(), lab.open(), lab.ready()) == ({}, {}, [])
    assert lab.memory() == []  # nothing was sent


def test_an_answer_after_the_validity_expires_it_even_without_a_wait(lab: Lab) -> None:
    message_id = one_claimed(lab, validity=MINUTE)
    lab.pass_time(MINUTE)

    assert lab.defer(deferred(message_id)) == ["expired"]
    assert lab.ready() == []


def test_a_doubled_verdict_changes_nothing(lab: Lab) -> None:
    message_id = one_claimed(lab)
    item = deferred(message_id, wait="5000", counts=False, avoid=True)
    lab.defer(item)
    before = lab.record(message_id)

    assert lab.defer(item, item) == ["", ""]
    assert lab.record(message_id) == before
    lab.check()


def test_a_doubled_verdict_does_not_disturb_the_next_attempt(lab: Lab) -> None:
    message_id = one_claimed(lab)
    item = deferred(message_id)
    lab.defer(item)
    lab.claimed()

    assert lab.defer(item) == [""]
    assert lab.status(message_id) == "submitting"
    lab.check()


@pytest.mark.parametrize("status", ["submitted", "delivered", "rejected"])
def test_what_the_vendor_took_is_never_put_back(lab: Lab, status: str) -> None:
    message_id = one_claimed(lab)
    lab.settle(settled(message_id, 1, status))

    assert lab.defer(deferred(message_id)) == [""]
    assert lab.status(message_id) == status
    assert lab.ready() == []


def test_on_proof_an_unknown_message_is_tried_again(lab: Lab) -> None:
    message_id = one_claimed(lab, RULES)
    lab.pass_time(20_000)
    lab.sweep()

    answers = lab.defer(deferred(message_id, reason="not found there", windows=WINDOWS))

    assert answers == ["accepted"]
    assert lab.claimed(RULES) == [message_id]
    assert lab.record(message_id).attempt == 2
    lab.check()


def test_what_nobody_knows_is_passed_over(lab: Lab) -> None:
    message_id = one_claimed(lab)

    assert lab.defer(deferred("nobody"), deferred(message_id)) == ["", "accepted"]


def test_waiting_for_ever_keeps_a_record_small(lab: Lab) -> None:
    message_id = one_claimed(lab)
    for attempt in range(1, 101):
        lab.defer(deferred(message_id, attempt, avoid=True, code="4" * 500, reason="r" * 5000))
        lab.claimed()

    found = lab.record(message_id)
    assert found.attempt == 101
    assert len(trail(found)) == 24
    assert trail(found)[0][1] == "submitting"
    assert lab.raw.strlen(keys.message(message_id)) < 8000
