"""Accept: a message is stored whole or not at all, once, and somebody is told."""

import json

import pytest

from worker.contract import jobs, keys
from worker.store.acts import Accepted

from .conftest import DAY, HOUR, MINUTE, NUMBER, Lab, accept, entry

WEEK = 7 * DAY


def test_a_message_is_stored_whole(lab: Lab) -> None:
    before = lab.now()

    answers = lab.accept(entry("m1", stream="otp", template="code", pin="a", tag="shop"))

    found = lab.record("m1")
    assert answers == [Accepted("m1", "stored")]
    assert (found.status, found.stream, found.to) == ("accepted", "otp", NUMBER)
    assert (found.template, found.pin, found.tag) == ("code", "a", "shop")
    assert (found.length, found.segments, found.content) == (2, 1, '{"text":"验证"}')
    assert before <= found.created == found.updated <= lab.now()
    assert (found.due, found.expires) == (0, found.created + HOUR)
    assert (found.attempt, found.attempts, found.waits, found.deadline) == (0, 0, 0, 0)
    assert lab.ready("otp") == ["m1"]
    assert lab.waiting() == {}
    assert lab.rings("otp") == 1


def test_the_ring_is_an_envelope_of_the_stream_and_carries_no_number(lab: Lab) -> None:
    message_id = lab.put_one(stream="otp")

    (packed,) = lab.raw.lrange(jobs.queue("otp"), 0, -1)

    ring = json.loads(packed)
    assert json.loads(ring["body"])[0] == ["otp"]
    assert ring["headers"]["task"] == "sms.submit"
    assert ring["headers"]["id"] == ring["properties"]["delivery_tag"]
    assert ring["headers"]["id"].startswith("ring-")
    assert ring["properties"]["delivery_info"]["routing_key"] == "sms.otp"
    assert b"<" not in packed
    assert lab.record(message_id).to.removeprefix("+86").encode() not in packed


def test_many_messages_are_stored_in_one_call_in_order(lab: Lab) -> None:
    ids = lab.put(1000)

    assert lab.ready() == ids
    assert lab.rings() == 1
    assert all(lab.record(each).status == "accepted" for each in (ids[0], ids[500], ids[-1]))


def test_one_call_may_serve_several_streams_each_with_its_ring(lab: Lab) -> None:
    lab.accept(entry("m1", stream="otp"), entry("m2"), entry("m3", stream="otp"))

    assert (lab.ready("otp"), lab.ready("notice")) == (["m1", "m3"], ["m2"])
    assert (lab.rings("otp"), lab.rings("notice")) == (1, 1)


def test_a_scheduled_message_waits_without_a_ring(lab: Lab) -> None:
    due = lab.now() + MINUTE

    lab.accept(entry("m1", due=due))

    found = lab.record("m1")
    assert (found.status, found.due, found.expires) == ("scheduled", due, due + HOUR)
    assert lab.waiting() == {"m1": due}
    assert lab.ready() == []
    assert lab.rings() == 0


@pytest.mark.parametrize("due", [1, -1, -5 * DAY * 365 * 20])
def test_a_time_that_is_over_means_at_once(lab: Lab, due: int) -> None:
    lab.accept(entry("m1", due=due))

    found = lab.record("m1")
    assert (found.status, found.due, found.expires) == ("accepted", 0, found.created + HOUR)
    assert lab.ready() == ["m1"]


def test_a_key_seen_before_gives_the_first_id_and_stores_nothing(lab: Lab) -> None:
    lab.accept(entry("m1", key="order-1"))

    answers = lab.accept(entry("m2", key="order-1"))

    assert answers == [Accepted("m1", "duplicate")]
    assert lab.ready() == ["m1"]
    assert not lab.raw.exists(keys.message("m2"))


def test_a_key_that_comes_back_with_another_content_conflicts(lab: Lab) -> None:
    lab.accept(entry("m1", key="order-1"))

    answers = lab.accept(entry("m2", key="order-1", digest="another"))

    assert answers == [Accepted("m1", "conflict")]
    assert lab.ready() == ["m1"]


def test_keys_count_within_one_call_too(lab: Lab) -> None:
    answers = lab.accept(
        entry("m1", key="order-1"),
        entry("m2", key="order-1"),
        entry("m3", key="order-1", digest="another"),
        entry("m4", key="order-2"),
        entry("m5"),
        entry("m6"),
    )

    assert [each.state for each in answers] == [
        *("stored", "duplicate", "conflict", "stored", "stored", "stored")
    ]
    assert [each.id for each in answers] == ["m1", "m1", "m1", "m4", "m5", "m6"]
    assert lab.ready() == ["m1", "m4", "m5", "m6"]


def test_a_key_with_odd_characters_is_a_key(lab: Lab) -> None:
    key = "订单 1 <stream> % \\ \" '\n!="

    first = lab.accept(entry("m1", key=key))
    second = lab.accept(entry("m2", key=key))

    assert (first, second) == ([Accepted("m1", "stored")], [Accepted("m1", "duplicate")])


def test_the_same_ids_again_change_nothing(lab: Lab) -> None:
    batch = [entry("m1", key="order-1"), entry("m2"), entry("m3", due=lab.now() + MINUTE)]
    first = lab.run(accept(batch))
    lab.claimed()
    before = [lab.record(each.id) for each in batch]

    second = lab.run(accept(batch))  # the first answer was lost on its way

    assert second == first
    assert [lab.record(each.id) for each in batch] == before
    assert lab.ready() == []
    assert list(lab.waiting()) == ["m3"]


def test_a_record_outlives_its_validity_by_the_retention(lab: Lab) -> None:
    lab.accept(entry("m1"), entry("m2", due=lab.now() + DAY))

    kept = [lab.raw.pttl(keys.message(each)) for each in ("m1", "m2")]

    assert kept[0] == pytest.approx(HOUR + WEEK, abs=5000)
    assert kept[1] == pytest.approx(DAY + HOUR + WEEK, abs=5000)


def test_a_key_is_forgotten_after_its_day(lab: Lab) -> None:
    lab.accept(entry("m1", key="order-1"))

    assert lab.raw.pttl(keys.ONCE + "order-1") == pytest.approx(DAY, abs=5000)
    lab.pass_time(DAY + 1)
    assert lab.accept(entry("m2", key="order-1")) == [Accepted("m2", "stored")]


def test_the_life_of_a_record_does_not_grow_with_its_steps(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.raw.pexpire(keys.message(message_id), MINUTE)

    lab.claimed()
    lab.defer(*[])
    lab.cancel(message_id)

    assert 0 < lab.raw.pttl(keys.message(message_id)) <= MINUTE
