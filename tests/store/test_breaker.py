"""The breaker of an account, how it is slowed down, otp's share of its rate, and who comes next."""

from typing import Any

import pytest

from worker.store import care

from .conftest import (
    HOUR,
    MINUTE,
    NUMBER,
    Lab,
    account,
    deferred,
    pack_windows,
    settled,
    together,
)

BOTH = (account("a"), account("b"))
BUSY = "every account that can carry it is busy"


def accounts_of(lab: Lab, *rules: dict[str, object], **more: object) -> list[str]:
    return [each.account for _, each in lab.claim(*rules, **more).messages]


def began(lab: Lab, message_id: str) -> int:
    """When its open attempt was opened, as the worker knows it."""
    return lab.record(message_id).updated


# --- left alone -----------------------------------------------------------------------------------


def test_an_account_that_is_left_alone_gets_nothing_and_the_others_take_over(lab: Lab) -> None:
    lab.trip("a")
    lab.put(5)
    lab.put(2, stream="otp")

    assert accounts_of(lab, *BOTH) == ["b"] * 5
    assert accounts_of(lab, *BOTH, stream="otp") == ["b"] * 2
    lab.check()


def test_where_every_account_is_left_alone_the_list_stays_as_it_is(lab: Lab) -> None:
    ids = lab.put(5)
    lab.trip("a")
    lab.trip("b", 5)

    found = lab.claim(*BOTH)

    assert (found.messages, found.left, lab.ready()) == ([], 5, ids)
    assert found.pause == pytest.approx(5, abs=1)
    assert lab.record(ids[0]).waits == 0


def test_what_is_past_its_validity_expires_meanwhile(lab: Lab) -> None:
    short, long = lab.put_one(validity=1000), lab.put_one(validity=HOUR)
    lab.trip("a")
    lab.pass_time(1000)

    lab.claim()

    assert (lab.status(short), lab.status(long)) == ("expired", "accepted")
    assert lab.ready() == [long]


def test_a_second_reason_changes_nothing_while_it_is_left_alone(lab: Lab) -> None:
    first = lab.trip()

    assert (lab.trip(), lab.trip(seconds=600)) == (0, 0)
    assert (lab.state()["strikes"], lab.state()["down"]) == ("1", str(first))


def test_after_its_time_one_message_at_a_time_is_the_probe(lab: Lab) -> None:
    ids = lab.put(3)
    lab.trip()
    lab.pass_time(MINUTE)

    assert lab.claimed() == ids[:1]
    assert (lab.claimed(), lab.claim().pause) == ([], 0.05)
    lab.settle(settled(ids[0], status="rejected"))
    assert lab.claimed() == ids[1:2], "an answer, but it took nothing: the next one is a probe too"
    lab.check()


def test_a_probe_counts_over_all_streams(lab: Lab) -> None:
    lab.put(2)
    lab.put(2, stream="otp")
    lab.trip()
    lab.pass_time(MINUTE)

    assert len(lab.claimed(stream="otp")) == 1
    assert lab.claimed() == []


async def test_two_pumps_get_one_probe_between_them(lab: Lab) -> None:
    lab.put(20)
    lab.trip()
    lab.pass_time(MINUTE)

    found = await together(*(lab.claimed for _ in range(8)))

    assert sum(map(len, found)) == 1


def test_a_probe_that_is_taken_mends_the_account(lab: Lab) -> None:
    ids = lab.put(5)
    lab.trip()
    lab.pass_time(MINUTE)
    lab.claim()

    lab.settle(settled(ids[0]))

    assert lab.claimed() == ids[1:]
    assert not {"down", "half", "strikes", "why"} & lab.state().keys()


def test_each_failed_probe_doubles_the_time_up_to_the_longest(lab: Lab) -> None:
    waits = []
    for attempt in range(7):
        lab.put_one(validity=100 * HOUR)
        since = None
        if attempt:
            (probe,) = lab.claimed()
            since = began(lab, probe)
            lab.settle(settled(probe, status="unknown"))
        until = lab.trip(seconds=60, began=since, only_probe=bool(attempt))
        waits.append(round((until - lab.now()) / 1000))
        lab.pass_time(until - lab.now() + 1)

    assert waits == [60, 120, 240, 480, 900, 900, 900]
    assert lab.state()["strikes"] == "7"


def test_what_began_before_it_was_left_alone_says_nothing_afterwards(lab: Lab) -> None:
    """Fifty calls that time out one after another are one failure, and no failed probe."""
    lab.put(2)
    lab.claim()
    old = began(lab, "m00002")
    lab.trip(began=old)
    lab.pass_time(MINUTE + 1)

    again = lab.trip(began=old - MINUTE)

    assert again == 0
    assert lab.state()["strikes"] == "1"


def test_a_message_taken_before_it_was_left_alone_does_not_mend_it(lab: Lab) -> None:
    first, second = lab.put(2)
    lab.claim()
    lab.trip(began=began(lab, second))

    lab.settle(settled(first))
    lab.put(3)

    assert lab.claimed() == []
    lab.pass_time(MINUTE)
    assert len(lab.claimed()) == 0, "the second one's attempt is open yet"


def test_an_unknown_message_that_is_found_does_not_mend_it(lab: Lab) -> None:
    message_id = lab.unknown()
    lab.trip()
    lab.pass_time(MINUTE)

    lab.settle(settled(message_id))

    assert lab.state()["half"] == "1"


def test_a_failure_alone_is_no_failed_probe(lab: Lab) -> None:
    lab.put(1)
    lab.claim()

    assert lab.trip(began=began(lab, "m00001"), only_probe=True) == 0
    assert lab.state().get("half") is None


def test_what_is_left_alone_is_told(lab: Lab) -> None:
    until = lab.trip("a")
    lab.put(2)
    lab.claim(*BOTH)

    found = lab.run(care.states(["a", "b", "never"]))

    a, b, never = found.accounts
    assert (a.name, a.down, a.probing, a.why, a.strikes) == ("a", until, True, "because", 1)
    assert (b.name, b.open, b.down, b.probing) == ("b", 2, 0, False)
    assert (never.open, never.down, never.drift) == (0, 0, {})
    assert found.now == pytest.approx(lab.now(), abs=2000)


# --- a balance that says it is well ---------------------------------------------------------------


def balance_passed(lab: Lab) -> bool:
    return lab.run(care.mend("a", believed=3))


def test_a_balance_lets_one_message_through_before_its_time(lab: Lab) -> None:
    ids = lab.put(3)
    lab.trip()

    assert balance_passed(lab)
    assert lab.claimed() == ids[:1]
    lab.settle(settled(ids[0]))
    assert lab.claimed() == ids[1:]
    assert lab.state().get("passed") is None


def test_a_balance_says_nothing_of_an_account_that_is_used(lab: Lab) -> None:
    assert not balance_passed(lab)
    lab.trip()
    lab.pass_time(MINUTE)
    assert not balance_passed(lab), "it is being probed anyway"


def test_a_balance_that_was_wrong_too_often_is_believed_no_more(lab: Lab) -> None:
    lab.put(9)
    for attempt in range(1, 4):
        lab.trip(began=None)
        assert balance_passed(lab)
        (message_id,) = lab.claimed()
        assert lab.trip(began=began(lab, message_id)) > 0
        lab.defer(deferred(message_id, lab.record(message_id).attempt))
        assert lab.state()["strikes"] == str(attempt + 1)

    assert not balance_passed(lab)
    assert lab.claimed() == []


# --- a message that must wait for its account -----------------------------------------------------


def test_a_pinned_message_waits_for_its_account(lab: Lab) -> None:
    lab.trip("a")
    pinned, free = lab.put_one(pin="a"), lab.put_one()

    found = dict(lab.claim(*BOTH).messages)

    assert (found[free].account, found[pinned].status) == ("b", "scheduled")
    assert found[pinned].reason == BUSY
    assert found[pinned].attempts == 0
    lab.pass_time(MINUTE)
    assert accounts_of(lab, *BOTH) == ["a"]


def test_a_pinned_message_finds_out_soon_that_its_account_is_well_again(lab: Lab) -> None:
    lab.trip("a", 900)
    pinned = lab.put_one(pin="a")
    lab.claim(*BOTH)
    balance_passed(lab)

    lab.pass_time(25_000)

    assert lab.claimed(*BOTH) == [pinned]


def test_a_pinned_message_whose_account_may_be_well_in_time_does_not_expire_at_once(
    lab: Lab,
) -> None:
    lab.trip("a", 900)
    pinned = lab.put_one(pin="a", validity=10_000)

    lab.claim(*BOTH)
    waits = lab.record(pinned)
    lab.pass_time(8100)
    lab.claim(*BOTH)
    still = lab.status(pinned)
    lab.pass_time(1900)
    lab.release()
    lab.claim(*BOTH)

    assert (waits.status, still) == ("scheduled", "scheduled")
    assert waits.due < waits.expires
    assert lab.status(pinned) == "expired"


def test_a_capped_message_does_not_wait_for_the_window_of_an_account_left_alone(lab: Lab) -> None:
    rules = [account(name, windows=[[1, HOUR]], learns=True) for name in "ab"]
    lab.put_one(to=NUMBER)
    lab.claim(*rules)
    lab.trip("a")

    lab.put_one(to=NUMBER, validity=24 * HOUR)

    assert accounts_of(lab, *rules) == ["b"]


# --- who comes next -------------------------------------------------------------------------------


def turned_down(lab: Lab, *names: str, never: bool = False, **fields: object) -> str:
    """A message that these accounts turned down, in this order."""
    message_id = lab.put_one(**fields)
    for attempt, name in enumerate(names, 1):
        assert lab.claimed(account(name)) == [message_id]
        lab.defer(deferred(message_id, attempt, avoid=True, never=never))
    return message_id


def test_accounts_that_turned_it_down_come_last_the_least_recent_first(lab: Lab) -> None:
    for names, expected in (("a", "b"), ("ab", "c"), ("abc", "a"), ("cab", "c"), ("bca", "b")):
        turned_down(lab, *names)
        found = lab.claim(*(account(each) for each in "abc")).messages
        assert [each.account for _, each in found] == [expected], names


def test_it_waits_for_an_account_that_is_only_busy(lab: Lab) -> None:
    message_id = turned_down(lab, "a")
    rules = [account("a"), account("b", concurrency=1)]
    lab.put_one(stream="otp")
    lab.claim(rules[1], stream="otp")

    lab.claim(*rules)

    found = lab.record(message_id)
    assert (found.status, found.reason, found.attempt) == ("scheduled", BUSY, 1)


def test_where_the_other_is_left_alone_the_one_that_turned_it_down_gets_it_again(lab: Lab) -> None:
    lab.trip("b", 900)
    turned_down(lab, "a")

    assert accounts_of(lab, *BOTH) == ["a"]


def test_but_not_where_it_refused_it_for_good(lab: Lab) -> None:
    lab.trip("b", 900)
    message_id = turned_down(lab, "a", never=True)

    lab.claim(*BOTH)

    assert (lab.status(message_id), lab.record(message_id).avoid) == ("scheduled", ["!a"])


def test_what_every_account_refused_for_good_ends(lab: Lab) -> None:
    message_id = turned_down(lab, "a", "b", never=True)

    lab.claim(*BOTH)

    found = lab.record(message_id)
    assert (found.status, found.reason) == ("rejected", "no account can carry it")


# --- too fast -------------------------------------------------------------------------------------


def slow(lab: Lab, since: int) -> int:
    return lab.run(care.slow("a", since))


def in_flight(lab: Lab, count: int) -> list[str]:
    ids = lab.put(count)
    assert lab.claimed() == ids
    return ids


def test_a_complaint_halves_what_is_in_flight(lab: Lab) -> None:
    ids = in_flight(lab, 10)

    assert slow(lab, began(lab, ids[0])) == 5
    lab.put(10)
    assert lab.claimed() == []
    lab.settle(*(settled(each) for each in ids[:7]))
    assert len(lab.claimed()) == 2


def test_a_burst_of_complaints_halves_once(lab: Lab) -> None:
    ids = in_flight(lab, 16)
    since = began(lab, ids[0])

    first = [slow(lab, since) for _ in range(10)]
    lab.pass_time(3000)
    late = slow(lab, since - 3000)

    assert (first, late) == ([8] + [0] * 9, 0)
    assert slow(lab, lab.now() - 1) == 8


def test_it_recovers_by_itself(lab: Lab) -> None:
    in_flight(lab, 10)
    slow(lab, lab.now())
    lab.put(400)
    seen = []
    for _ in range(7):
        lab.pass_time(10_000)
        lab.claim(account(concurrency=50, life=HOUR))
        seen.append(len(lab.open()))

    assert seen[0] == 15
    assert seen == sorted(seen)
    assert seen[-1] == 50, "never more than the settings allow"


def test_one_is_always_allowed(lab: Lab) -> None:
    (message_id,) = in_flight(lab, 1)
    slow(lab, began(lab, message_id))
    lab.settle(settled(message_id))
    lab.put(3)

    assert len(lab.claimed()) == 1


# --- otp's share of the rate ----------------------------------------------------------------------

RATE: dict[str, Any] = {"interval": 1000, "burst": 50.0}


def test_the_others_never_use_otps_share(lab: Lab) -> None:
    lab.put(200)
    rules = account(share=0.2, **RATE)
    sent = 0
    for _ in range(300):
        sent += len(lab.claimed(rules))
        lab.pass_time(250)

    assert 58 <= sent <= 61


def test_otp_can_use_all_of_it(lab: Lab) -> None:
    lab.put(100, stream="otp")
    rules = account(share=0.0, **RATE)
    sent = 0
    for _ in range(50):
        sent += len(lab.claimed(rules, stream="otp"))
        lab.pass_time(1000)

    assert sent == 50


def test_otp_gets_its_share_while_the_others_take_all_they_can(lab: Lab) -> None:
    lab.put(200)
    lab.put(200, stream="otp")
    bulk = otp = 0
    for _ in range(300):
        bulk += len(lab.claimed(account(share=0.2, **RATE)))
        otp += len(lab.claimed(account(share=0.0, **RATE), stream="otp"))
        lab.pass_time(250)

    assert 74 <= bulk + otp <= 76
    assert bulk <= 61
    assert otp >= 15


# --- drift ----------------------------------------------------------------------------------------


def test_a_throttle_code_that_slipped_through_is_counted_by_account_and_code(lab: Lab) -> None:
    rules = account(windows=[[1, MINUTE]], learns=True)
    windows = pack_windows((1, MINUTE))
    for code, blocked in (("102", "60000"), ("102", "day"), ("109", "day")):
        message_id = lab.put_one()
        lab.claim(rules)
        item = deferred(message_id, counts=False, code=code, blocked=blocked, windows=windows)
        lab.defer(item)
        lab.defer(item)  # sent twice

    (state,) = lab.run(care.states(["a"])).accounts
    assert state.drift == {"102": 2, "109": 1}


def test_an_answer_that_teaches_nothing_is_no_drift(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claim()
    lab.defer(deferred(message_id, code="21"))

    (state,) = lab.run(care.states(["a"])).accounts
    assert state.drift == {}
