"""Claim: in order, with the attempt written first, and only by an account that may carry it."""

import pytest

from worker.contract import keys
from worker.contract.status import Stream
from worker.store import acts

from .conftest import HOUR, MINUTE, NUMBER, Lab, account, deferred, pack


def test_the_attempt_is_written_with_its_deadline_before_anything_leaves(lab: Lab) -> None:
    message_id = lab.put_one()

    ((found_id, found),) = lab.claim(account("tencent", life=12_345)).messages

    assert found_id == message_id
    assert lab.record(message_id) == found
    assert (found.status, found.account) == ("submitting", "tencent")
    assert (found.attempt, found.attempts, found.waits) == (1, 1, 0)
    assert found.deadline == found.updated + 12_345
    assert lab.open("tencent") == {message_id: found.deadline}
    assert lab.raw.smembers(keys.ACCOUNTS) == {b"tencent"}
    assert found.trail == [[found.updated, "submitting", "tencent", ""]]


def test_first_in_first_out_in_batches(lab: Lab) -> None:
    ids = lab.put(10)

    first = lab.claim(most=4)
    rest = lab.claim(most=100)

    assert [each for each, _ in first.messages] == ids[:4]
    assert (first.left, first.pause) == (6, 0)
    assert [each for each, _ in rest.messages] == ids[4:]
    assert (rest.left, rest.pause) == (0, 0)


def test_an_empty_stream_gives_nothing(lab: Lab) -> None:
    found = lab.claim()

    assert (found.messages, found.left, found.pause) == ([], 0, 0)


def test_a_claim_of_none_takes_none(lab: Lab) -> None:
    lab.put(3)

    found = lab.claim(most=0)

    assert (found.messages, found.left) == ([], 3)


def test_streams_do_not_mix(lab: Lab) -> None:
    otp = lab.put_one(stream="otp")
    lab.put_one(stream="marketing")

    assert lab.claimed(stream="otp") == [otp]
    assert lab.claimed(stream="notice") == []


def test_the_first_account_of_the_route_is_preferred(lab: Lab) -> None:
    lab.put(2)

    found = lab.claim(account("b"), account("a")).messages

    assert [each.account for _, each in found] == ["b", "b"]


def test_a_pinned_message_goes_by_its_account_alone(lab: Lab) -> None:
    message_id = lab.put_one(pin="b")

    ((_, found),) = lab.claim(account("a"), account("b")).messages

    assert (found.status, found.account) == ("submitting", "b")
    assert list(lab.open("b")) == [message_id]


def test_what_no_account_can_carry_is_rejected(lab: Lab) -> None:
    pinned = lab.put_one(pin="elsewhere")
    long = lab.put_one(length=501)
    text = lab.put_one()

    rules = account("a", templates_only=True)
    found = dict(lab.claim(rules).messages)

    for each in (pinned, long, text):
        assert (found[each].status, found[each].reason) == ("rejected", "no account can carry it")
        assert found[each].attempts == 0
    assert lab.open("a") == {}


def test_a_length_at_the_bound_is_carried_and_one_more_goes_elsewhere(lab: Lab) -> None:
    at, over = lab.put_one(length=70), lab.put_one(length=71)

    found = dict(lab.claim(account("a", max_length=70), account("b", max_length=71)).messages)

    assert (found[at].account, found[over].account) == ("a", "b")


def test_an_account_of_templates_carries_those_it_has_a_form_of(lab: Lab) -> None:
    known, foreign, text = lab.put_one(template="code"), lab.put_one(template="ad"), lab.put_one()
    templates = account("a", templates_only=True, templates={"code": True})

    found = dict(lab.claim(templates, account("b")).messages)

    assert [found[each].account for each in (known, foreign, text)] == ["a", "b", "b"]


def test_an_account_without_forms_renders_any_template(lab: Lab) -> None:
    lab.put_one(template="code")

    ((_, found),) = lab.claim(account("a")).messages

    assert found.account == "a"


def test_an_account_that_turned_it_down_comes_last(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claimed(account("a"), account("b"))
    lab.defer(deferred(message_id, avoid=True))

    ((_, second),) = lab.claim(account("a"), account("b")).messages
    lab.defer(deferred(message_id, 2, avoid=True))
    ((_, third),) = lab.claim(account("a"), account("b")).messages

    assert (second.account, second.attempt) == ("b", 2)
    assert (third.account, third.attempt) == ("a", 3)  # all did: the route's order again
    assert third.avoid == ["a", "b"]


def test_an_account_is_avoided_once_however_often_it_fails(lab: Lab) -> None:
    message_id = lab.put_one()

    for attempt in range(1, 6):
        lab.claimed()
        lab.defer(deferred(message_id, attempt, avoid=True, counts=False))

    assert lab.record(message_id).avoid == ["a"]


def test_the_expired_is_never_claimed(lab: Lab) -> None:
    late, fresh = lab.put_one(validity=MINUTE), lab.put_one(validity=HOUR)
    lab.pass_time(MINUTE)

    found = dict(lab.claim().messages)

    assert (found[late].status, found[late].attempt) == ("expired", 0)
    assert found[fresh].status == "submitting"
    assert list(lab.open()) == [fresh]


def test_validity_counts_from_the_time_asked_for(lab: Lab) -> None:
    message_id = lab.put_one(due=lab.now() + HOUR, validity=MINUTE)

    lab.pass_time(HOUR + 1)
    lab.release()

    assert lab.claimed() == [message_id]


def test_the_cancelled_and_the_vanished_are_skipped(lab: Lab) -> None:
    cancelled, vanished, there = lab.put(3)
    lab.cancel(cancelled)
    lab.raw.delete(keys.message(vanished))

    found = lab.claim(most=3)

    assert [each for each, _ in found.messages] == [there]
    assert found.left == 0


def test_an_id_that_is_twice_in_the_list_is_claimed_once(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.raw.rpush(keys.ready("notice"), message_id)

    assert lab.claimed() == [message_id]
    assert lab.claimed() == []
    assert lab.record(message_id).attempt == 1


def test_what_is_due_by_now_is_claimed_without_waiting_for_the_tick(lab: Lab) -> None:
    due = lab.now() + MINUTE
    scheduled, otp = lab.put_one(due=due), lab.put_one(stream="otp", due=due)
    lab.pass_time(MINUTE + 1)

    claimed = lab.claimed()

    assert claimed == [scheduled]
    assert (lab.ready("otp"), lab.rings("otp"), lab.rings("notice")) == ([otp], 1, 0)


def test_numbers_of_the_clock_and_of_the_record_stay_whole(lab: Lab) -> None:
    """A float in a record would not be read back."""
    lab.put(5, pin="a")

    lab.claim(account("a", interval=1000 / 3), account("b"))

    assert lab.record("m00001").status == "submitting"
    assert lab.record("m00005").status == "scheduled"
    assert all(isinstance(due, int) for due in lab.waiting().values())


@pytest.mark.parametrize("stream", list(Stream))
def test_the_packed_accounts_of_a_stream_may_be_used_again_and_again(
    lab: Lab, stream: Stream
) -> None:
    packed = pack(account("a", interval=1))
    lab.put(3, stream=stream, to=NUMBER)

    acts_ = [acts.claim(stream, 1, packed) for _ in range(3)]

    assert sum(len(lab.run(each).messages) for each in acts_) >= 1
    lab.check()
