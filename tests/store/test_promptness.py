"""Promptness: what the scripts count of messages taken and of reports that came soon."""

from typing import Any

import pytest

from worker.contract import keys
from worker.contract.promptness import SPAN, Promptness
from worker.contract.status import Status
from worker.store import acts, arrivals, care, promptness
from worker.store.acts import Act, Settled
from worker.store.arrivals import Report

from .conftest import DAY, HOUR, MINUTE, NUMBER, Lab, account, report_as, settled

WITHIN = 600.0
KEY = f"{keys.PROMPT}a"
KEPT = 26 * HOUR


def settle(*items: Settled, counted: tuple[str, ...] = ("a", "b")) -> Act[list[bool]]:
    return acts.settle(items, reports=72 * 3600, counted=counted)


def report(vendor_id: str = "v1", status: str = "delivered", **more: Any) -> Report:
    plain: dict[str, Any] = {"account": "a", "to": NUMBER, "code": "", "reason": ""}
    return Report(vendor_message_id=vendor_id, status=Status(status), **(plain | more))


def take_in(lab: Lab, *items: Report, prompt: float = WITHIN) -> None:
    lab.run(arrivals.report(items, memory=72 * 3600, prompt=prompt))


def attempts(lab: Lab, count: int = 1, name: str = "a") -> list[str]:
    ids = lab.put(count)
    assert lab.claimed(account(name)) == ids
    return ids


def submitted(lab: Lab, count: int = 1, name: str = "a") -> list[str]:
    """Messages that an account took, their own ids as the vendor's."""
    ids = attempts(lab, count, name)
    lab.run(settle(*(settled(each, vendor_message_id=each) for each in ids)))
    return ids


def reports(lab: Lab, *ids: str, **more: Any) -> list[Report]:
    return [report(each, to=lab.record(each).to, **more) for each in ids]


def counts(lab: Lab, name: str = "a") -> dict[str, int]:
    """What was counted, over all spans."""
    found = {"taken": 0, "prompt": 0}
    for field, count in lab.raw.hgetall(keys.PROMPT + name).items():
        found[field.decode().partition(":")[0]] += int(count)
    return found


def span(lab: Lab, at: int) -> dict[str, int]:
    """What was counted in the five minutes of a time."""
    found = lab.raw.hmget(KEY, [f"taken:{at // SPAN}", f"prompt:{at // SPAN}"])
    return dict(zip(("taken", "prompt"), (int(each or 0) for each in found), strict=True))


def test_what_an_account_took_is_counted_once_a_message(lab: Lab) -> None:
    ids = submitted(lab, 3)

    lab.run(settle(*(settled(each, vendor_message_id=each) for each in ids)))

    assert counts(lab) == {"taken": 3, "prompt": 0}


def test_it_is_counted_in_the_five_minutes_of_the_answer(lab: Lab) -> None:
    (message_id,) = submitted(lab)

    assert span(lab, lab.record(message_id).updated) == {"taken": 1, "prompt": 0}


@pytest.mark.parametrize("status", ["unknown", "rejected"])
def test_what_was_not_taken_is_not_counted(lab: Lab, status: str) -> None:
    (message_id,) = attempts(lab)

    lab.run(settle(settled(message_id, status=status)))

    assert counts(lab) == {"taken": 0, "prompt": 0}


def test_each_account_has_counts_of_its_own(lab: Lab) -> None:
    one, other = attempts(lab, 1, "a"), attempts(lab, 2, "b")

    lab.run(settle(*(settled(each, vendor_message_id=each) for each in one + other)))

    assert (counts(lab, "a")["taken"], counts(lab, "b")["taken"]) == (1, 2)


def test_accounts_without_reports_are_not_counted(lab: Lab) -> None:
    ids = attempts(lab, 1, "b")

    lab.run(settle(settled(ids[0], vendor_message_id="v1"), counted=("a",)))

    assert counts(lab, "b") == {"taken": 0, "prompt": 0}


def test_switched_off_nothing_is_written(lab: Lab) -> None:
    (message_id,) = attempts(lab)

    lab.settle(settled(message_id, vendor_message_id=message_id))
    take_in(lab, *reports(lab, message_id), prompt=0.0)

    assert not lab.raw.exists(KEY)


@pytest.mark.parametrize("status", ["delivered", "undelivered", "rejected"])
def test_a_report_in_time_is_prompt_and_doubled_still_one(lab: Lab, status: str) -> None:
    (message_id,) = submitted(lab)
    found = reports(lab, message_id, status=status)

    take_in(lab, *found, *found)
    take_in(lab, *found)

    assert counts(lab) == {"taken": 1, "prompt": 1}


def test_a_report_counts_where_its_message_was_taken(lab: Lab) -> None:
    (message_id,) = submitted(lab)
    lab.pass_time(9 * MINUTE)
    taken_at = lab.record(message_id).updated

    take_in(lab, *reports(lab, message_id))

    assert counts(lab)["prompt"] == 1
    assert lab.raw.hget(KEY, f"prompt:{taken_at // SPAN}") == b"1"


def test_a_late_report_is_not_prompt(lab: Lab) -> None:
    (message_id,) = submitted(lab)
    lab.pass_time(10 * MINUTE)  # and the moment since it was taken

    take_in(lab, *reports(lab, message_id))

    assert lab.status(message_id) == "delivered"
    assert counts(lab) == {"taken": 1, "prompt": 0}


def test_a_report_that_we_were_slow_to_read_is_prompt_all_the_same(lab: Lab) -> None:
    """It came in time; that it lay in the spool for an hour is our fault."""
    (message_id,) = submitted(lab)
    lab.pass_time(HOUR)
    came = lab.record(message_id).updated + 5 * MINUTE

    take_in(lab, *reports(lab, message_id, came=came))

    assert counts(lab) == {"taken": 1, "prompt": 1}


def test_a_word_on_the_way_is_no_report_yet(lab: Lab) -> None:
    (message_id,) = submitted(lab)

    take_in(lab, *reports(lab, message_id, status="submitted", code="MO:0254"))
    assert counts(lab) == {"taken": 1, "prompt": 0}

    take_in(lab, *reports(lab, message_id))
    assert counts(lab) == {"taken": 1, "prompt": 1}


@pytest.mark.parametrize("status", ["submitted", "delivered"])
def test_a_report_that_overtakes_the_answer_is_counted_once(lab: Lab, status: str) -> None:
    (message_id,) = attempts(lab)
    found = reports(lab, message_id, status=status)
    take_in(lab, *found)

    lab.run(settle(settled(message_id, vendor_message_id=message_id)))
    take_in(lab, *reports(lab, message_id))

    assert counts(lab) == {"taken": 1, "prompt": 1}


def test_a_report_that_waited_for_the_vendors_id_is_prompt(lab: Lab) -> None:
    (message_id,) = attempts(lab)
    take_in(lab, report("v9", to=lab.record(message_id).to))
    assert lab.status(message_id) == "submitting"

    lab.run(settle(settled(message_id, vendor_message_id="v9")))

    assert lab.status(message_id) == "delivered"
    assert counts(lab) == {"taken": 1, "prompt": 1}


def test_a_lost_answer_is_not_counted_where_a_report_resolves_it(lab: Lab) -> None:
    message_id = lab.unknown()

    take_in(lab, *reports(lab, message_id))

    assert lab.status(message_id) == "delivered"
    assert counts(lab) == {"taken": 0, "prompt": 0}


def test_a_lost_answer_that_turns_up_is_counted_from_then_on(lab: Lab) -> None:
    message_id = lab.unknown()

    lab.run(settle(settled(message_id, vendor_message_id="v1")))
    take_in(lab, report(to=lab.record(message_id).to))

    assert counts(lab) == {"taken": 1, "prompt": 1}


def test_a_lost_answer_that_a_kept_report_tells_of_is_counted_as_taken(lab: Lab) -> None:
    (message_id,) = attempts(lab)
    (kept,) = reports(lab, message_id, status="submitted")
    take_in(lab, report("v7", status="submitted", to=kept.to))
    lab.run(settle(settled(message_id, status="unknown")))
    lab.raw.zadd(keys.UNKNOWN, {message_id: 0})

    lab.run(care.unknowns(50, 90.0, prompt=WITHIN))
    assert lab.status(message_id) == "submitted"
    assert counts(lab) == {"taken": 1, "prompt": 0}

    take_in(lab, report("v7", to=kept.to))
    assert counts(lab) == {"taken": 1, "prompt": 1}


def test_a_call_writes_each_count_once_however_many_messages_it_settles(lab: Lab) -> None:
    ids = attempts(lab, 100)
    lab.raw.config_resetstat()

    lab.run(settle(*(settled(each, vendor_message_id=each) for each in ids)))

    assert lab.raw.info("commandstats")["cmdstat_hincrby"]["calls"] == 1
    assert counts(lab)["taken"] == 100


def test_counts_live_for_a_day_and_two_hours_from_the_last_new_ones(lab: Lab) -> None:
    submitted(lab)
    first = lab.raw.pttl(KEY)
    lab.pass_time(HOUR)
    between = lab.raw.pttl(KEY)

    submitted(lab)

    assert KEPT - MINUTE < first <= KEPT
    assert between <= KEPT - HOUR
    assert KEPT - MINUTE < lab.raw.pttl(KEY) <= KEPT


def test_counts_that_are_too_old_go_although_the_account_is_busy(lab: Lab) -> None:
    submitted(lab, 2)
    lab.raw.hset(KEY, f"prompt:{lab.now() // SPAN}", 1)
    lab.pass_time(DAY)
    submitted(lab)
    assert counts(lab) == {"taken": 3, "prompt": 1}

    lab.pass_time(3 * HOUR, ends=False)
    submitted(lab)

    assert counts(lab) == {"taken": 2, "prompt": 0}


def test_most_calls_only_add(lab: Lab) -> None:
    for _ in range(2):  # five minutes may end in between, though not twice
        submitted(lab)
        lab.raw.persist(KEY)
        submitted(lab)
        if lab.raw.pttl(KEY) == -1:
            return
    pytest.fail("each call looked through the whole key")


def test_accounts_are_judged_by_redis_clock(lab: Lab) -> None:
    report_as(lab.raw, a=0.0, b=0.97)

    found = promptness.judge([lab.run(promptness.read(["a", "b", "c"]))], WITHIN)

    assert (found["a"].share, found["a"].usual) == (0.0, 0.97)
    assert found["a"].slow
    assert found["b"].left == 1.0
    assert found["c"] == Promptness()


def test_what_several_servers_counted_is_judged_as_one(lab: Lab) -> None:
    """The same at each: it is as many messages more, and so much surer."""
    report_as(lab.raw, a=0.0)
    one = lab.run(promptness.read(["a"]))

    (alone,) = promptness.judge([one], WITHIN).values()
    (both,) = promptness.judge([one, promptness.Counted(one.now, one.accounts)], WITHIN).values()

    assert (both.share, both.usual) == (alone.share, alone.usual) == (0.0, 0.97)
    assert both.left is not None
    assert alone.left is not None
    assert both.left == pytest.approx(alone.left / 2, rel=0.1)
    assert promptness.judge([], WITHIN) == {}
