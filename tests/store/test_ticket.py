"""Tickets: a claim whose answer never came strands nothing, and a late one opens nothing."""

from typing import Any

import pytest

from worker.contract.status import Status
from worker.store.acts import Act, Claimed

from .conftest import HOUR, MINUTE, NUMBER, Lab, Ticket, account, claim, deferred, settled

RULES = account(windows=[[1, MINUTE]])


def lose(lab: Lab, act: Act[Any]) -> None:
    """Carry out an act on the server, and lose the answer on its way."""
    lab.raw.eval(act.script.source, 0, *act.args)


def ids(found: Claimed) -> list[str]:
    return [each for each, record in found.messages if record.status is Status.SUBMITTING]


def test_what_a_lost_answer_had_opened_is_claimed_by_the_next_one(lab: Lab) -> None:
    put = lab.put(5)
    ticket = Ticket("pump")
    lose(lab, claim(most=3, ticket=ticket))
    stranded = [lab.status(each) for each in put[:3]]

    found = lab.claim(ticket=ticket)

    assert stranded == ["submitting"] * 3
    assert ids(found) == put  # in their order, all of them
    assert [record.attempt for _, record in found.messages] == [2, 2, 2, 1, 1]
    assert [record.attempts for _, record in found.messages] == [1] * 5
    lab.check()


def test_an_answer_that_came_is_never_taken_back(lab: Lab) -> None:
    put = lab.put(4)
    ticket = Ticket("pump")

    first = lab.claim(most=2, ticket=ticket)
    second = lab.claim(most=2, ticket=ticket)
    third = lab.claim(most=2, ticket=ticket)

    assert (ids(first), ids(second), ids(third)) == (put[:2], put[2:], [])
    assert {lab.record(each).attempt for each in put} == {1}


def test_several_lost_answers_in_a_row(lab: Lab) -> None:
    put = lab.put(6)
    ticket = Ticket("pump")
    for _ in range(4):
        lose(lab, claim(most=2, ticket=ticket))

    found = lab.claim(ticket=ticket)

    assert ids(found) == put
    lab.check()


def test_a_claim_that_never_arrived_is_no_harm(lab: Lab) -> None:
    put = lab.put(2)
    ticket = Ticket("pump")
    claim(ticket=ticket)  # made, never sent
    claim(ticket=ticket)

    assert ids(lab.claim(ticket=ticket)) == put


def test_a_claim_that_is_carried_out_after_the_next_one_opens_nothing(lab: Lab) -> None:
    """The server stood still; the pump asked again; then both claims came to be read."""
    put = lab.put(4)
    ticket = Ticket("pump")
    late = claim(most=2, ticket=ticket)
    found = lab.claim(most=2, ticket=ticket)

    lose(lab, late)

    assert ids(found) == put[:2]
    assert lab.ready() == put[2:]
    assert {lab.record(each).attempt for each in put[:2]} == {1}


def test_a_claim_that_is_carried_out_twice_opens_nothing_the_second_time(lab: Lab) -> None:
    put = lab.put(4)
    act = claim(most=2, ticket=Ticket("pump"))
    found = lab.run(act)

    lose(lab, act)

    assert ids(found) == put[:2]
    assert lab.ready() == put[2:]
    assert {lab.record(each).attempt for each in put[:2]} == {1}
    lab.check()


def test_an_attempt_that_another_pump_opened_since_is_left_alone(lab: Lab) -> None:
    message_id = lab.put_one()
    slow, other = Ticket("slow"), Ticket("other")
    lose(lab, claim(ticket=slow))
    lab.pass_time(MINUTE)
    lab.sweep()
    lab.defer(deferred(message_id, reason="proved not to have left"))
    second = lab.claim(ticket=other)

    found = lab.claim(ticket=slow)

    assert (ids(second), ids(found)) == ([message_id], [])
    assert (lab.status(message_id), lab.record(message_id).attempt) == ("submitting", 2)


def test_the_windows_of_what_is_taken_back_are_given_back(lab: Lab) -> None:
    message_id = lab.put_one(to=NUMBER)
    ticket = Ticket("pump")
    lose(lab, claim(RULES, ticket=ticket))

    found = lab.claim(RULES, ticket=ticket)

    assert ids(found) == [message_id]
    assert len(lab.memory()) == 2


def test_an_attempt_that_the_sweep_found_first_is_taken_back_too(lab: Lab) -> None:
    message_id = lab.put_one()
    ticket = Ticket("pump")
    lose(lab, claim(ticket=ticket))
    lab.pass_time(MINUTE)
    lab.sweep()
    swept = lab.status(message_id)

    found = lab.claim(ticket=ticket)

    assert (swept, ids(found)) == ("unknown", [message_id])
    lab.check()


@pytest.mark.parametrize("status", ["submitted", "delivered", "rejected"])
def test_what_is_settled_meanwhile_is_left_alone(lab: Lab, status: str) -> None:
    message_id = lab.put_one()
    ticket = Ticket("pump")
    lose(lab, claim(ticket=ticket))
    lab.settle(settled(message_id, 1, status))

    assert ids(lab.claim(ticket=ticket)) == []
    assert lab.status(message_id) == status


def test_what_expired_meanwhile_expires(lab: Lab) -> None:
    message_id = lab.put_one(validity=MINUTE)
    ticket = Ticket("pump")
    lose(lab, claim(ticket=ticket))
    lab.pass_time(MINUTE)

    assert ids(lab.claim(ticket=ticket)) == []
    assert lab.status(message_id) == "expired"


def test_pumps_do_not_take_back_from_one_another(lab: Lab) -> None:
    put = lab.put(2)
    one, other = Ticket("one"), Ticket("other")
    first = lab.claim(most=1, ticket=one)

    second = lab.claim(ticket=other)
    third = lab.claim(ticket=other)

    assert (ids(first), ids(second), ids(third)) == (put[:1], put[1:], [])


def test_what_a_ticket_remembers_is_small_and_ends(lab: Lab) -> None:
    lab.put(128)
    ticket = Ticket("pump")

    lab.claim(ticket=ticket)

    assert lab.raw.strlen("xinshi:claimed:pump") < 1500
    assert 0 < lab.raw.pttl("xinshi:claimed:pump") <= HOUR


def test_without_a_ticket_a_lost_answer_ends_unknown(lab: Lab) -> None:
    message_id = lab.put_one()
    lose(lab, claim())
    lab.pass_time(MINUTE)

    lab.sweep()

    assert lab.claimed() == []
    assert lab.status(message_id) == "unknown"
