"""Our own caps and brakes, which count a message once, and the quiet hours of a stream."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from worker.contract import keys

from .conftest import (
    BEIJING,
    DAY,
    HOUR,
    MINUTE,
    NUMBER,
    Lab,
    account,
    deferred,
    midnight,
    settled,
    trail,
)

Caps = dict[str, list[list[int]]]
SHANGHAI = ZoneInfo("Asia/Shanghai")
CAP = "our own cap is reached"


def caps(**found: list[list[int]]) -> Caps:
    return {"number": [], "prefix": [], "tag": []} | found


ONE_A_MINUTE = caps(number=[[1, MINUTE]])


# --- caps and brakes ------------------------------------------------------------------------------


def test_without_caps_nothing_is_counted(lab: Lab) -> None:
    ids = lab.put(20, to=NUMBER, tag="login")

    assert lab.claimed(caps=caps()) == ids
    assert lab.raw.keys(keys.NUMBER + "*") == []
    assert lab.record(ids[0]).counted == 0


def test_a_number_has_one_cap_over_all_vendors(lab: Lab) -> None:
    first, second = lab.put(2, to=NUMBER)
    lab.claim(account("a"), caps=ONE_A_MINUTE)

    lab.claim(account("b"), caps=ONE_A_MINUTE)

    found = lab.record(second)
    assert (found.status, found.reason, found.account) == ("scheduled", CAP, "")
    assert found.due == lab.record(first).counted + MINUTE
    assert (found.attempt, found.attempts, found.waits) == (0, 0, 1)
    assert trail(found)[-1][4] == found.due
    lab.check()


def test_the_time_told_is_exact(lab: Lab) -> None:
    lab.put(2, to=NUMBER)
    lab.claim(caps=ONE_A_MINUTE)

    lab.pass_time(MINUTE - 2000)
    early = lab.claimed(caps=ONE_A_MINUTE)
    lab.pass_time(2000)

    assert (early, lab.claimed(caps=ONE_A_MINUTE)) == ([], ["m00002"])


def test_other_numbers_and_other_streams_are_not_held_up(lab: Lab) -> None:
    lab.put_one(to=NUMBER)
    lab.claim(caps=ONE_A_MINUTE)

    other = lab.put_one()
    otp = lab.put_one(to=NUMBER, stream="otp")

    assert lab.claimed(caps=ONE_A_MINUTE) == [other]
    assert lab.claimed(stream="otp", caps=ONE_A_MINUTE) == [otp]


def test_a_prefix_of_seven_digits_has_a_brake_over_all_streams(lab: Lab) -> None:
    braked = caps(prefix=[[2, MINUTE]])
    ids = [lab.put_one(to=f"+861380013{last}") for last in ("0001", "0002", "0003")]
    other, otp = lab.put_one(to="+8613800140001"), lab.put_one(to="+8613800139999", stream="otp")

    assert lab.claimed(caps=braked) == [*ids[:2], other]
    assert lab.claimed(stream="otp", caps=braked) == []
    assert lab.record(otp).due == lab.record(ids[0]).counted + MINUTE


def test_a_tag_has_a_brake_and_no_tag_has_none(lab: Lab) -> None:
    braked = caps(tag=[[1, HOUR]])
    login, again = lab.put(2, tag="login", validity=DAY)
    plain = lab.put(2)
    other = lab.put_one(tag="logout")

    assert lab.claimed(caps=braked) == [login, *plain, other]
    assert lab.record(again).due == lab.record(login).counted + HOUR


def test_of_several_caps_the_last_to_free_a_place_counts(lab: Lab) -> None:
    rules = caps(number=[[1, MINUTE], [5, 0]], tag=[[1, HOUR // 2]])
    first, second = lab.put(2, to=NUMBER, tag="login")

    lab.claim(caps=rules)

    assert lab.record(second).due == lab.record(first).counted + HOUR // 2


def test_a_cap_of_a_day_ends_at_midnight_in_shanghai(lab: Lab) -> None:
    _, second = lab.put(2, to=NUMBER, validity=2 * DAY)

    lab.claim(caps=caps(number=[[1, 0]]))

    found = lab.record(second)
    assert found.due == midnight(found.updated)
    assert (found.due + BEIJING) % DAY == 0


def test_a_message_counts_once_over_all_its_attempts(lab: Lab) -> None:
    message_id = lab.put_one(to=NUMBER)
    lab.claim(caps=ONE_A_MINUTE)
    counted = lab.record(message_id).counted

    for attempt in (1, 2, 3):
        lab.defer(deferred(message_id, attempt))
        assert lab.claimed(account("ab"[attempt % 2]), caps=ONE_A_MINUTE) == [message_id]

    assert lab.record(message_id).counted == counted > 0
    assert len(lab.memory("number*notice")) == 2


def test_what_no_account_takes_now_is_not_counted(lab: Lab) -> None:
    lab.put_one()
    message_id = lab.put_one(to=NUMBER)

    lab.claim(account(concurrency=1), caps=ONE_A_MINUTE)

    assert lab.status(message_id) == "accepted"
    assert lab.memory("number*notice") == []


def test_a_capped_message_costs_the_accounts_windows_nothing(lab: Lab) -> None:
    lab.put(2, to=NUMBER)

    lab.claim(account(windows=[[5, HOUR]]), caps=ONE_A_MINUTE)

    assert len(lab.memory("a")) == 2


def test_a_wait_for_a_cap_beyond_the_validity_ends_the_message(lab: Lab) -> None:
    _, second = lab.put(2, to=NUMBER, validity=MINUTE // 2)

    lab.claim(caps=ONE_A_MINUTE)

    found = lab.record(second)
    assert (found.status, found.reason) == ("expired", CAP)


def test_the_memory_of_a_cap_ends_with_its_window(lab: Lab) -> None:
    lab.put_one(to=NUMBER, tag="login")
    lab.claim(caps=caps(number=[[1, MINUTE]], prefix=[[9, MINUTE]], tag=[[9, MINUTE]]))

    names = lab.raw.keys(keys.NUMBER + "*")

    assert len(names) == 3
    assert all(0 < lab.raw.pttl(name) <= MINUTE for name in names)
    lab.pass_time(MINUTE)
    assert lab.raw.keys(keys.NUMBER + "*") == []


def test_a_definite_no_gives_the_accounts_slot_back_and_an_unknown_one_does_not(lab: Lab) -> None:
    rules = account(windows=[[1, MINUTE]])
    held = lab.unknown(rules, to=NUMBER)
    other = lab.put_one(to=NUMBER)

    lab.claim(rules)

    assert lab.status(other) == "scheduled"
    lab.resend(held, "any")
    assert len(lab.memory()) == 2, "nobody proved that it was not taken"


# --- quiet hours ----------------------------------------------------------------------------------


def quiet_until(now: int, begins: int, ends: int) -> int:
    """When the quiet hours end that hold now, in ms; 0 where none do. Slow and plain."""
    today = datetime.fromtimestamp(now / 1000, SHANGHAI).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    length = timedelta(minutes=(ends - begins) % 1440)
    for day in (today - timedelta(days=1), today):
        start = day + timedelta(minutes=begins)
        if start.timestamp() * 1000 <= now < (start + length).timestamp() * 1000:
            return int((start + length).timestamp() * 1000)
    return 0


minutes = st.integers(0, 1439)


@budget(budget.get_profile("store"), max_examples=60)
@given(begins=minutes, ends=minutes, spread=st.sampled_from([0, 1000, HOUR]))
def test_quiet_hours_are_those_of_shanghai(lab: Lab, begins: int, ends: int, spread: int) -> None:
    if begins == ends:
        return
    lab.raw.flushall()
    message_id = lab.put_one(validity=3 * DAY)

    lab.claim(quiet=[begins, ends, spread])

    found = lab.record(message_id)
    over = quiet_until(found.updated, begins, ends)
    assert found.status == ("scheduled" if over else "submitting")
    if over:
        assert over <= found.due <= over + spread
        assert (found.attempts, found.waits) == (0, 0)


def around(lab: Lab, before: int, after: int) -> tuple[int, int]:
    """Quiet hours that began some minutes ago and end in some; minutes of the day."""
    now = (lab.now() + BEIJING) % DAY // MINUTE
    return (now - before) % 1440, (now + after) % 1440


@pytest.mark.parametrize(("before", "after"), [(30, 60), (1000, 400), (2, 1437)])
def test_what_comes_in_quiet_hours_is_spread_over_the_time_after_them(
    lab: Lab, before: int, after: int
) -> None:
    begins, ends = around(lab, before, after)
    ids = lab.put(60, validity=3 * DAY)

    lab.claim(quiet=[begins, ends, 10 * MINUTE])

    over = quiet_until(lab.record(ids[0]).updated, begins, ends)
    dues = [lab.record(each).due - over for each in ids]
    assert all(0 <= due <= 10 * MINUTE for due in dues)
    assert len(set(dues)) > 50, "all leave at once"
    assert {due // (2 * MINUTE) for due in dues} == {0, 1, 2, 3, 4}


def test_the_spread_is_by_id_so_that_a_second_look_says_the_same(lab: Lab) -> None:
    begins, ends = around(lab, 30, 60)
    message_id = lab.put_one(validity=DAY)
    quiet = [begins, ends, HOUR]
    lab.claim(quiet=quiet)
    first = lab.record(message_id).due

    lab.rewrite(message_id, due=1)
    lab.raw.zadd(keys.WAITING, {message_id: 1})
    lab.claim(quiet=quiet)

    assert lab.record(message_id).due == first


def test_the_spread_never_goes_past_the_validity(lab: Lab) -> None:
    begins, ends = around(lab, 30, 60)
    ids = lab.put(20, validity=2 * HOUR)

    lab.claim(quiet=[begins, ends, 20 * HOUR])

    for each in ids:
        found = lab.record(each)
        assert found.status == "scheduled"
        assert found.due <= found.expires - 2000


def test_a_validity_that_ends_in_quiet_hours_ends_the_message(lab: Lab) -> None:
    begins, ends = around(lab, 30, 120)
    message_id = lab.put_one(validity=HOUR)

    lab.claim(quiet=[begins, ends, HOUR])

    found = lab.record(message_id)
    assert (found.status, found.reason) == ("expired", "quiet hours")


def test_what_is_released_after_their_end_is_not_put_aside_again(lab: Lab) -> None:
    begins, ends = around(lab, 600, 0)
    begins, ends = (begins - 1) % 1440, (ends - 1) % 1440  # they ended a minute ago
    message_id = lab.put_one(validity=DAY, due=lab.now() + 1000)
    lab.pass_time(1000)

    assert lab.claimed(quiet=[begins, ends, HOUR]) == [message_id]


def test_only_the_stream_that_has_quiet_hours_keeps_them(lab: Lab) -> None:
    begins, ends = around(lab, 30, 60)
    notice, marketing = lab.put_one(), lab.put_one(stream="marketing")

    assert lab.claimed() == [notice]
    assert lab.claimed(stream="marketing", quiet=[begins, ends, 0]) == []
    assert lab.status(marketing) == "scheduled"


def test_a_retry_waits_for_the_end_of_quiet_hours_too(lab: Lab) -> None:
    message_id = lab.put_one(validity=DAY)
    lab.claim()
    lab.defer(deferred(message_id))
    begins, ends = around(lab, 0, 60)

    lab.claim(quiet=[begins, ends, 0])

    assert lab.record(message_id).reason == "quiet hours"
    assert lab.settle(settled(message_id)) == [False]
