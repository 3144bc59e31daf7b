"""The doorbell: work is never without a ring for long, and rings never pile up."""

from worker.contract import jobs, keys
from worker.contract.status import Stream
from worker.store import acts

from .conftest import MINUTE, Lab, account, deferred


def awake(lab: Lab, stream: str = "notice") -> bool:
    return bool(lab.raw.exists(keys.AWAKE + stream))


def test_a_hundred_accepts_in_a_second_ring_once(lab: Lab) -> None:
    for _ in range(100):
        lab.put(1)

    assert lab.rings() == 1


def test_a_second_later_it_rings_again(lab: Lab) -> None:
    lab.put(1)
    lab.pass_time(1000)

    lab.put(1)

    assert lab.rings() == 2


def test_no_more_than_four_rings_wait_in_the_queue(lab: Lab) -> None:
    for _ in range(10):
        lab.put(1)
        lab.pass_time(1000)

    assert lab.rings() == 4


def test_every_ring_has_an_id_of_its_own(lab: Lab) -> None:
    for _ in range(4):
        lab.put(1)
        lab.pass_time(1000)

    assert len(set(lab.raw.lrange(jobs.queue("notice"), 0, -1))) == 4


def test_nothing_rings_while_a_pump_is_awake(lab: Lab) -> None:
    lab.put(2)
    lab.raw.delete(jobs.queue("notice"))
    lab.claim(most=1)

    lab.put(1)

    assert awake(lab)
    assert lab.rings() == 0


def test_a_pump_that_empties_the_list_is_asleep_for_the_next_accept(lab: Lab) -> None:
    lab.put(3)
    lab.raw.delete(jobs.queue("notice"))

    left = lab.claim().left
    asleep = not awake(lab)
    lab.put(1)

    assert left == 0
    assert asleep
    assert lab.rings() == 1


def test_a_pump_that_died_awake_is_missed_within_a_second(lab: Lab) -> None:
    lab.put(2)
    lab.raw.delete(jobs.queue("notice"))
    lab.claim(most=1)
    early = lab.sweep().rings

    lab.pass_time(1000)
    late = lab.sweep().rings

    assert (early, late, lab.rings()) == (0, 1, 1)


def test_the_sweep_rings_for_forgotten_work_of_each_stream(lab: Lab) -> None:
    lab.put(1, stream="otp")
    lab.put(1, stream="marketing")
    for stream in Stream:
        lab.raw.delete(jobs.queue(stream), keys.AWAKE + stream)

    rings = lab.sweep().rings

    assert rings == 2
    assert [lab.rings(stream) for stream in Stream] == [1, 0, 1]


def test_a_pump_that_ends_with_work_left_rings_at_once(lab: Lab) -> None:
    lab.put(2)
    lab.claim(most=1)

    assert lab.run(acts.ring(Stream.NOTICE)) == 1
    assert lab.run(acts.ring(Stream.OTP)) == 0
    assert lab.rings() == 2


def test_a_ring_for_what_will_be_due_in_a_moment(lab: Lab) -> None:
    lab.put(1, due=lab.now() + MINUTE)
    early = lab.run(acts.ring(Stream.NOTICE))
    lab.pass_time(MINUTE - 500)

    assert (early, lab.run(acts.ring(Stream.NOTICE))) == (0, 1)


def test_a_big_backlog_calls_for_help_four_times_a_second(lab: Lab) -> None:
    lab.put(100)
    lab.raw.delete(jobs.queue("notice"))

    lab.claim(most=10)
    lab.claim(most=10)
    first = lab.rings()
    lab.pass_time(250)
    lab.claim(most=10)

    assert (first, lab.rings()) == (1, 2)


def test_a_small_backlog_or_a_busy_account_calls_for_no_help(lab: Lab) -> None:
    lab.put(29)
    lab.raw.delete(jobs.queue("notice"))

    lab.claim(most=10)
    lab.claim(account(concurrency=1), most=1)
    lab.claim(account(concurrency=1), most=1)

    assert lab.rings() == 0


def test_a_message_deferred_to_now_rings_one_deferred_to_later_does_not(lab: Lab) -> None:
    first, second = lab.put(2)
    lab.claimed()
    lab.raw.delete(jobs.queue("notice"))

    lab.defer(deferred(first, wait="5000"))
    quiet = lab.rings()
    lab.defer(deferred(second, wait="0"))

    assert (quiet, lab.rings()) == (0, 1)


def test_the_release_rings_for_each_stream_that_got_work(lab: Lab) -> None:
    due = lab.now() + MINUTE
    lab.put(2, stream="otp", due=due)
    lab.put(2, due=due)
    lab.pass_time(MINUTE + 1)

    lab.release()

    assert [lab.rings(stream) for stream in Stream] == [1, 1, 0]
