"""One line an event, and no number in any of them."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from worker.telemetry.logs import masked

MASKED = "+86138****8000"


def clean(**event: Any) -> dict[str, Any]:
    return dict(masked(None, "info", event))


@pytest.mark.parametrize(
    "written",
    [
        "13800138000",
        "+8613800138000",
        "8613800138000",
        "008613800138000",
        "+86 138 0013 8000",
        "138-0013-8000",
        "86-138-0013-8000",
    ],
)
@pytest.mark.parametrize(
    "around",
    ["{}", "to {} from", "给{}发", "to={},", "[{}]", "mobile{}x", "a\\n{}\\tb", "('{}',)", "_{}_"],
)
def test_a_number_in_any_form_and_any_place_is_masked(written: str, around: str) -> None:
    found = clean(event=around.format(written))["event"]

    assert found == around.format(MASKED)


@pytest.mark.parametrize("around", ["%2B86{}", "%20{}%2C", "\\u4e00{}", "\\x00{}"])
def test_a_number_behind_an_escape_is_masked(around: str) -> None:
    assert "13800138000" not in clean(event=around.format("13800138000"))["event"]


@pytest.mark.parametrize(
    "harmless",
    [
        "1760000000000",  # a time in ms
        "ring-1760000000000-15",
        "01k9c5x3v0q8t7w6y5z4a3b2c1",  # an id of ours
        "6e1c1388-0013-8000-9000-013800138000",  # an id of Celery's
        "12800138000",
        "138001380001",
        "113800138000",
        "2026-11-20T11:22:33.138001Z",
    ],
)
def test_what_only_looks_like_a_number_stays(harmless: str) -> None:
    assert clean(event=harmless)["event"] == harmless


def test_a_number_is_masked_at_any_depth_and_of_any_type() -> None:
    event = clean(
        event="x",
        inside={"list": ["13800138000", {"13800138000": b"13800138000"}], "set": {"13800138000"}},
        pair=("13800138000", 1),
        number=13800138000,
        error=ValueError("13800138000"),
        count=7,
        seconds=0.25,
        nothing=None,
        yes=True,
    )

    assert "13800138000" not in repr(event)
    assert event["inside"] == {"list": [MASKED, {MASKED: MASKED}], "set": [MASKED]}
    assert event["number"] == MASKED
    assert (event["count"], event["seconds"], event["nothing"], event["yes"]) == (
        7,
        0.25,
        None,
        True,
    )


SCRIPT = """
import logging, sys, structlog
from worker.telemetry import logs as telemetry
telemetry.configure(level="INFO", as_json={as_json})
ours, theirs = structlog.get_logger("xinshi.submit"), logging.getLogger("celery.worker")
ours.info("submit.answer", to="+8613800138000", text="您好", nested=[{{"to": "13800138000"}}])
ours.debug("not.shown")
theirs.warning("cannot send to %s: %r", "13800138000", {{"to": "+8613800138000"}})
theirs.info("plain\\nin two lines", extra={{"secret": "13800138000"}})
try:
    raise ValueError("no route to 13800138000")
except ValueError:
    ours.exception("ours.failed")
    theirs.exception("theirs failed")
logging.getLogger("celery.app.trace").info("Task succeeded")
logging.getLogger("celery.app.trace").error("Task failed", exc_info=(ValueError, ValueError("13800138000"), None))
"""


def printed(as_json: str) -> str:
    """What a process prints; in one of its own, for logging is configured once a process."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT.format(as_json=as_json)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},  # noqa: TID251 - a child's environment
    )
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("as_json", ["True", "None"], ids=["asked for", "no terminal"])
def test_in_production_each_event_is_one_line_of_json(as_json: str) -> None:
    lines = [json.loads(line) for line in printed(as_json).splitlines()]

    assert [line["event"] for line in lines] == [
        "submit.answer",
        f"cannot send to {MASKED}: {{'to': '{MASKED}'}}",
        "plain\nin two lines",
        "ours.failed",
        "theirs failed",
        "Task failed",
    ]
    assert "13800138000" not in str(lines)
    assert lines[0]["nested"] == [{"to": MASKED}]
    assert {"timestamp", "level", "logger"} <= lines[0].keys()
    assert {"timestamp", "level", "logger"} <= lines[1].keys()
    for failed in lines[3:5]:
        assert f"ValueError: no route to {MASKED}" in failed["exception"]
        assert "Traceback" in failed["exception"]


def test_on_a_terminal_it_is_readable_and_masked_as_well() -> None:
    found = printed("False")

    assert "submit.answer" in found
    assert f"ValueError: no route to {MASKED}" in found
    assert "13800138000" not in found
    assert "not.shown" not in found
    assert "Task succeeded" not in found
