"""Beat's ticks: none while nobody takes them, and none that Redis's absence could stop."""

from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from worker.contract.jobs import TICKS, Task
from worker.heartbeat.heart import STALE, Heart
from worker.schedule import SCHEDULE, Ticks
from worker.telemetry import metrics
from worker.telemetry.metrics import Counts

from .conftest import PATIENCE

DEAD = "redis://127.0.0.1:1/0"


@pytest.fixture
def app(redis_url: str) -> Any:
    found = Celery("test", broker=redis_url, set_as_current=False)
    found.conf.update(
        beat_schedule=SCHEDULE,
        task_ignore_result=True,
        broker_transport_options={"socket_timeout": 1, "socket_connect_timeout": 1},
    )
    yield found
    found.close()


def send(scheduler: Ticks, name: str) -> None:
    scheduler.apply_entry(scheduler.schedule[name], producer=scheduler.producer)


def test_the_ticks_come_often_and_carry_nothing(app: Any) -> None:
    scheduler = Ticks(app)

    every = {
        entry.task: entry.schedule.run_every.total_seconds()
        for entry in scheduler.schedule.values()
    }
    assert every == {
        Task.RELEASE: 1.0,
        Task.SWEEP: 1.0,
        Task.INTAKE: 1.0,
        Task.NOTIFY: 1.0,
        Task.POLL: 2.0,
        Task.RESOLVE: 2.0,
        Task.PROBE: 10.0,
        Task.BALANCES: 30.0,
    }
    for entry in scheduler.schedule.values():
        assert (entry.args, entry.kwargs) == ((), {})
        assert entry.options["queue"] == TICKS
        assert 0 < entry.options["expires"] < PATIENCE
    scheduler.close()


def test_a_tick_goes_to_its_queue(app: Any, raw: "redis.Redis") -> None:
    scheduler = Ticks(app)

    send(scheduler, Task.SWEEP)

    assert raw.llen(TICKS) == 1
    scheduler.close()


def test_no_tick_is_sent_while_ten_wait_and_they_go_on_when_one_is_taken(
    app: Any, raw: "redis.Redis"
) -> None:
    scheduler = Ticks(app)

    for _ in range(30):
        send(scheduler, Task.RELEASE)
    full = raw.llen(TICKS)
    raw.rpop(TICKS)
    send(scheduler, Task.RELEASE)
    send(scheduler, Task.RELEASE)

    assert full == 10
    assert raw.llen(TICKS) == 10
    scheduler.close()


def test_ticks_go_on_after_their_connections_were_cut(app: Any, raw: "redis.Redis") -> None:
    scheduler = Ticks(app)
    send(scheduler, Task.RELEASE)

    raw.client_kill_filter(_type="normal", skipme=True)
    for _ in range(3):
        send(scheduler, Task.RELEASE)

    assert int(raw.llen(TICKS)) >= 2
    scheduler.close()


def test_each_round_of_beat_is_a_heartbeat(app: Any, tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    scheduler = Ticks(app)
    scheduler.heart = Heart(str(file))
    file.unlink()

    scheduler.tick()

    assert file.exists()
    scheduler.close()


def test_beats_heart_goes_on_while_redis_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent: list[float] = [0.0]  # seconds since each heartbeat, as kombu would sleep them

    def sleep(seconds: float) -> None:
        if file.exists():
            file.unlink()
            silent.append(0.0)
        silent[-1] += seconds
        if sum(silent) > 5 * STALE:
            raise KeyboardInterrupt

    monkeypatch.setattr("kombu.utils.functional.sleep", sleep)
    file = tmp_path / "heartbeat"
    app = Celery("test", broker=DEAD, set_as_current=False)
    app.conf.broker_connection_max_retries = None
    scheduler = Ticks(app)
    scheduler.heart = Heart(str(file))

    with pytest.raises(KeyboardInterrupt):
        assert scheduler.producer

    assert max(silent) < STALE / 4
    app.close()


def test_ticks_are_counted_sent_or_not(app: Any, raw: "redis.Redis") -> None:
    scheduler = Ticks(app)
    scheduler.counts = Counts()

    for _ in range(13):
        send(scheduler, Task.RELEASE)
    raw.delete(TICKS)
    send(scheduler, Task.SWEEP)

    assert scheduler.counts.totals[metrics.TICKS.name] == {("sms.release",): 10, ("sms.sweep",): 1}
    assert scheduler.counts.totals[metrics.TICKS_WITHHELD.name] == {("sms.release",): 3}
    scheduler.close()
