"""The schedule: beat's ticks. Each is idempotent, so two beats do no harm; none is kept on disk."""

from typing import Any

import structlog
from celery.beat import Scheduler
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from worker.contract.jobs import TICKS, Task
from worker.heartbeat.heart import Heart
from worker.telemetry.metrics import TICKS as SENT
from worker.telemetry.metrics import TICKS_WITHHELD, Counts, Metric

log = structlog.get_logger("xinshi.beat")

_EXPIRES = 10  # seconds after which a tick is worth nothing
_MOST = 10  # ticks that may wait for a worker
_RECONNECT = 5  # seconds at the most between two tries to reach Redis

_EVERY = {  # seconds
    Task.RELEASE: 1.0,
    Task.SWEEP: 1.0,
    Task.RESOLVE: 2.0,
    Task.PROBE: 10.0,
    Task.POLL: 2.0,
    Task.INTAKE: 1.0,
    Task.NOTIFY: 1.0,
    Task.BALANCES: 30.0,
}


def _entry(task: Task, seconds: float) -> dict[str, object]:
    options = {"queue": TICKS, "expires": _EXPIRES}
    return {"task": task.value, "schedule": seconds, "options": options}


SCHEDULE = {task.value: _entry(task, seconds) for task, seconds in _EVERY.items()}
#: the same where there are several shards
SHARING = SCHEDULE | {Task.SHARE.value: _entry(Task.SHARE, 2.0)}


class Ticks(Scheduler):
    """Beat's in-memory scheduler, which sends no tick while nobody takes them.

    Celery's own goes on for ever: after an hour without a worker 7,200 expired ticks would stand
    in front of the first good one.
    """

    heart: Heart | None = None  #: beats with each round, whether Redis is there or not
    counts: Counts | None = None  #: where what was sent is counted

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if self.heart:
            self.heart.beat()
        return float(super().tick(*args, **kwargs))

    def _ensure_connected(self) -> Any:
        """Wait for Redis, as Celery's own does, but with a heartbeat and never long asleep."""
        retries = self.app.conf.broker_connection_max_retries
        return self.connection.ensure_connection(self._away, retries, interval_max=_RECONNECT)

    def _away(self, error: Exception, interval: float) -> None:
        log.warning("beat.waiting", reason=type(error).__name__, seconds=interval)
        if self.heart:
            self.heart.beat()

    def apply_async(
        self, entry: Any, producer: Any = None, advance: bool = True, **kwargs: Any
    ) -> Any:
        if self._waiting(producer) >= _MOST:
            self._count(TICKS_WITHHELD, entry)
            return None
        sent = super().apply_async(entry, producer=producer, advance=advance, **kwargs)
        self._count(SENT, entry)
        return sent

    def _count(self, metric: Metric, entry: Any) -> None:
        if self.counts:
            self.counts.add(metric, entry.task)

    def _waiting(self, producer: Any) -> int:
        try:
            return int(producer.channel.client.llen(TICKS))
        except (OperationalError, RedisError, OSError):
            return 0  # the send itself will tell
