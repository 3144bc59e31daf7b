"""What only looks: how much lies where, what happened, and how fast."""

from worker.contract import keys
from worker.contract.status import Stream
from worker.store.feed import emit
from worker.store.gauges import Tally, depths, tally

from .conftest import HOUR, MINUTE, Lab, settled

SPAN = 2000


def look(lab: Lab, place: str = "0-0", most: int = 1000, measured: int = 100) -> Tally:
    return lab.run(tally(place, most, measured=measured, span=SPAN))


def total(found: Tally) -> dict[tuple[str, str], int]:
    """Counts by type and account, whatever slot they fell into."""
    sums: dict[tuple[str, str], int] = {}
    for each in found.counts:
        sums[each.type, each.account] = sums.get((each.type, each.account), 0) + each.count
    return sums


def taken(lab: Lab, message_id: str) -> None:
    assert lab.settle(settled(message_id, vendor_message_id=f"v-{message_id}")) == [True]


def test_an_empty_store_has_nothing_anywhere(lab: Lab) -> None:
    found = lab.run(depths())

    assert abs(found.now - lab.now()) < MINUTE
    assert (found.waiting, found.due, found.overdue, found.unknown, found.dead) == (0, 0, 0, 0, 0)
    assert (found.spool, found.unreadable) == (0, 0)
    assert {each.ready for each in found.streams.values()} == {0}
    nothing = look(lab)
    assert nothing == Tally(nothing.now, "0-0", 0, [], [])


def test_each_thing_is_counted_where_it_lies(lab: Lab) -> None:
    lab.put(3)
    lab.put(2, stream="otp")
    lab.put(due=lab.now() + HOUR)
    lab.unknown(stream="marketing")
    lab.raw.xadd(keys.SPOOL, {"x": "y"})
    lab.raw.xadd(keys.UNREADABLE, {"x": "y"})
    lab.raw.zadd(keys.DEAD, {"gone": 1})

    found = lab.run(depths())

    assert [found.streams[each].ready for each in Stream] == [2, 3, 0]
    assert found.streams[Stream.OTP].rings >= 1
    assert (found.waiting, found.unknown, found.dead) == (1, 1, 1)
    assert (found.spool, found.unreadable, found.overdue) == (1, 1, 0)
    assert 0 < found.due - found.now <= HOUR


def test_the_first_ready_message_says_since_when(lab: Lab) -> None:
    lab.put()
    lab.pass_time(MINUTE)
    lab.put()

    found = lab.run(depths())

    assert MINUTE <= found.now - found.streams[Stream.NOTICE].since < 2 * MINUTE


def test_what_was_cancelled_at_the_head_of_a_list_has_no_age(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.cancel(message_id)

    assert lab.run(depths()).streams[Stream.NOTICE].since == 0


def test_what_should_have_been_released_is_overdue(lab: Lab) -> None:
    lab.put(2, due=lab.now() + MINUTE)
    lab.pass_time(2 * MINUTE)

    found = lab.run(depths())

    assert (found.waiting, found.overdue) == (2, 2)
    assert found.due < found.now


def test_events_are_counted_by_slot_type_and_account(lab: Lab) -> None:
    one, two, three = lab.put(3)
    lab.claimed()
    taken(lab, one)
    taken(lab, two)
    lab.settle(settled(three, status="rejected"))
    lab.run(emit("balance.low", {"account": "b"}))

    found = look(lab)

    assert found.events == 7
    assert total(found) == {
        ("accepted", ""): 3,
        ("submitted", "a"): 2,
        ("rejected", "a"): 1,
        ("balance.low", "b"): 1,
    }
    newest = found.now // SPAN
    assert all(newest - 30 <= each.slot <= newest for each in found.counts)


def test_counting_goes_on_where_it_ended(lab: Lab) -> None:
    lab.put(5)
    first = look(lab, most=3)
    second = look(lab, first.place, most=3)
    assert (first.events, second.events) == (3, 2)

    assert look(lab, second.place).events == 0
    assert look(lab, second.place).place == second.place
    lab.put()
    assert total(look(lab, second.place)) == {("accepted", ""): 1}


def test_times_are_measured_from_the_record(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.pass_time(10_000)
    lab.claimed()
    lab.pass_time(1000)
    taken(lab, message_id)
    lab.pass_time(4000)
    lab.settle(settled(message_id, status="delivered"))

    times = {each.what: each for each in look(lab).times}

    assert 11_000 <= times["taken"].ms < 12_000 + MINUTE
    assert 1000 <= times["answer"].ms < times["taken"].ms
    assert 4000 <= times["report"].ms < 4000 + MINUTE
    assert {each.account for each in times.values()} == {"a"}


def test_a_wait_that_was_asked_for_is_not_our_delay(lab: Lab) -> None:
    message_id = lab.put_one(due=lab.now() + HOUR)
    lab.pass_time(HOUR)
    lab.release()
    lab.claimed()
    taken(lab, message_id)

    (time,) = (each for each in look(lab).times if each.what == "taken")
    assert time.ms < HOUR / 2


def test_only_some_messages_are_looked_up(lab: Lab) -> None:
    for message_id in lab.put(5):
        lab.claimed()
        taken(lab, message_id)

    found = look(lab, measured=2)

    assert len([each for each in found.times if each.what == "taken"]) == 2
    assert total(found)["submitted", "a"] == 5


def test_a_message_whose_record_is_gone_is_still_counted(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claimed()
    taken(lab, message_id)
    lab.raw.delete(keys.message(message_id))

    found = look(lab)

    assert total(found)["submitted", "a"] == 1
    assert found.times == []


def test_looking_changes_nothing(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claimed()
    taken(lab, message_id)
    before = {key: lab.raw.dump(key) for key in sorted(lab.raw.keys())}

    look(lab)
    lab.run(depths())

    assert {key: lab.raw.dump(key) for key in sorted(lab.raw.keys())} == before
