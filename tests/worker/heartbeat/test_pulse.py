"""The pulse: the heart beats while a worker works, and stops when that hangs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.worker.conftest import until
from worker.contract.settings import parse
from worker.heartbeat.heart import STALE, Heart
from worker.heartbeat.pulse import Pulse
from worker.process import Process
from worker.store.client import AsyncStore

DEAD = "redis://127.0.0.1:1/0"


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
