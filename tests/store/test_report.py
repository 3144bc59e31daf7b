"""Reports: each finds its message, or waits for it; forward only, and never another's."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from worker.contract import keys
from worker.contract.recipient import mask
from worker.contract.status import FINAL, FOLLOWS, Status
from worker.store import arrivals, care
from worker.store.arrivals import Report

from .conftest import ALIAS, DAY, MINUTE, NUMBER, Lab, account, deferred, settled, trail

MEMORY = 72 * 3600.0
EARLY = f"{keys.EARLY}a:{ALIAS}"


def report(vendor_id: str = "v1", status: str = "delivered", **more: Any) -> Report:
    plain: dict[str, Any] = {"account": "a", "to": NUMBER, "code": "DELIVRD", "reason": ""}
    return Report(vendor_message_id=vendor_id, status=Status(status), **(plain | more))


def take_in(lab: Lab, *items: Report) -> list[tuple[str, str]]:
    return [(str(verdict), found) for verdict, found in take_in_all(lab, *items)]


def take_in_all(lab: Lab, *items: Report) -> list[tuple[arrivals.Verdict, str]]:
    return [(each.verdict, each.id) for each in lab.run(arrivals.report(items, memory=MEMORY))]


def look(lab: Lab) -> list[str]:
    """Look at every unknown message now; return those that nobody has heard of."""
    for each in lab.raw.zrange(keys.UNKNOWN, 0, -1):
        lab.raw.zadd(keys.UNKNOWN, {each: 0})
    return [message_id for message_id, _ in lab.run(care.unknowns(50, 90.0)).messages]


def attempt(lab: Lab, *, name: str = "a", **fields: Any) -> str:
    """A message whose submit is open."""
    message_id = lab.put_one(**({"to": NUMBER} | fields))
    assert lab.claimed(account(name)) == [message_id]
    return message_id


def submitted(lab: Lab, vendor_id: str = "v1", **fields: Any) -> str:
    message_id = attempt(lab, **fields)
    lab.settle(settled(message_id, vendor_message_id=vendor_id))
    return message_id


def lost(lab: Lab, **fields: Any) -> str:
    """A message whose answer was lost."""
    message_id = attempt(lab, **fields)
    lab.settle(settled(message_id, status="unknown"))
    return message_id


# Matching by the vendor's id and the number


@pytest.mark.parametrize("status", ["delivered", "undelivered", "rejected"])
def test_a_report_moves_its_message_on(lab: Lab, status: str) -> None:
    message_id = submitted(lab)

    answers = take_in(lab, report(status=status, code="X:1", reason="because"))

    found = lab.record(message_id)
    assert answers == [("applied", message_id)]
    assert (found.status, found.code, found.reason) == (status, "X:1", "because")
    assert trail(found)[-1][1:4] == [status, "a", "X:1\nbecause"]
    lab.check()


def test_one_id_for_many_numbers_is_told_apart_by_the_number(lab: Lab) -> None:
    ids = lab.put(3)
    lab.claimed()
    lab.settle(*(settled(each, vendor_message_id="batch") for each in ids))
    numbers = [lab.record(each).to for each in ids]

    take_in(lab, report("batch", to=numbers[1]), report("batch", "undelivered", to=numbers[2]))

    assert [lab.status(each) for each in ids] == ["submitted", "delivered", "undelivered"]


def test_of_several_messages_to_one_number_each_has_its_own_report(lab: Lab) -> None:
    first, second, third = (submitted(lab, each) for each in ("v1", "v2", "v3"))

    answers = take_in(lab, report("v2"), report("v3", "undelivered"), report("v1"))

    assert answers == [("applied", second), ("applied", third), ("applied", first)]


def test_a_report_of_another_account_with_the_same_id_says_nothing(lab: Lab) -> None:
    message_id = submitted(lab)

    assert take_in(lab, report(account="b")) == [("early", "")]

    assert lab.status(message_id) == "submitted"


def test_our_own_id_is_found_without_a_number(lab: Lab) -> None:
    message_id = attempt(lab)
    lab.settle(settled(message_id, vendor_message_id=message_id))

    assert take_in(lab, report(message_id, to="")) == [("applied", message_id)]


def test_our_own_id_with_another_number_or_account_is_not_meant(lab: Lab) -> None:
    message_id = submitted(lab)

    take_in(lab, report(message_id, to="+8613900000001"), report(message_id, to="", account="b"))

    assert lab.status(message_id) == "submitted"


def test_doubled_and_older_reports_change_nothing(lab: Lab) -> None:
    message_id = submitted(lab)
    take_in(lab, report())
    before = lab.record(message_id)

    answers = take_in(lab, report(), report(status="undelivered"), report(status="submitted"))

    assert answers == [("late", message_id)] * 3
    assert lab.record(message_id) == before


def test_of_the_reports_on_the_parts_of_a_long_text_the_first_final_one_counts(lab: Lab) -> None:
    message_id = submitted(lab)

    take_in(lab, report(status="submitted"), report(status="undelivered"), report())

    assert lab.status(message_id) == "undelivered"


def test_a_report_that_is_not_final_leaves_its_code_on_a_submitted_message_once(lab: Lab) -> None:
    message_id = submitted(lab)
    before = lab.record(message_id)
    vague = report(status="submitted", code="MO:0254", reason="nobody knows")

    assert take_in(lab, vague, vague) == [("applied", message_id), ("late", message_id)]

    found = lab.record(message_id)
    assert (found.status, found.code, found.reason) == ("submitted", "MO:0254", "nobody knows")
    assert [step[1] for step in trail(found)] == ["submitting", "submitted", "submitted"]
    assert found.updated == before.updated, "reports are waited for from the submit on"
    assert take_in(lab, report()) == [("applied", message_id)]
    assert (lab.status(message_id), lab.record(message_id).code) == ("delivered", "DELIVRD")


def test_a_report_on_a_message_that_is_gone_is_not_given_to_another(lab: Lab) -> None:
    gone = submitted(lab, "v1")
    lab.raw.delete(keys.message(gone))
    other = lost(lab)

    assert take_in(lab, report("v1")) == [("late", gone)]

    assert lab.status(other) == "unknown"


# Before the answer to the submit


def test_a_report_before_the_answer_waits_for_it(lab: Lab) -> None:
    message_id = attempt(lab)

    answers = take_in(lab, report(code="MK:1", reason="off", status="undelivered"))
    assert answers == [("early", "")]
    assert lab.status(message_id) == "submitting"
    lab.settle(settled(message_id, vendor_message_id="v1"))

    found = lab.record(message_id)
    assert (found.status, found.code, found.reason) == ("undelivered", "MK:1", "off")
    assert [step[1] for step in trail(found)] == ["submitting", "submitted", "undelivered"]
    assert not lab.raw.exists(EARLY)
    lab.check()


def test_it_is_kept_for_three_days(lab: Lab) -> None:
    take_in(lab, report())

    assert lab.raw.pttl(EARLY) == pytest.approx(3 * DAY, abs=5000)


def test_the_first_final_one_is_kept_and_one_that_is_not_final_makes_way(lab: Lab) -> None:
    message_id = attempt(lab)

    answers = take_in(
        lab,
        report(status="submitted"),
        report(status="delivered"),
        report(status="undelivered"),
        report(status="submitted"),
    )
    lab.settle(settled(message_id, vendor_message_id="v1"))

    assert [verdict for verdict, _ in answers] == ["early", "early", "late", "late"]
    assert lab.status(message_id) == "delivered"


def test_each_answer_takes_its_own_early_report(lab: Lab) -> None:
    one, two = attempt(lab), attempt(lab)

    take_in(lab, report("v2", "undelivered"), report("v1"))
    lab.settle(settled(one, vendor_message_id="v1"), settled(two, vendor_message_id="v2"))

    assert (lab.status(one), lab.status(two)) == ("delivered", "undelivered")


def test_with_our_own_id_a_report_overtakes_the_answer(lab: Lab) -> None:
    message_id = attempt(lab)

    assert take_in(lab, report(message_id, to="")) == [("applied", message_id)]
    assert lab.open() == {}
    lab.settle(settled(message_id, vendor_message_id=message_id))

    found = lab.record(message_id)
    assert (found.status, found.vendor_message_id) == ("delivered", message_id)
    lab.check()


def test_reports_that_nobody_asks_for_do_not_pile_up(lab: Lab) -> None:
    for place in range(5):
        take_in(lab, report(f"v{place}"))
    old = lab.run(arrivals.report([report("v9")], memory=-1.0))

    assert old == [("early", "", None, "")]
    assert lab.raw.hlen(EARLY) <= 1


# After the answer was lost


@pytest.mark.parametrize("status", ["delivered", "undelivered", "rejected"])
def test_a_report_ends_a_message_whose_answer_was_lost(lab: Lab, status: str) -> None:
    message_id = lost(lab)

    assert take_in(lab, report("v7", status)) == [("applied", message_id)]

    found = lab.record(message_id)
    assert (found.status, found.vendor_message_id) == (status, "v7")
    assert lab.raw.zscore(keys.UNKNOWN, message_id) is None
    assert not lab.raw.exists(EARLY)
    lab.check()


def test_so_does_one_that_came_before_it_was_lost(lab: Lab) -> None:
    message_id = attempt(lab)
    take_in(lab, report("v7"))
    lab.settle(settled(message_id, status="unknown"))

    assert look(lab) == []

    assert lab.status(message_id) == "delivered"
    assert lab.raw.zcard(keys.UNKNOWN) == 0


def test_a_report_that_is_not_final_makes_it_submitted_and_the_final_one_still_finds_it(
    lab: Lab,
) -> None:
    message_id = lost(lab)

    take_in(lab, report("v7", "submitted"))
    assert lab.status(message_id) == "submitted"
    take_in(lab, report("v7", "undelivered"))

    assert lab.status(message_id) == "undelivered"


def test_its_second_report_is_not_given_to_another_message(lab: Lab) -> None:
    message_id = lost(lab)
    take_in(lab, report("v7"))
    other = lost(lab)

    assert take_in(lab, report("v7")) == [("late", message_id)]

    assert lab.status(other) == "unknown"


def test_a_report_older_than_the_attempt_is_about_something_else(lab: Lab) -> None:
    take_in(lab, report("v7", came=lab.now() - MINUTE))
    message_id = lost(lab)
    take_in(lab, report("v8", came=lab.now() - MINUTE))

    assert look(lab) == [message_id]

    assert lab.status(message_id) == "unknown"


def test_a_report_of_another_account_does_not_end_it(lab: Lab) -> None:
    message_id = lost(lab)

    take_in(lab, report("v7", account="b"), report("v8", to="+8613900000001"))

    assert look(lab) == [message_id]
    assert lab.status(message_id) == "unknown"


def test_a_report_that_may_be_the_first_word_of_a_second_message_waits(lab: Lab) -> None:
    first = lost(lab)
    second = attempt(lab)

    assert take_in(lab, report("v2")) == [("early", "")]
    assert look(lab) == [], "it is looked at again, and not given up"
    lab.settle(settled(second, vendor_message_id="v2"))

    assert (lab.status(first), lab.status(second)) == ("unknown", "delivered")


def test_what_the_second_message_leaves_is_the_first_ones(lab: Lab) -> None:
    first = lost(lab)
    second = attempt(lab)
    take_in(lab, report("v1", "undelivered"))
    due = lab.raw.zscore(keys.UNKNOWN, first)

    lab.settle(settled(second, vendor_message_id="v2"))
    assert look(lab) == []

    assert due is not None
    assert due <= lab.now() + 5000
    assert (lab.status(first), lab.status(second)) == ("undelivered", "submitted")


def test_one_report_for_two_lost_messages_ends_neither(lab: Lab) -> None:
    ids = [lost(lab), lost(lab)]

    take_in(lab, report("v1"))

    assert sorted(look(lab)) == sorted(ids)
    assert [lab.status(each) for each in ids] == ["unknown"] * 2


def test_two_reports_that_agree_end_both(lab: Lab) -> None:
    ids = [lost(lab), lost(lab)]

    answers = take_in(lab, report("v1"), report("v2"))

    assert answers[0] == ("early", "")
    assert answers[1][0] == "applied"
    assert [lab.status(each) for each in ids] == ["delivered"] * 2
    assert {lab.record(each).vendor_message_id for each in ids} == {"v1", "v2"}


def test_two_reports_that_differ_end_neither(lab: Lab) -> None:
    ids = [lost(lab), lost(lab)]

    take_in(lab, report("v1"), report("v2", "undelivered"))

    assert [lab.status(each) for each in ids] == ["unknown"] * 2


def test_a_late_answer_with_another_id_still_finds_its_own_reports(lab: Lab) -> None:
    message_id = lost(lab)
    take_in(lab, report("v7"))
    lab.settle(settled(message_id, vendor_message_id="v8"))
    other = lost(lab)

    assert take_in(lab, report("v8", "undelivered")) == [("late", message_id)]

    assert (lab.status(message_id), lab.status(other)) == ("delivered", "unknown")


def test_a_report_ends_a_lost_message_that_waits_to_be_submitted_again(lab: Lab) -> None:
    message_id = lost(lab)
    lab.defer(deferred(message_id, reason="resent", resend="any"))

    assert take_in(lab, report("v7")) == [("applied", message_id)]

    assert lab.status(message_id) == "delivered"
    assert lab.claimed() == [], "it would be sent a second time"


# What else a report says


def test_a_throttle_by_report_blocks_the_number_there_once(lab: Lab) -> None:
    message_id = submitted(lab)
    said = report(status="undelivered", code="MA:0022", blocked=str(30 * MINUTE))

    take_in(lab, said)
    until = lab.memory()[0]
    take_in(lab, said)

    assert until == pytest.approx(lab.now() + 30 * MINUTE, abs=2000)
    assert lab.memory()[0] == until
    again, elsewhere = lab.put(2, to=NUMBER)
    assert lab.claimed(account(learns=True)) == []
    assert lab.record(again).due == until
    assert lab.record(elsewhere).due == until
    assert lab.status(message_id) == "undelivered"
    assert lab.raw.hget(f"{keys.STATE}a", "drift:MA:0022") == b"1"


def test_a_block_never_shortens_what_is_remembered(lab: Lab) -> None:
    submitted(lab)
    later = lab.now() + DAY
    lab.remember([later, lab.now()])

    take_in(lab, report(status="undelivered", code="MA:0022", blocked=str(30 * MINUTE)))

    assert lab.memory()[0] == later
    assert len(lab.memory()) == 2


def test_a_blacklist_report_suppresses_the_number_at_that_account(lab: Lab) -> None:
    submitted(lab)

    take_in(lab, report(status="rejected", code="MA:0023", barred=True))

    assert lab.raw.smembers(f"{keys.SUPPRESSED}a") == {NUMBER[3:].encode()}
    assert not lab.raw.exists(f"{keys.SUPPRESSED}all")


def test_a_blacklist_code_at_submit_suppresses_the_number_at_that_account(lab: Lab) -> None:
    message_id = lab.put_one(to=NUMBER)
    lab.claimed()

    lab.settle(settled(message_id, status="rejected", code="103", barred=True))

    assert lab.raw.smembers(f"{keys.SUPPRESSED}a") == {NUMBER[3:].encode()}
    assert lab.status(message_id) == "rejected"


def test_marketing_to_a_number_on_a_blacklist_goes_to_another_account_or_nowhere(lab: Lab) -> None:
    lab.raw.sadd(f"{keys.SUPPRESSED}a", NUMBER[3:])
    two = (account("a"), account("b"))
    free, pinned = (
        lab.put(2, to=NUMBER, stream="marketing"),
        lab.put_one(to=NUMBER, stream="marketing", pin="a"),
    )

    lab.claimed(*two, stream="marketing", suppress=True)

    assert [lab.record(each).account for each in free] == ["b", "b"]
    assert lab.record(pinned).attempt == 0
    assert lab.status(pinned) == "suppressed"
    notice = lab.put_one(to=NUMBER)
    assert lab.claimed(*two) == [notice]
    assert lab.record(notice).account == "a"


def test_marketing_to_a_number_that_opted_out_is_suppressed_and_the_others_are_not(
    lab: Lab,
) -> None:
    lab.raw.sadd(f"{keys.SUPPRESSED}all", NUMBER[3:])
    advert = lab.put_one(to=NUMBER, stream="marketing")
    wanted = [lab.put_one(to=NUMBER, stream=stream) for stream in ("otp", "notice")]

    assert lab.claimed(stream="marketing", suppress=True) == []
    assert [lab.claimed(stream=stream) for stream in ("otp", "notice")] == [
        [each] for each in wanted
    ]
    assert lab.record(advert).attempt == 0
    assert lab.status(advert) == "suppressed"


def test_a_report_shows_no_number(lab: Lab) -> None:
    assert NUMBER[3:] not in repr(report())
    assert mask(NUMBER) not in repr(report())


# Any order

_WORDS = ("submitted", "delivered", "undelivered", "rejected")
_ACTS = st.one_of(
    st.tuples(st.just("report"), st.sampled_from(_WORDS)),
    st.tuples(st.just("other"), st.sampled_from(_WORDS)),
    st.tuples(st.just("settle"), st.sampled_from(("submitted", "unknown"))),
    st.tuples(st.just("look"), st.just("")),
    st.tuples(st.just("sweep"), st.just("")),
)


@given(st.lists(_ACTS, max_size=8))
@budget(budget.get_profile("store"), max_examples=60)
def test_in_any_order_a_message_goes_forward_and_ends_as_its_first_final_report_says(
    lab: Lab, acts: list[tuple[str, str]]
) -> None:
    lab.raw.flushall()
    message_id = attempt(lab)
    seen = [Status(lab.status(message_id))]
    first = next((word for what, word in acts if what == "report" and word != "submitted"), "")

    for what, word in acts:
        match what:
            case "report":
                take_in(lab, report("v1", word))
            case "other":
                take_in(lab, report("v1", word, account="b"))
            case "settle":
                lab.settle(
                    settled(
                        message_id,
                        status=word,
                        vendor_message_id="v1" if word == "submitted" else "",
                    )
                )
            case "look":
                look(lab)
            case _:
                lab.rewrite(message_id, deadline=1)
                for name in lab.open():
                    lab.raw.zadd(f"{keys.OPEN}a", {name: 1})
                lab.sweep()
        now = Status(lab.status(message_id))
        if now is not seen[-1]:
            seen.append(now)
    lab.settle(settled(message_id, vendor_message_id="v1"))
    last = Status(lab.status(message_id))

    for before, after in pairwise(seen):
        steps = FOLLOWS[before] | {each for step in FOLLOWS[before] for each in FOLLOWS[step]}
        assert after in steps, f"{before} -> {after}"
    assert last == (first or "submitted")
    assert not any(each in FINAL for each in seen[:-1])
    lab.check()


def test_a_report_tells_how_long_ago_the_vendor_took_its_message(lab: Lab) -> None:
    message_id = submitted(lab)
    lab.pass_time(5000)

    items = [report(), report(), report("v2")]
    first, second, third = lab.run(arrivals.report(items, memory=MEMORY))

    assert (first.verdict, first.id) == ("applied", message_id)
    assert first.seconds is not None
    assert 5.0 <= first.seconds < 65.0
    assert [(each.verdict, each.seconds) for each in (second, third)] == [
        ("late", None),
        ("early", None),
    ]
