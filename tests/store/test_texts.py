"""What several messages say: stored once, there as long as one of them needs it."""

from worker.contract import keys
from worker.contract.record import content
from worker.contract.status import Status
from worker.store import acts, care

from .conftest import HOUR, Lab, entry, settled

LONG = '{"text":"您的订单已经发货，请注意查收，感谢您的支持和信任。"}'.encode()
OTHER = '{"text":"您的退款已经到账，请注意查收，感谢您的支持和信任。"}'.encode()


def texts(lab: Lab) -> list[bytes]:
    return [lab.raw.get(key) for key in lab.raw.keys(f"{keys.TEXT}*")]


def test_messages_of_one_call_that_say_the_same_share_their_text(lab: Lab) -> None:
    lab.accept(entry("m1", content=LONG), entry("m2", content=OTHER), entry("m3", content=LONG))

    found = dict(lab.claim().messages)

    assert texts(lab) == [LONG]
    assert [content(found[each]).text[:4] for each in ("m1", "m2", "m3")] == [
        "您的订单",
        "您的退款",
        "您的订单",
    ]


def test_a_campaign_needs_a_fraction_of_the_memory_of_distinct_texts(lab: Lab) -> None:
    lab.raw.set(keys.EVENTS_KEPT, 0)
    lab.accept(*(entry(f"a{number:025d}", content=LONG) for number in range(1000)))
    shared = lab.raw.memory_usage(f"{keys.MESSAGE}a{7:025d}")
    lab.accept(*(entry(f"b{number:025d}", content=LONG + b" " * number) for number in range(1000)))
    own = lab.raw.memory_usage(f"{keys.MESSAGE}b{7:025d}")

    assert isinstance(shared, int)
    assert isinstance(own, int)
    assert own - shared > len(LONG) / 2


def test_a_text_that_one_message_says_or_that_is_short_stays_in_its_record(lab: Lab) -> None:
    lab.accept(entry("m1", content=LONG), entry("m2"), entry("m3"))

    assert texts(lab) == []
    assert content(dict(lab.claim().messages)["m1"]).text.startswith("您的订单")


def test_a_shared_text_lives_as_long_as_the_longest_of_its_messages(lab: Lab) -> None:
    lab.accept(*(entry(each, content=LONG, validity=HOUR) for each in ("m1", "m2")))
    lab.accept(*(entry(each, content=LONG, validity=50 * HOUR) for each in ("m3", "m4")))
    lab.accept(*(entry(each, content=LONG, validity=HOUR) for each in ("m5", "m6")))

    (key,) = lab.raw.keys(f"{keys.TEXT}*")
    left = lab.raw.pttl(key) - lab.raw.pttl(f"{keys.MESSAGE}m3")

    assert abs(left) < HOUR


def test_a_dead_letter_keeps_its_shared_text_through_a_replay(lab: Lab) -> None:
    lab.accept(entry("m1", content=LONG), entry("m2", content=LONG))
    lab.claim()
    lab.settle(settled("m1", status="rejected"))

    assert lab.run(care.replay("m1", "m9", validity=3600, retention=7 * 86400))
    (again,) = lab.claim().messages

    assert again[0] == "m9"
    assert again[1].status is Status.SUBMITTING
    assert content(again[1]).text.startswith("您的订单")


def test_a_message_whose_shared_text_is_gone_says_nothing_and_is_not_made_up(lab: Lab) -> None:
    lab.accept(entry("m1", content=LONG), entry("m2", content=LONG))
    lab.raw.delete(*lab.raw.keys(f"{keys.TEXT}*"))

    assert [content(each).text for _, each in lab.claim().messages] == ["", ""]
    assert not lab.run(care.replay("m1", "m9", validity=3600, retention=86400))


def test_a_call_that_stores_nothing_new_changes_nothing(lab: Lab) -> None:
    both = [entry("m1", content=LONG), entry("m2", content=LONG)]
    lab.accept(*both)
    lab.accept(*both)
    lab.accept(entry("m3", key="k"), entry("m4", key="l"))
    lab.accept(*(entry(each, key=key, content=LONG) for each, key in (("m5", "k"), ("m6", "l"))))

    assert [each for each, _ in lab.claim().messages] == ["m1", "m2", "m3", "m4"]
    assert [each is None for each in lab.run(acts.find(["m1", "m2"]))] == [False, False]
