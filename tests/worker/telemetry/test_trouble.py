"""Trouble with one: told without its text, and not raised."""

import asyncio

import pytest
from structlog.testing import capture_logs

from worker.contract.errors import StoreError
from worker.telemetry.trouble import apart


def test_what_goes_wrong_with_one_is_logged_without_its_text() -> None:
    with capture_logs() as logs, apart("probe", account="a"):
        raise ValueError("a secret")

    (line,) = logs
    assert (line["event"], line["account"], line["error"]) == ("adapter.broken", "a", "ValueError")
    assert "a secret" not in str(logs)


def test_a_store_that_is_away_is_no_adapters_fault() -> None:
    with capture_logs() as logs, apart("probe", broken="other", account="a"):
        raise StoreError("Redis cannot be reached")

    (line,) = logs
    assert (line["event"], line["act"], line["log_level"]) == ("store.lost", "probe", "warning")


async def test_an_end_that_was_asked_for_is_not_swallowed() -> None:
    with pytest.raises(asyncio.CancelledError), apart("probe"):
        raise asyncio.CancelledError
