"""Happenings: how events are packed, read and shown, and what settings there are."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from worker.contract import happenings
from worker.contract.errors import SettingsError
from worker.contract.happenings import KEPT, STATUS_TYPES, TYPES, Event
from worker.contract.settings import parse
from worker.contract.status import Status

STEP = ["delivered", "m1", "otp", "a", "+86138****8000", "tag", "why", "0", 2, 1, "v1"]
AT = 1_763_611_200_123


def test_what_a_script_packs_tightly_is_read_by_its_names() -> None:
    found = happenings.unpack(f"{AT}-7", msgspec.msgpack.encode(STEP))

    assert (found.id, found.type, found.at) == (f"{AT}-7", "delivered", AT)
    assert found.data == {
        "id": "m1",
        "status": "delivered",
        "stream": "otp",
        "account": "a",
        "to": "+86138****8000",
        "tag": "tag",
        "reason": "why",
        "code": "0",
        "attempts": 2,
        "segments": 1,
        "vendor_message_id": "v1",
    }


def test_what_python_packs_comes_back() -> None:
    data: dict[str, object] = {"account": "a", "runway_hours": None, "balance": "12.50"}

    found = happenings.unpack("5-0", happenings.pack("balance.low", data))

    assert found == Event("5-0", "balance.low", 5, data)


def test_an_event_is_shown_in_utc_with_milliseconds() -> None:
    shown = Event("1-0", "inbound", AT, {"from": "+86138****8000"}).to_dict()

    assert shown == {
        "id": "1-0",
        "type": "inbound",
        "at": "2025-11-20T04:00:00.123Z",
        "data": {"from": "+86138****8000"},
    }
    assert datetime.fromisoformat(str(shown["at"])) == datetime(
        2025, 11, 20, 4, 0, 0, 123_000, tzinfo=UTC
    )


@pytest.mark.parametrize("packed", [b"", b"\xc1", b"\x93", b"\x81\xa1x\x01", b"\xa3abc"])
def test_what_is_no_event_is_an_error(packed: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        happenings.unpack("1-0", packed)


def test_a_later_version_may_add_to_what_is_packed() -> None:
    longer = msgspec.msgpack.encode([*STEP, "new"])
    map_with_more = msgspec.msgpack.encode({"type": "new.type", "data": {}, "new": 1})

    assert happenings.unpack("1-0", longer).data["vendor_message_id"] == "v1"
    assert happenings.unpack("1-0", map_with_more).type == "new.type"


def test_every_status_but_an_open_attempt_is_a_type() -> None:
    assert set(STATUS_TYPES) == set(Status) - {Status.SUBMITTING}
    assert len(TYPES) == len(set(TYPES))
    assert set(STATUS_TYPES) < set(TYPES)


def test_how_many_are_kept_is_a_setting() -> None:
    assert parse({}).events.keep == KEPT == 100_000
    assert parse({"events": {"keep": 5}}).events.keep == 5
    assert parse({"events": {"keep": 0}}).events.keep == 0


@pytest.mark.parametrize("table", [{"keep": -1}, {"keep": "many"}, {"keep": True}, {"kept": 1}])
def test_a_bad_setting_is_named(table: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"^events\.kee?p"):
        parse({"events": table})


def test_every_type_and_field_is_explained() -> None:
    text = (Path(__file__).parents[2] / "docs" / "events.md").read_text("utf-8")
    step = happenings.unpack("1-0", msgspec.msgpack.encode(STEP))

    for name in (*TYPES, *step.data):
        assert f"`{name}`" in text
