"""Unknown messages: looked at under a lease, submitted again at most once, and never forgotten."""

from typing import Any

import pytest

from worker.contract import keys
from worker.contract.status import Status
from worker.store import acts, care

from .conftest import (
    DAY,
    HOUR,
    MINUTE,
    NUMBER,
    PROVEN,
    RESENT,
    Lab,
    account,
    deferred,
    entry,
    pack_windows,
    settled,
    together,
    trail,
)

BOTH = (account("a"), account("b"))
WINDOWS = pack_windows((2, HOUR))
RULES = account(windows=[[2, HOUR]], learns=True)
AFTER = 5000  # ms until the first look


def taken(lab: Lab, most: int = 10, lease: float = 90) -> list[str]:
    return [each for each, _ in lab.run(care.unknowns(most, lease)).messages]


def look(
    lab: Lab, message_id: str, seconds: float | None, note: str = "", attempt: int = 1
) -> bool:
    return lab.run(care.look(message_id, attempt, seconds, note))


def letters(lab: Lab) -> list[str]:
    return [each for each, _ in lab.run(care.dead(0)).messages]


# --- looking --------------------------------------------------------------------------------------


def test_whatever_lost_the_answer_the_message_is_looked_at(lab: Lab) -> None:
    told = lab.unknown()
    swept = lab.put_one()
    lab.claim(account(life=1000))
    lab.pass_time(1000)
    lab.sweep()

    early = taken(lab)
    lab.pass_time(AFTER)

    assert (early, sorted(taken(lab))) == ([], [told, swept])


def test_what_one_looks_at_another_does_not_until_the_lease_ends(lab: Lab) -> None:
    message_id = lab.unknown()
    lab.pass_time(AFTER)

    first, second = taken(lab), taken(lab)
    lab.pass_time(90_000)

    assert (first, second, taken(lab)) == ([message_id], [], [message_id])


async def test_several_resolvers_share_the_unknown(lab: Lab) -> None:
    ids = [lab.unknown() for _ in range(30)]
    lab.pass_time(AFTER)

    found = await together(*(lambda: taken(lab, 7) for _ in range(6)))

    assert sorted(each for some in found for each in some) == ids


@pytest.mark.parametrize("status", ["submitted", "delivered", "undelivered", "rejected"])
def test_a_late_answer_or_report_ends_the_looking(lab: Lab, status: str) -> None:
    message_id = lab.unknown()

    assert lab.settle(settled(message_id, status=status)) == [True]
    lab.pass_time(AFTER)

    assert taken(lab) == []
    assert lab.raw.zcard(keys.UNKNOWN) == 0
    assert not look(lab, message_id, 1)


def test_a_look_says_when_the_next_one_is_and_what_was_found(lab: Lab) -> None:
    message_id = lab.unknown()

    assert look(lab, message_id, 60, "the vendor does not find it")
    lab.pass_time(59_000)
    early = taken(lab)
    lab.pass_time(1000)

    assert (early, taken(lab)) == ([], [message_id])
    assert trail(lab.record(message_id))[-1][1:4] == [
        "unknown", "a", "the vendor does not find it",
    ]  # fmt: skip


def test_a_look_at_an_older_attempt_changes_nothing(lab: Lab) -> None:
    message_id = lab.unknown()
    lab.resend(message_id, "proven")
    lab.claim()
    lab.settle(settled(message_id, 2, "unknown"))

    assert not look(lab, message_id, None, "old", attempt=1)
    assert look(lab, message_id, None, "", attempt=2)


def test_what_stays_unknown_moves_on_by_a_report(lab: Lab) -> None:
    message_id = lab.unknown()
    look(lab, message_id, None, "stays unknown until a report says more")
    lab.pass_time(HOUR)

    assert taken(lab) == []
    assert lab.settle(settled(message_id, status="delivered")) == [True]
    assert lab.raw.zcard(keys.UNKNOWN) == 0


def test_an_unknown_message_whose_record_is_gone_is_dropped(lab: Lab) -> None:
    message_id = lab.unknown()
    lab.raw.delete(keys.message(message_id))
    lab.pass_time(AFTER)

    assert taken(lab) == []
    assert lab.raw.zcard(keys.UNKNOWN) == 0


# --- submitting again -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "pin", "slots"), [("proven", "a", 0), ("same", "a", 1), ("any", "", 1)]
)
def test_without_proof_the_number_keeps_its_slot(lab: Lab, how: str, pin: str, slots: int) -> None:
    message_id = lab.unknown(RULES, to=NUMBER)

    assert lab.resend(message_id, how, windows=WINDOWS) == "accepted"

    found = lab.record(message_id)
    assert (found.pin, found.attempts, found.reason) == (
        pin, 1, PROVEN if how == "proven" else RESENT,
    )  # fmt: skip
    assert len(lab.memory()) == (slots + 1 if slots else 0)
    assert lab.raw.zcard(keys.UNKNOWN) == 0
    lab.check()


def test_it_goes_to_the_same_account_with_the_next_number(lab: Lab) -> None:
    message_id = lab.unknown(account("b"))
    lab.resend(message_id, "same")

    ((again, found),) = lab.claim(*BOTH).messages

    assert (again, found.account, found.attempt) == (message_id, "b", 2)


def test_a_resend_costs_the_number_a_slot_of_its_own(lab: Lab) -> None:
    message_id = lab.unknown(RULES, to=NUMBER)
    lab.resend(message_id, "same", windows=WINDOWS)
    lab.claim(RULES)

    assert len(lab.memory()) == 3


async def test_two_at_once_submit_it_again_once(lab: Lab) -> None:
    message_id = lab.unknown()

    found = await together(*(lambda: lab.resend(message_id, "same") for _ in range(6)))

    assert sorted(found) == [""] * 5 + ["accepted"]
    assert lab.ready() == [message_id]


@pytest.mark.parametrize("how", ["proven", "same", "any"])
def test_what_is_not_unknown_is_not_submitted_again(lab: Lab, how: str) -> None:
    message_id = lab.put_one()
    lab.claim()

    assert lab.resend(message_id, how) == ""
    lab.settle(settled(message_id))
    assert lab.resend(message_id, how) == ""
    assert lab.status(message_id) == "submitted"


@pytest.mark.parametrize("how", ["same", "any"])
def test_past_its_validity_it_stays_unknown(lab: Lab, how: str) -> None:
    message_id = lab.unknown(validity=MINUTE)
    lab.pass_time(MINUTE)

    assert lab.resend(message_id, how) == ""
    assert lab.status(message_id) == "unknown"
    assert lab.raw.zcard(keys.UNKNOWN) == 1


def test_with_proof_it_expires_past_its_validity(lab: Lab) -> None:
    message_id = lab.unknown(validity=MINUTE)
    lab.pass_time(MINUTE)

    assert lab.resend(message_id, "proven") == "expired"
    assert letters(lab) == [message_id]


# --- while it waits to be submitted again ---------------------------------------------------------


def waiting_again(lab: Lab, how: Any, *, aside: bool = False, **fields: object) -> str:
    """A message on its way to its second submit: in the list, or put aside."""
    message_id = lab.unknown(RULES, **fields)
    lab.resend(message_id, how, windows=WINDOWS)
    if aside:
        lab.trip("a")
        lab.claim(*BOTH)
    return message_id


@pytest.mark.parametrize("how", ["proven", "same", "any"])
@pytest.mark.parametrize("status", ["submitted", "delivered", "undelivered", "rejected"])
def test_a_late_answer_wins_over_the_second_submit(lab: Lab, how: str, status: str) -> None:
    message_id = waiting_again(lab, how)

    assert lab.settle(settled(message_id, 1, status, vendor_message_id="v1")) == [True]

    assert lab.claimed(*BOTH) == []
    found = lab.record(message_id)
    assert (found.status, found.account, found.attempt) == (status, "a", 1)
    assert lab.known_as("v1", found.alias) == message_id
    lab.check()


def test_a_late_answer_finds_one_that_was_put_aside(lab: Lab) -> None:
    message_id = waiting_again(lab, "same", aside=True)
    assert lab.status(message_id) == "scheduled"

    assert lab.settle(settled(message_id)) == [True]

    assert lab.waiting() == {}
    lab.pass_time(HOUR // 2)
    lab.release()
    assert lab.claimed(*BOTH) == []
    lab.check()


def test_the_answer_of_an_attempt_that_was_deferred_is_still_none(lab: Lab) -> None:
    message_id = waiting_again(lab, "same")
    lab.claim(RULES)
    lab.defer(deferred(message_id, 2))

    assert lab.settle(settled(message_id, 2), settled(message_id, 1)) == [False, False]
    assert lab.status(message_id) == "accepted"


def test_what_may_have_been_taken_does_not_expire(lab: Lab) -> None:
    message_id = waiting_again(lab, "same", validity=MINUTE)
    lab.pass_time(MINUTE)

    lab.claim(RULES)

    found = lab.record(message_id)
    assert (found.status, found.account, letters(lab)) == ("unknown", "a", [])
    assert lab.settle(settled(message_id, 1, "delivered")) == [True]
    lab.check()


def test_nor_does_it_when_its_second_submit_comes_back_too_late(lab: Lab) -> None:
    message_id = waiting_again(lab, "any", validity=MINUTE)
    lab.claim(account("b"))

    lab.defer(deferred(message_id, 2, wait=str(2 * MINUTE)))

    found = lab.record(message_id)
    assert (found.status, found.account, letters(lab)) == ("unknown", "a", [])
    assert lab.open("b") == {}
    lab.check()


def test_nor_does_it_end_as_rejected_where_no_account_is_left(lab: Lab) -> None:
    message_id = waiting_again(lab, "same")

    lab.claim(account("b"))

    assert (lab.status(message_id), letters(lab)) == ("unknown", [])
    lab.check()


def test_with_proof_it_expires_as_any_other(lab: Lab) -> None:
    message_id = waiting_again(lab, "proven", validity=MINUTE)
    lab.pass_time(MINUTE)

    lab.claim(RULES)

    assert (lab.status(message_id), letters(lab)) == ("expired", [message_id])


def test_proof_about_the_second_submit_ends_the_doubt(lab: Lab) -> None:
    """The vendor knows both under one id: not found means that it took neither."""
    message_id = waiting_again(lab, "same", validity=DAY)
    lab.claim(RULES)
    lab.settle(settled(message_id, 2, "unknown"))
    lab.resend(message_id, "proven", 2)
    lab.pass_time(DAY)

    lab.claim(RULES)

    assert lab.status(message_id) == "expired"


def test_that_it_was_resent_is_never_forgotten(lab: Lab) -> None:
    """It is what keeps it from being resent once more."""
    message_id = waiting_again(lab, "same")
    for attempt in range(2, 40):
        assert lab.claimed() == [message_id]
        lab.defer(deferred(message_id, attempt, counts=False, code="21", reason="too fast"))

    found = trail(lab.record(message_id))
    assert len(found) == 24
    assert [step[3] for step in found].count(RESENT) == 1


# --- dead letters ---------------------------------------------------------------------------------


def test_what_was_cancelled_or_suppressed_is_no_dead_letter(lab: Lab) -> None:
    cancelled = lab.put_one()
    lab.cancel(cancelled)
    suppressed = lab.put_one(stream="marketing", to=NUMBER)
    lab.raw.sadd(keys.SUPPRESSED + "all", NUMBER[-11:])
    lab.claim(stream="marketing", suppress=True)

    assert [lab.status(each) for each in (cancelled, suppressed)] == ["cancelled", "suppressed"]
    assert letters(lab) == []


async def test_replays_at_once_make_one_message(lab: Lab) -> None:
    message_id = lab.put_one(validity=1)
    lab.pass_time(2)
    lab.claim()

    def replay(place: int) -> bool:
        return lab.run(care.replay(message_id, f"new{place}", validity=60, retention=60))

    found = await together(*(lambda place=place: replay(place) for place in range(8)))

    assert sorted(found) == [False] * 7 + [True]
    (fresh,) = lab.ready()
    assert lab.claimed() == [fresh]
    assert letters(lab) == []


def test_without_its_text_a_letter_is_not_replayed_and_stays(lab: Lab) -> None:
    message_id = lab.put_one(validity=1)
    lab.pass_time(2)
    lab.claim()
    lab.rewrite(message_id, content="")

    assert not lab.run(care.replay(message_id, "new", validity=60, retention=60))
    assert letters(lab) == [message_id]
    assert lab.run(acts.find(["new"])) == [None]


def test_a_message_cancelled_before_its_resend_is_unknown_and_never_sent(lab: Lab) -> None:
    lab.accept(entry("m"))
    lab.claim()
    lab.settle(settled("m", status="unknown"))
    lab.defer(deferred("m", wait="60000", reason=RESENT, resend="same"))

    done, status = lab.cancel("m")
    lab.pass_time(2 * MINUTE)
    lab.release()

    assert (done, status) == (False, Status.UNKNOWN)
    assert lab.claim().messages == []


def test_what_was_taken_back_leaves_no_more_though_it_was_proved_untaken(lab: Lab) -> None:
    message_id = lab.unknown()
    lab.resend(message_id, "any", 1)
    assert lab.cancel(message_id) == (False, Status.UNKNOWN)

    assert lab.resend(message_id, "proven", 1) == "expired"

    assert lab.claimed() == []
    assert lab.record(message_id).status is Status.EXPIRED


def test_what_stays_unknown_is_still_looked_at(lab: Lab) -> None:
    message_id = lab.unknown()
    lab.resend(message_id, "any", 1)
    lab.cancel(message_id)

    lab.defer(deferred(message_id))  # a late answer, about the second of two submits

    assert lab.record(message_id).status is Status.UNKNOWN
    assert lab.raw.zscore(keys.UNKNOWN, message_id) is not None
