"""The heart: a file whose age says how long ago a process worked, and the look at it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from worker.contract.errors import SettingsError
from worker.contract.settings import parse
from worker.heartbeat.__main__ import main
from worker.heartbeat.heart import EVERY, STALE, Heart, complaint
from worker.process import Process


def test_a_heart_that_beat_lately_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "heartbeat"
    Heart(str(file)).beat()

    assert main([str(file)]) == 0
    assert capsys.readouterr().err == ""


def test_a_heart_that_stopped_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "heartbeat"
    Heart(str(file))
    then = time.time() - STALE - 60
    os.utime(file, (then, then))

    assert main([str(file)]) == 1
    assert "the last heartbeat is 12" in capsys.readouterr().err


def test_a_heart_that_never_beat_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none")]) == 1
    assert "no heartbeat at" in capsys.readouterr().err
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_a_clock_that_was_put_back_kills_nobody(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    Heart(str(file))

    assert complaint(file, time.time() - 3600) is None


def test_the_look_is_a_command_that_loads_little(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    Heart(str(file))
    loud = [sys.executable, "-X", "importtime", "-m", "worker.heartbeat", str(file)]

    said = subprocess.run(loud, capture_output=True, text=True, check=True)

    for heavy in ("asyncio", "redis", "celery", "structlog", "msgspec"):
        assert f" {heavy}\n" not in said.stderr


def test_a_file_that_cannot_be_written_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be written: No such file") as caught:
        Heart(str(tmp_path / "nowhere" / "heartbeat"))

    assert caught.value.key == "worker.heartbeat"
    with pytest.raises(SettingsError):
        Process(parse({"worker": {"heartbeat": str(tmp_path / "nowhere" / "heartbeat")}}))


def test_a_probe_that_misses_some_beats_does_not_kill() -> None:
    assert EVERY * 5 < STALE
