"""Limits: taken from all or from none; a message that does not fit waits exactly until it does."""

import pytest

from worker.contract import keys

from .conftest import (
    ALIAS,
    BEIJING,
    DAY,
    HOUR,
    MINUTE,
    NUMBER,
    Lab,
    account,
    deferred,
    midnight,
    pack_windows,
    settled,
)

ONE_A_MINUTE = [1, MINUTE]
CAPPED = "the number has had enough there for now"


def earlier(lab: Lab) -> int:
    """A time of today in Asia/Shanghai, before now."""
    return max(midnight(lab.now()) - DAY + 1, lab.now() - MINUTE)


def test_a_second_message_to_a_number_waits_until_its_window_is_over(lab: Lab) -> None:
    rules = account(windows=[ONE_A_MINUTE])
    first, second = lab.put_one(to=NUMBER), lab.put_one(to=NUMBER)

    found = dict(lab.claim(rules).messages)

    taken = found[first].slot
    assert taken == found[first].updated
    assert (found[second].status, found[second].reason) == ("scheduled", CAPPED)
    assert found[second].due == lab.waiting()[second] == taken + MINUTE
    assert (found[second].attempt, found[second].attempts, found[second].waits) == (0, 0, 1)
    assert lab.memory() == [0, taken]
    assert list(lab.open()) == [first]


@pytest.mark.parametrize(("ago", "sent"), [(MINUTE, True), (MINUTE - 1000, False)])
def test_a_window_is_over_when_its_length_is(lab: Lab, ago: int, sent: bool) -> None:
    message_id = lab.put_one(to=NUMBER)
    lab.remember([0, lab.now() - ago])

    claimed = lab.claimed(account(windows=[ONE_A_MINUTE]))

    assert claimed == ([message_id] if sent else [])


def test_numbers_do_not_share_a_window_and_neither_do_accounts(lab: Lab) -> None:
    lab.put_one(to="+8613800138000")
    lab.put_one(to="+8613800138001")
    lab.put_one(to="+8613800138000", pin="b")
    rules = [account(name, windows=[ONE_A_MINUTE]) for name in "ab"]

    assert len(lab.claimed(*rules)) == 3


def test_a_rolling_window_of_several(lab: Lab) -> None:
    now = lab.now()
    lab.remember([0, now - 50_000, now - 20_000, now - 10_000])
    message_id = lab.put_one(to=NUMBER)

    lab.claim(account(windows=[[3, MINUTE]]))

    assert lab.record(message_id).due == now - 50_000 + MINUTE


def test_of_several_windows_the_last_to_free_a_place_counts(lab: Lab) -> None:
    now = lab.now()
    lab.remember([0, now - 40 * MINUTE, now - 30 * MINUTE, now - 10_000])
    message_id = lab.put_one(to=NUMBER)

    lab.claim(account(windows=[ONE_A_MINUTE, [3, HOUR], [9, 0]]))

    assert lab.record(message_id).due == now - 40 * MINUTE + HOUR


def test_a_full_calendar_day_ends_at_midnight_in_shanghai(lab: Lab) -> None:
    today = earlier(lab)
    lab.remember([0, today, today])
    message_id = lab.put_one(to=NUMBER, validity=2 * DAY)

    lab.claim(account(windows=[[2, 0]]))

    due = lab.record(message_id).due
    assert due == midnight(today)
    assert (due + BEIJING) % DAY == 0
    assert due > lab.now()


def test_what_was_sent_before_midnight_counts_for_the_day_before(lab: Lab) -> None:
    yesterday = midnight(lab.now()) - DAY - 1  # a millisecond before today began
    lab.remember([0, yesterday, yesterday])
    message_id = lab.put_one(to=NUMBER)

    assert lab.claimed(account(windows=[[2, 0]])) == [message_id]


def test_what_was_sent_at_midnight_counts_for_the_new_day(lab: Lab) -> None:
    today = midnight(lab.now()) - DAY
    lab.remember([0, today, today])
    message_id = lab.put_one(to=NUMBER, validity=2 * DAY)

    assert lab.claimed(account(windows=[[2, 0]])) == []
    assert lab.record(message_id).due == today + DAY


def test_a_wait_beyond_the_validity_ends_the_message_at_once(lab: Lab) -> None:
    lab.remember([lab.now() + MINUTE + 5000])
    message_id = lab.put_one(to=NUMBER, validity=MINUTE)

    lab.claim(account(learns=True))

    found = lab.record(message_id)
    assert (found.status, found.reason) == ("expired", CAPPED)
    assert lab.waiting() == {}


def test_a_learned_block_holds_without_any_window(lab: Lab) -> None:
    until = lab.now() + 5 * MINUTE
    lab.remember([until])
    message_id = lab.put_one(to=NUMBER)

    lab.claim(account(learns=True))

    assert lab.record(message_id).due == until


def test_the_memory_of_a_number_stays_small_and_ends_with_its_windows(lab: Lab) -> None:
    rules = account(windows=[[3, MINUTE], [2, 1000]])

    for _ in range(12):
        (message_id,) = lab.put(to=NUMBER)
        assert lab.claimed(rules) == [message_id]
        lab.settle(settled(message_id, windows=pack_windows((3, MINUTE), (2, 1000))))
        size, left = (
            lab.raw.strlen(f"{keys.NUMBER}a:{ALIAS}"),
            lab.raw.pttl(f"{keys.NUMBER}a:{ALIAS}"),
        )
        assert size <= 3 * 6 + 6
        assert left == pytest.approx(MINUTE, abs=2000)
        lab.pass_time(25_000)

    lab.pass_time(MINUTE)
    assert lab.memory() == []


def test_the_memory_of_a_day_ends_at_midnight(lab: Lab) -> None:
    lab.put_one(to=NUMBER)

    lab.claim(account(windows=[[15, 0]]))

    ends = lab.now() + lab.raw.pttl(f"{keys.NUMBER}a:{ALIAS}")
    assert ends == pytest.approx(midnight(lab.now()), abs=2000)


def test_a_rate_lets_its_burst_through_then_stops_and_says_until_when(lab: Lab) -> None:
    ids = lab.put(20)
    rules = account(interval=1000, burst=2500.0)

    found = lab.claim(rules)

    assert [each for each, _ in found.messages] == ids[:3]
    assert lab.ready() == ids[3:]
    assert found.left == 17
    assert found.pause == pytest.approx(0.5, abs=0.2)
    assert all(lab.record(each).waits == 0 for each in ids[3:])


def test_a_rate_gives_one_slot_an_interval(lab: Lab) -> None:
    lab.put(100)
    rules = account(interval=1000, burst=50.0)
    sent = [len(lab.claimed(rules))]

    for _ in range(20):
        lab.pass_time(1000)
        sent.append(len(lab.claimed(rules)))

    assert sent == [1] * 21


def test_an_idle_rate_saves_up_no_more_than_its_burst(lab: Lab) -> None:
    lab.put(100)
    rules = account(interval=1000, burst=2500.0)
    lab.claim(rules)

    lab.pass_time(HOUR // 2)

    assert len(lab.claimed(rules)) == 3


def test_concurrency_is_a_number_of_open_attempts(lab: Lab) -> None:
    ids = lab.put(5)
    rules = account(concurrency=2)

    first = lab.claim(rules)
    lab.settle(settled(ids[0]))
    second = lab.claim(rules)

    assert [each for each, _ in first.messages] == ids[:2]
    assert (first.left, first.pause) == (3, 0.05)
    assert [each for each, _ in second.messages] == [ids[2]]
    assert len(lab.open()) == 2


def test_a_lost_attempt_holds_its_place_until_the_sweep(lab: Lab) -> None:
    lab.put(2)
    rules = account(concurrency=1, life=20_000)
    lab.claim(rules)
    lab.pass_time(20_000)

    held = lab.claimed(rules)
    lab.sweep()

    assert (held, lab.claimed(rules)) == ([], ["m00002"])


def test_a_busy_account_costs_the_number_nothing(lab: Lab) -> None:
    """All limits or none: nothing is taken from the windows where the rate says no."""
    lab.put_one()
    message_id = lab.put_one(to=NUMBER)
    rules = account(windows=[ONE_A_MINUTE], interval=1000, concurrency=5)

    lab.claim(rules)

    assert lab.memory() == []
    assert lab.status(message_id) == "accepted"
    assert len(lab.open()) == 1


def test_a_capped_number_costs_the_account_nothing(lab: Lab) -> None:
    lab.remember([lab.now() + MINUTE])
    lab.put_one(to=NUMBER)
    rules = account(windows=[ONE_A_MINUTE], learns=True, interval=1000, concurrency=5)

    lab.claim(rules)

    assert lab.raw.hgetall(keys.STATE + "a") == {}
    assert lab.open() == {}
    assert len(lab.memory()) == 1


def test_a_busy_account_hands_over_to_the_next(lab: Lab) -> None:
    lab.put(3)

    found = lab.claim(account("a", concurrency=1), account("b", concurrency=5)).messages

    assert [each.account for _, each in found] == ["a", "b", "b"]


def test_a_capped_otp_goes_to_the_next_account_at_once(lab: Lab) -> None:
    rules = [account(name, windows=[ONE_A_MINUTE]) for name in "ab"]
    lab.put(3, to=NUMBER, stream="otp")

    found = lab.claim(*rules, stream="otp", evade=True).messages

    assert [(each.status, each.account) for _, each in found] == [
        ("submitting", "a"),
        ("submitting", "b"),
        ("scheduled", "a"),  # both are full: the one that is free first
    ]


def test_a_capped_notice_waits_for_its_account(lab: Lab) -> None:
    rules = [account(name, windows=[ONE_A_MINUTE]) for name in "ab"]
    lab.put(2, to=NUMBER)

    found = lab.claim(*rules).messages

    assert [(each.status, each.account) for _, each in found] == [
        ("submitting", "a"),
        ("scheduled", "a"),
    ]


def test_a_capped_notice_does_not_slip_to_the_next_account_because_its_own_is_busy(
    lab: Lab,
) -> None:
    rules = [account("a", windows=[ONE_A_MINUTE], concurrency=1), account("b")]
    first, second = lab.put(2, to=NUMBER)

    found = dict(lab.claim(*rules).messages)

    assert (found[second].status, found[second].reason) == ("scheduled", CAPPED)
    assert found[second].due == found[first].slot + MINUTE


def test_a_capped_otp_waits_for_the_account_that_is_free_first(lab: Lab) -> None:
    now = lab.now()
    lab.remember([now + 10 * MINUTE], "a")
    lab.remember([now + 2 * MINUTE], "b")
    message_id = lab.put_one(to=NUMBER, stream="otp")

    lab.claim(account("a", learns=True), account("b", learns=True), stream="otp", evade=True)

    found = lab.record(message_id)
    assert (found.account, found.due) == ("b", now + 2 * MINUTE)


def test_a_window_given_back_is_free_again(lab: Lab) -> None:
    rules = account(windows=[ONE_A_MINUTE])
    first, second = lab.put(2, to=NUMBER)
    lab.claim(rules, most=1)

    lab.defer(deferred(first, wait="5000", windows=pack_windows((1, MINUTE))))

    assert lab.claimed(rules) == [second]


def test_the_preferred_account_is_used_again_once_it_has_a_slot(lab: Lab) -> None:
    rules = [account("a", interval=1000), account("b")]
    lab.put(2)
    first = [each.account for _, each in lab.claim(*rules).messages]

    lab.pass_time(1000)
    lab.put(1)
    ((_, third),) = lab.claim(*rules).messages

    assert (first, third.account) == (["a", "b"], "a")
