"""Reports: from the vendors' words to ours."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.worker.coming_back import NUMBER, page, row, table
from worker.contract.events import DeliveryReport, Raw
from worker.contract.status import Status
from worker.incoming import reports
from worker.vendors import load_all
from worker.vendors.base import Found, Vendor

CAME = 1_800_000_000_000


@pytest.fixture
def vendors() -> dict[str, Vendor]:
    return dict(load_all(table("redis://unused.invalid")))


def told(**fields: Any) -> DeliveryReport:
    plain: dict[str, Any] = {"vendor_message_id": "v1", "to": NUMBER, "code": "DELIVRD"}
    return DeliveryReport(**(plain | {"status": Status.DELIVERED} | fields))


@pytest.mark.parametrize(
    ("stat", "status", "barred", "blocked"),
    [
        ("DELIVRD", "delivered", False, ""),
        ("EXPIRED", "undelivered", False, ""),
        ("REJECTD", "rejected", False, ""),
        ("MA:0001", "rejected", True, ""),
        ("MA:0023", "rejected", True, ""),
        ("MA:0029", "rejected", True, ""),
        ("MA:0022", "undelivered", False, "1800000"),
        ("MO:0254", "submitted", False, ""),
        ("UNKNOWN", "submitted", False, ""),
        ("ACCEPTD", "submitted", False, ""),
        ("MO:4711", "undelivered", False, ""),
        ("WHATEVER", "undelivered", False, ""),
    ],
)
def test_what_tencents_states_come_to(
    vendors: dict[str, Vendor], stat: str, status: str, barred: bool, blocked: str
) -> None:
    vendor = vendors["tencent"]
    (report,) = vendor.reports(Raw("report", page(row("v1", stat))))

    found = reports.arrival(vendor, report, CAME)

    assert (found.status, found.barred, found.blocked) == (status, barred, blocked)
    assert (found.account, found.vendor_message_id, found.code) == ("tencent", "v1", stat)


def test_the_networks_expired_is_undelivered(vendors: dict[str, Vendor]) -> None:
    found = reports.arrival(vendors["tencent"], told(status=Status.EXPIRED))

    assert found.status is Status.UNDELIVERED


@pytest.mark.parametrize(
    ("said", "came"),
    [
        (None, CAME),
        (CAME, CAME),
        (CAME - 299_000, CAME),  # its clock may be behind
        (CAME - 3_600_000, CAME - 3_300_000),
        (CAME + 3_600_000, CAME),
    ],
)
def test_a_report_is_as_old_as_its_vendor_says_or_older(
    vendors: dict[str, Vendor], said: int | None, came: int
) -> None:
    at = datetime.fromtimestamp(said / 1000, UTC) if said else None

    assert reports.arrival(vendors["tencent"], told(at=at), CAME).came == came


@pytest.mark.parametrize(
    ("hint", "asked", "status"),
    [
        ("delivered", "submitted", "delivered"),
        ("delivered", "delivered", "delivered"),
        ("delivered", None, "delivered"),
        ("delivered", "undelivered", "submitted"),
        ("undelivered", "undelivered", "undelivered"),
        ("undelivered", "submitted", "submitted"),
        ("undelivered", None, "submitted"),
        ("submitted", "submitted", "submitted"),
        ("submitted", "undelivered", "submitted"),
        ("unknown", "submitted", "submitted"),
    ],
)
def test_a_hint_is_worth_what_the_vendor_does_not_contradict(
    hint: str, asked: str | None, status: str
) -> None:
    answer = Found(found=True, code="asked", status=Status(asked) if asked else None)

    found = reports.confirmed(told(status=Status(hint), code="hinted", hint=True), answer)

    assert found.status == status
    assert found.code == ("hinted" if status == hint != "submitted" else "asked")
    assert not found.hint
