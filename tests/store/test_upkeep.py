"""Release, cancel and sweep: what is due goes on, what is taken back stops, what died is found."""

import pytest

from worker.contract import jobs, keys
from worker.contract.status import Status

from .conftest import HOUR, MINUTE, Lab, account, deferred, settled, trail

# ---- release


def test_what_is_due_is_released_in_the_order_of_its_time(lab: Lab) -> None:
    now = lab.now()
    third, first, second, later = (
        lab.put_one(due=now + wait) for wait in (3000, 1000, 2000, 2 * MINUTE)
    )
    lab.pass_time(MINUTE)

    found = lab.release()

    assert (found.released, found.dropped, found.more) == (3, 0, False)
    assert lab.ready() == [first, second, third]
    assert list(lab.waiting()) == [later]
    assert lab.status(first) == "accepted"
    lab.check()


def test_thousands_are_released_in_a_few_calls(lab: Lab) -> None:
    now = lab.now()
    ids = lab.put(2500, due=now + MINUTE)
    lab.pass_time(MINUTE + 1)

    found = [lab.release(1000) for _ in range(3)]

    assert [each.released for each in found] == [1000, 1000, 500]
    assert [each.more for each in found] == [True, True, False]
    assert sorted(lab.ready()) == ids


def test_a_release_twice_releases_once(lab: Lab) -> None:
    lab.put(10, due=lab.now() + MINUTE)
    lab.pass_time(MINUTE + 1)

    lab.release()
    again = lab.release()

    assert again.released == 0
    assert len(lab.ready()) == 10


def test_the_cancelled_and_the_vanished_are_dropped(lab: Lab) -> None:
    cancelled, vanished, there = lab.put(3, due=lab.now() + MINUTE)
    lab.cancel(cancelled)
    lab.raw.zadd(keys.WAITING, {cancelled: 1})  # as if the cancel had not tidied up
    lab.raw.delete(keys.message(vanished))
    lab.pass_time(MINUTE + 1)

    found = lab.release()

    assert (found.released, found.dropped) == (1, 2)
    assert lab.ready() == [there]
    assert lab.waiting() == {}


def test_a_released_message_stays_released_by_its_trail(lab: Lab) -> None:
    message_id = lab.put_one(due=lab.now() + MINUTE)
    lab.pass_time(MINUTE + 1)
    lab.release()

    lab.claimed()

    found = trail(lab.record(message_id))
    assert [step[1] for step in found] == ["scheduled", "accepted", "submitting"]
    assert found[0][4] == lab.record(message_id).due  # as it was asked for


# ---- cancel


@pytest.mark.parametrize("due", [0, HOUR])
def test_who_waits_can_be_taken_back(lab: Lab, due: int) -> None:
    message_id = lab.put_one(due=due and lab.now() + due)

    assert lab.cancel(message_id) == (True, Status.CANCELLED)
    assert lab.status(message_id) == "cancelled"
    assert lab.waiting() == {}
    assert lab.claimed() == []
    assert lab.cancel(message_id) == (False, Status.CANCELLED)


def test_who_is_put_aside_can_be_taken_back(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claimed()
    lab.defer(deferred(message_id, wait="5000"))

    assert lab.cancel(message_id) == (True, Status.CANCELLED)


@pytest.mark.parametrize(
    "status", [each for each in Status if each not in ("accepted", "scheduled", "cancelled")]
)
def test_what_may_have_left_cannot_be_taken_back(lab: Lab, status: Status) -> None:
    message_id = lab.put_one()
    lab.claimed()
    lab.rewrite(message_id, status=status)
    before = lab.record(message_id)

    assert lab.cancel(message_id) == (False, status)
    assert lab.record(message_id) == before


def test_what_nobody_knows_cannot_be_taken_back(lab: Lab) -> None:
    assert lab.cancel("nobody") == (False, None)


# ---- sweep


def test_an_attempt_past_its_deadline_is_unknown(lab: Lab) -> None:
    lost, answered = lab.put(2)
    lab.claim(account(life=20_000))
    lab.settle(settled(answered))
    lab.pass_time(20_000)

    ((found_id, found),) = lab.sweep().lost

    assert (found_id, found) == (lost, lab.record(lost))
    assert (found.status, found.reason) == ("unknown", "no answer by its deadline")
    assert found.deadline == 0
    assert lab.open() == {}
    lab.check()


def test_an_attempt_before_its_deadline_is_left_alone(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claim(account(life=20_000))
    lab.pass_time(15_000)

    assert lab.sweep().lost == []
    assert lab.status(message_id) == "submitting"


def test_an_attempt_is_lost_once(lab: Lab) -> None:
    lab.put(3)
    lab.claim()
    lab.pass_time(HOUR)

    counts = [len(lab.sweep().lost) for _ in range(3)]

    assert counts == [3, 0, 0]


def test_an_unknown_message_is_never_claimed_again_by_itself(lab: Lab) -> None:
    message_id = lab.put_one(validity=24 * HOUR)
    lab.claim()
    lab.pass_time(HOUR)

    for _ in range(3):
        lab.sweep()
        lab.release()
        assert lab.claimed() == []
        lab.pass_time(HOUR)

    assert lab.status(message_id) == "unknown"


def test_every_account_that_ever_opened_an_attempt_is_swept(lab: Lab) -> None:
    lab.put_one(pin="a")
    lab.put_one(pin="b")
    lab.claim(account("a"), account("b"))
    lab.put_one(pin="c")
    lab.claim(account("c"))
    lab.pass_time(HOUR)

    lost = lab.sweep().lost

    assert sorted(record.account for _, record in lost) == ["a", "b", "c"]


def test_many_lost_attempts_are_found_in_several_calls(lab: Lab) -> None:
    lab.put(250)
    lab.claim(most=250)
    lab.pass_time(HOUR)

    counts = [len(lab.sweep(100).lost) for _ in range(4)]

    assert counts == [100, 100, 50, 0]


def test_a_stale_entry_of_another_account_is_only_tidied_up(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claim(account("a"))
    lab.defer(deferred(message_id))
    lab.claim(account("b"))
    lab.raw.zadd(keys.OPEN + "a", {message_id: 1, "nobody": 1})

    assert lab.sweep().lost == []
    assert (lab.status(message_id), lab.open("a")) == ("submitting", {})


def test_a_stale_entry_of_a_settled_message_is_only_tidied_up(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claim()
    lab.settle(settled(message_id))
    lab.raw.zadd(keys.OPEN + "a", {message_id: 1})
    before = lab.record(message_id)

    assert lab.sweep().lost == []
    assert (lab.record(message_id), lab.open()) == (before, {})


def test_a_sweep_of_an_idle_store_does_nothing(lab: Lab) -> None:
    found = lab.sweep()

    assert (found.rings, found.lost) == (0, [])
    assert lab.raw.llen(jobs.queue("otp")) == 0


def test_a_lost_ring_is_mended(lab: Lab) -> None:
    lab.put(1)
    lab.raw.delete(jobs.queue("notice"))
    lab.pass_time(1000)

    assert lab.sweep().rings == 1
    assert lab.rings() == 1
