"""A message that no report will tell of any more: said when it is read, and never delivered."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from producers.snapshot import NO_REPORT, NO_REPORTS, unreported
from worker.contract import settings
from worker.contract.record import Record
from worker.contract.status import Status, Stream

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TABLE: dict[str, Any] = {
    "vendors": {
        "silent": {"adapter": "chuangxin", "appcode": "s"},
        "telling": {
            "adapter": "tencent",
            "base_url": "http://127.0.0.1:1",
            **dict.fromkeys(("secret_id", "secret_key", "account", "password"), "s"),
            "extno": "1",
        },
    },
    "defaults": {"signature": "信使"},
}


def record(status: Status = Status.SUBMITTED, *, ago: timedelta, reason: str = "") -> Record:
    updated = int((NOW - ago).timestamp() * 1000)
    return Record(
        *(status, Stream.NOTICE, "+8613800138000", "", 1, 1, "", "", "", updated, 0, 0),
        updated=updated,
        reason=reason,
    )


@pytest.mark.parametrize(
    ("hours", "reported", "said"),
    [(71.9, True, ""), (72, True, NO_REPORT), (0, False, NO_REPORTS), (99, False, NO_REPORTS)],
)
def test_what_is_said_of_a_submitted_message(hours: float, reported: bool, said: str) -> None:
    found = record(ago=timedelta(hours=hours))

    assert unreported(found, reported=reported, horizon=72 * 3600, now=NOW) == said


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.SUBMITTED}))
def test_nothing_is_said_of_any_other(status: Status) -> None:
    found = record(status, ago=timedelta(days=9))

    assert unreported(found, reported=False, horizon=1, now=NOW) == ""


def test_what_a_vendor_without_reports_said_stays() -> None:
    found = record(ago=timedelta(0), reason="presumed")

    assert unreported(found, reported=False, horizon=1, now=NOW) == "presumed"


@pytest.mark.parametrize(
    ("account", "days", "reason"),
    [("silent", 0, NO_REPORTS), ("telling", 0, ""), ("telling", 4, NO_REPORT)],
)
async def test_the_client_says_it_and_nothing_is_stored(  # noqa: PLR0917 - fixtures
    connect: Callable[..., Any],
    redis_url: str,
    raw: Any,
    finish: Callable[[Status], None],
    find: Callable[[str], Record],
    account: str,
    days: int,
    reason: str,
) -> None:
    table = settings.parse(TABLE)
    client = connect(redis_url, table)
    message_id = await client.send("13800138000", "您好", account=account)
    finish(Status.SUBMITTED)
    stored = find(message_id)
    stored.account = account
    raw.set(f"xinshi:m:{message_id}", msgspec.msgpack.encode(stored))
    later = connect(redis_url, table, clock=lambda: datetime.now(UTC) + timedelta(days=days))

    found = await later.status(message_id)

    assert (found.status, found.reason) == ("submitted", reason)
    assert find(message_id) == stored
