"""Messages bound to one busy account of several: out of the others' way, in turn, and in time."""

from itertools import pairwise

import pytest

from .conftest import HOUR, MINUTE, Lab, account, deferred, trail

BUSY = "every account that can carry it is busy"
A = account("a", interval=100)  # ten a second
B = account("b")


def drain(lab: Lab, *, step: int, rounds: int) -> list[str]:
    """Claim as a pump does, time going on by a step each round; return what was sent."""
    sent: list[str] = []
    for _ in range(rounds):
        sent += lab.claimed(A, B)
        lab.pass_time(step)
    return sent


def test_they_are_put_aside_so_that_the_others_pass(lab: Lab) -> None:
    bound, free = lab.put(5, pin="a"), lab.put(3)

    found = dict(lab.claim(A, B).messages)

    assert found[bound[0]].status == "submitting"
    assert all(
        (found[each].status, found[each].reason) == ("scheduled", BUSY) for each in bound[1:]
    )
    assert [found[each].account for each in free] == ["b"] * 3
    assert lab.ready() == []


def test_they_wait_at_the_distance_of_the_accounts_slots(lab: Lab) -> None:
    bound = lab.put(20, pin="a")

    lab.claim(A, B)

    due = [lab.waiting()[each] for each in bound[1:]]
    gaps = {after - before for before, after in pairwise(due)}
    assert due == sorted(due)
    assert gaps == {100}
    assert due[0] - lab.record(bound[0]).updated <= 200


def test_waiting_costs_no_attempt_and_is_one_wait(lab: Lab) -> None:
    bound = lab.put(2, pin="a")

    lab.claim(A, B)

    found = lab.record(bound[1])
    assert (found.attempt, found.attempts, found.waits) == (0, 0, 1)


def test_the_claim_says_when_to_look_for_them_although_the_list_is_empty(lab: Lab) -> None:
    """The tick of a second is too coarse: an account of a hundred a second would do six."""
    lab.put(3, pin="a")

    found = lab.claim(A, B)

    assert found.left == 0
    assert 0 < found.pause <= 0.05


def test_nobody_looks_for_what_is_far_away(lab: Lab) -> None:
    lab.put(2, pin="a")

    found = lab.claim(account("a", interval=10_000), B)

    assert (found.left, found.pause) == (0, 0)


def test_they_drain_at_the_accounts_full_rate_nearly_in_their_order(lab: Lab) -> None:
    bound = lab.put(60, pin="a")

    sent = drain(lab, step=50, rounds=130)

    assert sorted(sent) == bound
    assert max(abs(bound.index(each) - at) for at, each in enumerate(sent)) <= 5
    assert max(lab.record(each).waits for each in bound) <= 5


def test_a_pump_that_looks_too_seldom_keeps_their_order_too(lab: Lab) -> None:
    """Each look finds three due and one slot: the queue lags, and nobody is overtaken by all."""
    bound = lab.put(30, pin="a")

    sent = drain(lab, step=300, rounds=60)

    assert sorted(sent) == bound
    assert max(abs(bound.index(each) - at) for at, each in enumerate(sent)) <= 10


def test_they_are_not_starved_by_those_who_could_go_elsewhere(lab: Lab) -> None:
    bound = set(lab.put(10, pin="a"))
    lab.put(200)

    for _ in range(40):
        bound -= set(lab.claimed(A, account("b", interval=50), most=20))
        lab.pass_time(50)

    assert bound == set()
    assert len(lab.ready()) > 50  # all the while there was something else to send


def test_who_finds_its_place_taken_gets_one_at_the_front_not_behind_everybody(lab: Lab) -> None:
    bound = lab.put(100, pin="a")
    lab.claim(A, B)
    lab.pass_time(1000)  # nobody looked for a second: ten are due, one or two places are free

    lab.claim(A, B)

    again = [each for each in bound[1:12] if lab.record(each).waits == 2]
    assert len(again) >= 7
    assert all(lab.waiting()[each] - lab.now() <= 1200 for each in again)


def test_who_returns_goes_to_the_front_of_the_list(lab: Lab) -> None:
    bound = lab.put(3, pin="a")
    lab.claim(A, B)
    later = lab.put(5)
    lab.pass_time(1000)

    lab.release()

    assert lab.ready() == [*bound[1:], *later]


def test_nobody_waits_beyond_its_validity(lab: Lab) -> None:
    """The queue is half an hour long; the last chance comes before the end."""
    lab.put(50, pin="a", validity=HOUR)
    message_id = lab.put_one(pin="a", validity=MINUTE)
    slow = account("a", interval=30_000)

    found = dict(lab.claim(slow, B).messages)[message_id]

    assert found.status == "scheduled"
    assert found.expires - 2500 <= found.due < found.expires


def test_a_short_validity_does_not_make_the_queue_longer_for_the_rest(lab: Lab) -> None:
    slow = account("a", interval=30_000)
    lab.put(2, pin="a", validity=HOUR)
    lab.put(100, pin="a", validity=MINUTE)
    last = lab.put_one(pin="a", validity=HOUR)

    lab.claim(slow, B)

    assert lab.waiting()[last] - lab.now() < 5 * MINUTE


def test_one_stream_does_not_queue_behind_another(lab: Lab) -> None:
    """An otp would wait for all of marketing."""
    lab.put(100, pin="a", stream="marketing")
    otp = lab.put_one(pin="a", stream="otp")

    lab.claim(A, B, stream="marketing")
    lab.claim(A, B, stream="otp")

    assert lab.waiting()[otp] - lab.now() < 500


def test_where_every_account_is_busy_the_list_waits_as_it_is(lab: Lab) -> None:
    ids = lab.put(5, pin="a")

    found = lab.claim(A, account("b", concurrency=1), most=1)
    lab.put(1, pin="b")
    lab.claim(A, account("b", concurrency=1))
    again = lab.claim(A, account("b", concurrency=1))

    assert [each for each, _ in found.messages] == ids[:1]
    assert 0 < again.pause <= 0.1
    lab.check()


def test_of_several_busy_accounts_the_one_that_is_free_first_is_waited_for(lab: Lab) -> None:
    rules = [
        account("slow", interval=9000, max_length=70),
        account("fast", interval=2000, max_length=70),
        account("c", interval=5000, max_length=70),
        account("long", max_length=500),
    ]
    lab.put(3, length=70)
    message_id = lab.put_one(length=70, pin="")
    rules[3]["templates_only"] = True  # carries none of them, and is free

    lab.claim(*rules)

    found = lab.record(message_id)
    assert found.due - found.updated == pytest.approx(1950 + 2000, abs=5)


def test_concurrency_alone_spreads_them_too(lab: Lab) -> None:
    bound = lab.put(101, pin="a")

    lab.claim(account("a", concurrency=5), B)

    due = [lab.waiting()[each] for each in bound[5:]]
    assert due == sorted(due)
    assert 900 <= due[-1] - due[0] <= 1000  # five each fifty milliseconds


def test_many_waits_leave_what_the_vendors_said_in_the_trail(lab: Lab) -> None:
    message_id = lab.put_one(pin="a")
    lab.claim(A, B)
    lab.defer(deferred(message_id, wait="1", code="4007"))
    full = account("a", concurrency=1)
    lab.put(1)
    lab.claim(full, B)  # the one place of the account, for good

    for _ in range(40):
        lab.pass_time(60)
        lab.claim(full, B)

    found = lab.record(message_id)
    assert found.waits > 30
    assert [step[1] for step in trail(found)[:2]] == ["submitting", "scheduled"]
    assert trail(found)[1][3] == "4007\n"
    assert len(trail(found)) <= 6
