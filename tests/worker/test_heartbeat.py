"""The heartbeat: it goes on while a process works, and stops when that hangs."""

import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from worker import heartbeat
from worker.contract.errors import SettingsError
from worker.contract.settings import parse
from worker.heartbeat import EVERY, STALE, Heart
from worker.process import Process
from worker.pulse import Pulse
from worker.store.client import AsyncStore

from .conftest import until

DEAD = "redis://127.0.0.1:1/0"


def test_a_heart_that_beat_lately_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "heartbeat"
    Heart(str(file)).beat()

    assert heartbeat.main([str(file)]) == 0
    assert capsys.readouterr().err == ""


def test_a_heart_that_stopped_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "heartbeat"
    Heart(str(file))
    then = time.time() - STALE - 60
    os.utime(file, (then, then))

    assert heartbeat.main([str(file)]) == 1
    assert "the last heartbeat is 12" in capsys.readouterr().err


def test_a_heart_that_never_beat_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert heartbeat.main([str(tmp_path / "none")]) == 1
    assert "no heartbeat at" in capsys.readouterr().err
    assert heartbeat.main([]) == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_a_clock_that_was_put_back_kills_nobody(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    Heart(str(file))

    assert heartbeat.complaint(file, time.time() - 3600) is None


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


class Clock:
    """A clock that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Patient:
    """A pulse on a moved clock, and whether it beats."""

    def __init__(self, file: Path, store: AsyncStore) -> None:
        self.clock, self.file = Clock(), file
        self.heart = Heart(str(file))
        self.pulse = Pulse(self.heart, store, clock=self.clock)

    async def beats(self, after: float) -> bool:
        self.file.unlink(missing_ok=True)
        self.clock.now += after
        await self.pulse.look()
        return self.file.exists()


@pytest_asyncio.fixture(params=["there", "away"])
async def patient(
    request: pytest.FixtureRequest, tmp_path: Path, redis_url: str
) -> AsyncIterator[Patient]:
    there = request.param == "there"
    store = AsyncStore(redis_url if there else DEAD, timeout=10.0)
    yield Patient(tmp_path / "heartbeat", store)
    await store.close()


async def test_it_beats_while_celerys_consumer_runs(patient: Patient) -> None:
    for _ in range(3):
        assert await patient.beats(after=STALE - 1)
        patient.pulse.heard()


@pytest.mark.parametrize("patient", ["there"], indirect=True)
async def test_it_stops_where_the_consumer_is_silent_though_redis_is_there(
    patient: Patient,
) -> None:
    assert not await patient.beats(after=STALE + 1)
    patient.pulse.heard()
    assert await patient.beats(after=1)


@pytest.mark.parametrize("patient", ["away"], indirect=True)
async def test_it_goes_on_while_redis_is_away(patient: Patient) -> None:
    assert await patient.beats(after=STALE + 1)


@pytest.mark.parametrize("patient", ["there"], indirect=True)
async def test_a_file_that_cannot_be_touched_any_more_stops_nothing_else(
    patient: Patient, tmp_path: Path
) -> None:
    (tmp_path / "heartbeat").unlink()
    (tmp_path / "heartbeat").symlink_to(tmp_path / "gone" / "heartbeat")

    await patient.pulse.look()

    assert not (tmp_path / "heartbeat").exists()


async def test_a_process_beats_from_its_start_to_its_end(tmp_path: Path, redis_url: str) -> None:
    file = tmp_path / "heartbeat"
    process = Process(parse({"redis_url": redis_url, "worker": {"heartbeat": str(file)}}))
    file.unlink()

    process.start()
    await until(file.exists, "the first beat")
    process.consuming()
    process.stop()
