"""Dead letters, what stays unknown, and what it takes to explain a message."""

from worker.contract import keys
from worker.store import care

from .conftest import DAY, HOUR, MINUTE, Lab, deferred, settled, trail


def dead_letter(lab: Lab, **fields: object) -> str:
    message_id = lab.put_one(**fields)
    assert lab.claimed() == [message_id]
    lab.settle(settled(message_id, status="rejected", code="106", reason="no such number"))
    return message_id


def listed(lab: Lab, since: int = 0, offset: int = 0, most: int = 500) -> list[str]:
    return [each for each, _ in lab.run(care.dead(since, offset, most)).messages]


def replay(lab: Lab, message_id: str, new_id: str) -> bool:
    return lab.run(care.replay(message_id, new_id, validity=60, retention=60))


def test_what_ended_untaken_is_a_dead_letter(lab: Lab) -> None:
    rejected = dead_letter(lab)
    lab.pass_time(MINUTE)
    expired = lab.put_one(validity=1)
    lab.pass_time(2)
    lab.claim()
    sent = lab.put_one()
    lab.claim()
    lab.settle(settled(sent))

    assert listed(lab) == [expired, rejected]
    assert listed(lab, since=lab.now() - MINUTE // 2) == [expired]


def test_pages_follow_each_other_while_new_ones_come(lab: Lab) -> None:
    ids = []
    for _ in range(5):
        ids.append(dead_letter(lab))
        lab.pass_time(10)

    first = lab.run(care.dead(0, 0, 3))
    lab.pass_time(10)
    newer = dead_letter(lab)
    second = lab.run(care.dead(0, 3, 3, until=first.now - 10))

    assert [each for each, _ in first.messages] == ids[:1:-1]
    assert [each for each, _ in second.messages] == ids[1::-1]
    assert (first.last, second.last) == (False, True)
    assert listed(lab)[0] == newer


def test_letters_whose_record_is_gone_leave_the_list_as_new_ones_come(lab: Lab) -> None:
    gone = [dead_letter(lab) for _ in range(4)]
    for each in gone:
        lab.raw.delete(keys.message(each))

    alive = [dead_letter(lab) for _ in range(2)]

    assert {each.decode() for each in lab.raw.zrange(keys.DEAD, 0, -1)} == set(alive)


def test_a_page_drops_letters_whose_record_is_gone(lab: Lab) -> None:
    gone, alive = dead_letter(lab), dead_letter(lab)
    lab.raw.delete(keys.message(gone))

    assert listed(lab) == [alive]
    assert lab.raw.zcard(keys.DEAD) == 1


def test_a_replay_says_the_same_as_a_new_message(lab: Lab) -> None:
    message_id = dead_letter(lab, tag="parcel", pin="a")
    rings, before = lab.rings(), lab.record(message_id)

    assert replay(lab, message_id, "new")

    old, new = lab.record(message_id), lab.record("new")
    assert (new.to, new.content, new.alias) == (old.to, before.content, old.alias)
    assert (new.tag, new.pin, new.sign) == (old.tag, old.pin, old.sign)
    assert old.content == "", "who replays it has no more use for it"
    assert (new.status, new.attempt, new.expires) == ("accepted", 0, new.created + MINUTE)
    assert trail(old)[-1][1:4] == ["replayed", "", "as new"]
    assert trail(new)[0][1:4] == ["accepted", "", f"replay of {message_id}"]
    assert lab.ready() == ["new"]
    assert listed(lab) == []
    assert lab.rings() == rings + 1
    lab.check()


def test_a_letter_is_replayed_once(lab: Lab) -> None:
    message_id = dead_letter(lab)

    answers = [replay(lab, message_id, "one"), replay(lab, message_id, "two")]

    assert answers == [True, False]
    assert lab.ready() == ["one"]


def test_a_replay_whose_answer_was_lost_says_yes_again(lab: Lab) -> None:
    message_id = dead_letter(lab)

    answers = [replay(lab, message_id, "one"), replay(lab, message_id, "one")]

    assert answers == [True, True]
    assert lab.ready() == ["one"]


def test_only_a_dead_letter_is_replayed(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claim()
    lab.settle(settled(message_id))

    assert not replay(lab, message_id, "new")
    assert not replay(lab, "nobody", "new")
    assert lab.ready() == []


def test_a_wait_says_until_when(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claim()

    lab.defer(deferred(message_id, wait="5000", code="http 503", reason="out of service"))

    found = lab.record(message_id)
    assert trail(found)[-1][3:] == ["http 503\nout of service", found.updated + 5000]


def test_what_stays_unknown_is_on_the_list_until_its_record_is_gone(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claim()
    lab.settle(settled(message_id, status="unknown"))
    lab.run(care.look(message_id, 1, None, "stays so"))

    lab.pass_time(DAY)
    assert lab.run(care.unknowns(10, 90)).messages == []
    assert lab.raw.zcard(keys.UNKNOWN) == 1

    lab.pass_time(8 * DAY)
    assert lab.run(care.unknowns(10, 90)).messages == []
    assert lab.raw.zcard(keys.UNKNOWN) == 0


def test_a_message_is_explained_with_what_the_lists_know(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claim()
    lab.settle(settled(message_id, status="unknown"))
    lab.run(care.trip("a", 60, 900, "failing"))
    soon = lab.run(care.explain(message_id, ["a", "b"]))
    lab.run(care.look(message_id, 1, None, "stays so"))
    never = lab.run(care.explain(message_id, ["a", "b"]))

    assert soon is not None
    assert never is not None
    assert soon.record.status == "unknown"
    assert soon.now < soon.look < soon.now + MINUTE
    assert never.look == 0
    assert not soon.dead
    assert soon.down == {"a": (soon.down["a"][0], "failing")}
    assert soon.now < soon.down["a"][0] <= soon.now + HOUR
    assert lab.run(care.explain("nobody", [])) is None


def test_a_dead_letter_is_explained_as_one(lab: Lab) -> None:
    found = lab.run(care.explain(dead_letter(lab), []))

    assert found is not None
    assert (found.dead, found.look, found.down) == (True, 0, {})
