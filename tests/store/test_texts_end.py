"""When a text leaves its record: as soon as nobody needs it, or as much later as is set."""

import pytest

from worker.contract import keys
from worker.contract.record import content
from worker.contract.status import Status
from worker.store import arrivals, care
from worker.store.arrivals import Report
from worker.store.erasure import erase

from .conftest import DAY, HOUR, NUMBER, Lab, settled

TEXT = '{"text":"验证"}'


def taken(lab: Lab, *, last: bool = False, **fields: object) -> str:
    """A message that an account took; ``last``: its vendor sends no reports."""
    message_id = lab.put_one(to=NUMBER, **fields)
    assert lab.claimed() == [message_id]
    lab.settle(settled(message_id, vendor_message_id=f"v-{message_id}", last=last))
    return message_id


def report(lab: Lab, message_id: str, status: Status) -> None:
    item = Report(
        account="a",
        vendor_message_id=f"v-{message_id}",
        to=NUMBER,
        status=status,
        code="",
        reason="",
    )
    (told,) = lab.run(arrivals.report([item], memory=72 * 3600))
    assert told.verdict == "applied"


@pytest.mark.parametrize("status", [Status.DELIVERED, Status.UNDELIVERED])
def test_a_text_goes_when_a_report_says_how_its_message_ended(lab: Lab, status: Status) -> None:
    message_id = taken(lab)
    assert lab.record(message_id).content == TEXT, "a report may still make it a dead letter"

    report(lab, message_id, status)

    assert lab.record(message_id).content == ""
    assert lab.record(message_id).status == status


def test_a_text_goes_with_the_submit_where_no_report_will_come(lab: Lab) -> None:
    assert lab.record(taken(lab, last=True)).content == ""


def test_a_rejection_by_a_vendor_without_reports_is_a_dead_letter_with_its_text(lab: Lab) -> None:
    message_id = lab.put_one()
    lab.claim()
    lab.settle(settled(message_id, status="rejected", last=True))

    assert lab.record(message_id).content == TEXT
    assert lab.run(care.replay(message_id, "again", validity=60, retention=60))
    assert lab.record("again").content == TEXT
    assert lab.record(message_id).content == ""


def test_a_text_goes_when_its_message_is_cancelled_or_suppressed(lab: Lab) -> None:
    cancelled = lab.put_one(due=lab.now() + HOUR)
    lab.cancel(cancelled)
    lab.raw.sadd(keys.SUPPRESSED + "all", NUMBER[3:])
    suppressed = lab.put_one(to=NUMBER, stream="marketing")
    lab.claim(stream="marketing", suppress=True)

    found = [lab.record(each) for each in (cancelled, suppressed)]

    assert [(each.status, each.content) for each in found] == [
        ("cancelled", ""),
        ("suppressed", ""),
    ]


def test_what_may_be_submitted_again_keeps_its_text(lab: Lab) -> None:
    message_id = lab.unknown()
    assert lab.record(message_id).content == TEXT

    assert lab.resend(message_id, "any") == "accepted"
    ((claimed, record),) = lab.claim().messages

    assert claimed == message_id
    assert content(record).text == "验证"


def test_a_text_is_kept_for_as_long_as_is_set(lab: Lab) -> None:
    lab.raw.set(keys.TEXTS_KEPT, DAY)
    message_id, other = taken(lab), taken(lab, last=True)
    report(lab, message_id, Status.DELIVERED)

    lab.pass_time(DAY - HOUR)
    assert lab.run(erase(100)) == 0
    assert [lab.record(each).content for each in (message_id, other)] == [TEXT, TEXT]

    lab.pass_time(2 * HOUR)
    assert lab.run(erase(100)) == 2
    assert [lab.record(each).content for each in (message_id, other)] == ["", ""]
    assert not lab.raw.exists(keys.OUTLIVED)


def test_a_text_is_kept_with_its_record_where_that_is_set(lab: Lab) -> None:
    lab.raw.set(keys.TEXTS_KEPT, -1)

    message_id = taken(lab, last=True)

    assert lab.record(message_id).content == TEXT
    assert not lab.raw.exists(keys.OUTLIVED)


def test_erasing_goes_on_where_a_record_is_gone_and_tells_no_event(lab: Lab) -> None:
    lab.raw.set(keys.TEXTS_KEPT, 1000)
    gone, alive = taken(lab, last=True), taken(lab, last=True)
    lab.raw.delete(keys.message(gone))
    lab.pass_time(2000)
    events = lab.raw.xlen(keys.EVENTS)

    assert lab.run(erase(1)) == 1
    assert lab.run(erase(100)) == 1

    assert lab.record(alive).content == ""
    assert lab.raw.xlen(keys.EVENTS) == events
