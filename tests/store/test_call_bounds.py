"""The bound of an account's calls: learned by one process, told to all by their claims."""

from worker.store import care

from .conftest import HOUR, MINUTE, Lab, Ticket, account, claim

BOTH = account("a"), account("b")


def learn(lab: Lab, most: int, name: str = "a") -> int:
    return lab.run(care.bound(name, most, 3600))


def told(lab: Lab) -> dict[str, int]:
    return {name: most for name, (most, _) in lab.claim(*BOTH).bounds.items()}


def test_a_claim_tells_nothing_where_no_call_was_too_large(lab: Lab) -> None:
    lab.put(1)

    assert told(lab) == {}


def test_every_claim_tells_what_one_process_learned(lab: Lab) -> None:
    assert learn(lab, 100) == 100
    lab.put(1)

    found = lab.claim(*BOTH)

    assert [message_id for message_id, _ in found.messages] == [*lab.open()]
    ((name, (most, left)),) = found.bounds.items()
    assert (name, most) == ("a", 100)
    assert HOUR - 5 * MINUTE < left <= HOUR
    assert told(lab) == {"a": 100}, "also where nothing is ready"


def test_the_smallest_bound_holds(lab: Lab) -> None:
    assert [learn(lab, each) for each in (100, 50, 75)] == [100, 50, 50]
    learn(lab, 7, name="b")

    assert told(lab) == {"a": 50, "b": 7}


def test_a_larger_one_learned_later_makes_it_hold_no_longer(lab: Lab) -> None:
    learn(lab, 50)
    lab.pass_time(HOUR - 5 * MINUTE)
    learn(lab, 75)
    lab.pass_time(5 * MINUTE)

    assert told(lab) == {}


def test_the_vendors_own_size_is_tried_again_after_an_hour(lab: Lab) -> None:
    learn(lab, 50)
    lab.pass_time(HOUR)

    assert told(lab) == {}
    assert learn(lab, 100) == 100
    assert told(lab) == {"a": 100}


def test_the_state_of_an_account_tells_its_bound(lab: Lab) -> None:
    (state,) = lab.run(care.states(["a"])).accounts
    assert (state.bound, state.bounded) == (0, 0)

    learn(lab, 50)

    (state,) = lab.run(care.states(["a"])).accounts
    assert state.bound == 50
    assert 0 < state.bounded - lab.now() <= HOUR


def test_a_claim_that_comes_too_late_tells_nothing(lab: Lab) -> None:
    learn(lab, 50)
    ticket = Ticket("p")
    late = claim(*BOTH, ticket=ticket)
    lab.run(late)

    assert lab.run(late).bounds == {}
