"""Settle: what an attempt came to; forward only, once, and by the last attempt alone."""

import pytest

from worker.contract import keys
from worker.contract.status import FINAL, FOLLOWS, Status

from .conftest import (
    ALIAS,
    DAY,
    HOUR,
    MINUTE,
    NUMBER,
    Lab,
    account,
    deferred,
    pack_windows,
    settled,
    trail,
)

ONE_A_MINUTE = (1, MINUTE)
RULES = account(windows=[ONE_A_MINUTE])


def test_a_taken_message_is_submitted_and_its_attempt_closed(lab: Lab) -> None:
    message_id = lab.put_one(to=NUMBER)
    lab.claimed()

    answers = lab.settle(settled(message_id, vendor_message_id="v1", code="0", reason="taken"))

    found = lab.record(message_id)
    assert answers == [True]
    assert (found.status, found.vendor_message_id) == ("submitted", "v1")
    assert (found.code, found.reason, found.deadline) == ("0", "taken", 0)
    assert trail(found)[-1] == [found.updated, "submitted", "a", "0\ntaken"]
    assert lab.open() == {}


def test_the_vendors_id_leads_back_to_the_message_for_three_days(lab: Lab) -> None:
    message_id = lab.put_one(to=NUMBER)
    lab.claimed()

    lab.settle(settled(message_id, vendor_message_id="v1"))

    assert lab.known_as("v1", ALIAS) == message_id
    assert lab.raw.pttl(f"{keys.LAST}a:{ALIAS}") == pytest.approx(3 * DAY, abs=5000)


def test_the_id_of_a_message_before_the_last_one_leads_back_as_well(lab: Lab) -> None:
    first, second = lab.put_one(to=NUMBER), lab.put_one(to=NUMBER)
    lab.claimed()

    lab.settle(settled(first, vendor_message_id="v1"), settled(second, vendor_message_id="v2"))

    assert (lab.known_as("v1", ALIAS), lab.known_as("v2", ALIAS)) == (first, second)
    own = f"{keys.VENDOR_ID}a:v1:{ALIAS}"
    assert lab.raw.pttl(own) == pytest.approx(3 * DAY, abs=5000)


def test_messages_of_one_call_share_a_vendors_id_and_are_told_apart_by_number(lab: Lab) -> None:
    ids = lab.put(3)
    lab.claimed()

    lab.settle(*(settled(each, vendor_message_id="batch") for each in ids))

    assert [lab.known_as("batch", lab.record(each).alias) for each in ids] == ids


def test_a_doubled_answer_changes_nothing(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claimed()
    item = settled(message_id, vendor_message_id="v1")
    lab.settle(item)
    before = lab.record(message_id)

    answers = lab.settle(item, item)

    assert answers == [False, False]
    assert lab.record(message_id) == before


def test_only_the_last_attempt_settles(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claimed()
    lab.defer(deferred(message_id))
    lab.claimed()

    answers = lab.settle(
        settled(message_id, 1, "rejected"), settled(message_id, 0), settled(message_id, 3)
    )

    assert answers == [False, False, False]
    assert lab.status(message_id) == "submitting"
    assert list(lab.open()) == [message_id]


@pytest.mark.parametrize("status", ["submitted", "rejected", "unknown", "delivered"])
@pytest.mark.parametrize("wait", ["0", "5000"])
def test_an_attempt_that_was_deferred_settles_nothing_more(
    lab: Lab, status: str, wait: str
) -> None:
    message_id = lab.put_one()
    lab.claimed()
    lab.defer(deferred(message_id, wait=wait))
    before = lab.record(message_id)

    answers = lab.settle(settled(message_id, 1, status, vendor_message_id="v1"))

    assert answers == [False]
    assert lab.record(message_id) == before
    lab.check()


def test_what_nobody_knows_is_passed_over(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claimed()

    assert lab.settle(settled("nobody"), settled(message_id)) == [False, True]


def test_a_lost_answer_that_comes_after_the_sweep_still_counts(lab: Lab) -> None:
    message_id = lab.put_one(to=NUMBER)
    lab.claimed()
    lab.pass_time(20_000)
    lab.sweep()

    answers = lab.settle(settled(message_id, vendor_message_id="v1"))

    assert answers == [True]
    assert lab.status(message_id) == "submitted"
    assert lab.known_as("v1", ALIAS) == message_id


def test_unknown_is_no_end(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claimed()

    first = lab.settle(settled(message_id, 1, "unknown", reason="the connection broke"))
    closed = lab.open() == {}
    second = lab.settle(settled(message_id, 1, "delivered"))

    assert (first, closed, second) == ([True], True, [True])
    assert lab.status(message_id) == "delivered"


def test_a_report_that_overtakes_the_answer_leaves_room_for_the_vendors_id(lab: Lab) -> None:
    message_id = lab.put_one(to=NUMBER)
    lab.claimed(RULES)
    lab.settle(settled(message_id, 1, "delivered", code="DELIVRD"))

    late = settled(message_id, vendor_message_id="v1", windows=pack_windows(ONE_A_MINUTE))
    first, again = lab.settle(late), lab.settle(late)

    found = lab.record(message_id)
    assert (first, again) == ([True], [False])
    assert (found.status, found.code, found.vendor_message_id) == ("delivered", "DELIVRD", "v1")
    assert [step[1] for step in found.trail] == ["submitting", "delivered"]
    assert lab.known_as("v1", ALIAS) == message_id
    assert lab.open() == {}


def test_each_attempt_has_a_vendors_id_of_its_own(lab: Lab) -> None:
    message_id = lab.put_one(to=NUMBER)
    lab.claimed()
    lab.settle(settled(message_id, 1, "unknown", vendor_message_id="v1"))
    lab.defer(deferred(message_id, reason="not found there"))
    lab.claimed()
    between = lab.record(message_id).vendor_message_id
    lab.settle(settled(message_id, 2, "delivered"))

    lab.settle(settled(message_id, 2, vendor_message_id="v2"))

    assert between == ""
    assert lab.record(message_id).vendor_message_id == "v2"
    assert lab.known_as("v2", ALIAS) == message_id


def test_a_report_that_overtakes_the_answer_closes_the_attempt(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claimed()

    lab.settle(settled(message_id, 1, "undelivered"))
    lab.pass_time(HOUR // 2)

    assert lab.sweep().lost == []
    assert lab.status(message_id) == "undelivered"
    lab.check()


@pytest.mark.parametrize("final", sorted(FINAL))
def test_nothing_follows_the_end(lab: Lab, final: Status) -> None:
    message_id = lab.put_one()
    lab.claimed()
    lab.rewrite(message_id, status=final, deadline=0)
    lab.raw.delete(keys.OPEN + "a")

    for status in Status:
        lab.settle(settled(message_id, 1, status))
    lab.defer(deferred(message_id))
    lab.cancel(message_id)
    lab.sweep()

    assert lab.status(message_id) == final


@pytest.mark.parametrize("before", list(Status))
@pytest.mark.parametrize("after", list(Status))
def test_only_the_table_of_the_contract_lets_a_status_follow(
    lab: Lab, before: Status, after: Status
) -> None:
    message_id = lab.put_one()
    lab.claimed()
    lab.rewrite(message_id, status=before)

    (moved,) = lab.settle(settled(message_id, 1, after))

    waits = before in (Status.ACCEPTED, Status.SCHEDULED)  # then no attempt is left to settle
    assert moved == (after in FOLLOWS[before] and not waits)
    assert lab.status(message_id) == (after if moved else before)


def test_the_slot_moves_to_the_time_of_the_answer(lab: Lab) -> None:
    """The vendor counts from when it took the message: later than we asked, earlier than now."""
    first, second = lab.put(2, to=NUMBER)
    lab.claimed(RULES, most=1)
    lab.pass_time(8000)

    lab.settle(settled(first, windows=pack_windows(ONE_A_MINUTE)))
    lab.claim(RULES)

    answered = lab.record(first).updated
    assert lab.memory() == [0, answered]
    assert lab.record(second).due == answered + MINUTE
    assert lab.record(first).slot == 0


def test_only_its_own_slot_moves(lab: Lab) -> None:
    rules, windows = account(windows=[[3, MINUTE]]), pack_windows((3, MINUTE))
    first, second, third = lab.put(3, to=NUMBER)
    for _ in range(3):
        lab.claimed(rules, most=1)
        lab.pass_time(1000)
    others = [lab.record(each).slot for each in (first, third)]

    lab.settle(settled(second, windows=windows))

    assert lab.memory() == [0, *others, lab.record(second).updated]


def test_a_slot_that_is_forgotten_by_now_is_not_made_up(lab: Lab) -> None:
    message_id = lab.put_one(to=NUMBER)
    lab.claimed(RULES)
    lab.pass_time(2 * MINUTE)

    lab.settle(settled(message_id, windows=pack_windows(ONE_A_MINUTE)))

    assert lab.memory() == []
    assert lab.status(message_id) == "submitted"


def test_a_message_that_may_have_gone_keeps_its_slot(lab: Lab) -> None:
    first, second = lab.put(2, to=NUMBER)
    lab.claimed(RULES, most=1)

    lab.settle(settled(first, 1, "unknown", windows=pack_windows(ONE_A_MINUTE)))

    assert lab.claimed(RULES) == []
    assert lab.record(second).due == lab.record(first).slot + MINUTE


def test_a_thousand_attempts_in_one_call(lab: Lab) -> None:
    ids = lab.put(1000)
    lab.claim(most=1000)

    answers = lab.settle(*(settled(each, vendor_message_id=f"v{each}") for each in ids))

    assert answers == [True] * 1000
    assert lab.open() == {}


def test_odd_characters_of_a_vendor_are_kept(lab: Lab) -> None:
    message_id = lab.put_one(to=NUMBER)
    lab.claimed()

    lab.settle(settled(message_id, vendor_message_id="号 1:%<ring>\n", code="没钱", reason="'\\\""))

    found = lab.record(message_id)
    assert (found.vendor_message_id, found.code) == ("号 1:%<ring>\n", "没钱")
    assert lab.known_as("号 1:%<ring>\n", ALIAS) == message_id


def test_half_a_surrogate_of_one_answer_does_not_lose_the_others(lab: Lab) -> None:
    """A verdict is worth more than its text: what cannot be encoded is replaced."""
    first, second, third = lab.put(3)
    lab.claimed()

    answers = lab.settle(
        settled(first, code="\ud800", vendor_message_id="v\udfff", reason="\ud800"),
        settled(second),
    )
    lab.defer(deferred(third, code="\ud800", reason="\ud800"))

    assert answers == [True, True]
    assert (lab.record(first).code, lab.record(first).vendor_message_id) == ("?", "v?")
    assert lab.status(third) == "accepted"
