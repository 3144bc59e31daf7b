"""The table of statuses is consistent with itself."""

import pytest

from worker.contract.status import FINAL, FOLLOWS, Status


def test_every_status_has_its_row() -> None:
    assert FOLLOWS.keys() == {*Status}


def test_what_is_final_stays() -> None:
    assert {status for status, after in FOLLOWS.items() if not after} == FINAL


@pytest.mark.parametrize("status", Status)
def test_no_status_follows_itself(status: Status) -> None:
    assert status not in FOLLOWS[status]


@pytest.mark.parametrize("status", sorted({*Status} - FINAL))
def test_from_everywhere_an_end_can_be_reached(status: Status) -> None:
    reached, fresh = {status}, {status}
    while fresh:
        fresh = {after for each in fresh for after in FOLLOWS[each]} - reached
        reached |= fresh

    assert reached & FINAL


def test_every_status_can_be_reached() -> None:
    starts = {Status.ACCEPTED, Status.SCHEDULED}

    assert starts.union(*FOLLOWS.values()) == {*Status}


def test_what_a_vendor_took_never_goes_back() -> None:
    before = {Status.ACCEPTED, Status.SCHEDULED, Status.SUBMITTING, Status.UNKNOWN}

    assert not FOLLOWS[Status.SUBMITTED] & before
    assert Status.EXPIRED not in FOLLOWS[Status.SUBMITTED]


def test_only_what_no_vendor_was_asked_for_can_be_cancelled() -> None:
    assert {status for status in Status if Status.CANCELLED in FOLLOWS[status]} == {
        Status.ACCEPTED,
        Status.SCHEDULED,
    }


def test_only_an_open_attempt_becomes_unknown() -> None:
    assert {status for status in Status if Status.UNKNOWN in FOLLOWS[status]} == {Status.SUBMITTING}
