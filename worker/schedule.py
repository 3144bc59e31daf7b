"""The schedule: beat's ticks. Each is idempotent, so two beats do no harm; none is kept on disk."""

from typing import Any

from celery.beat import Scheduler
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from worker.contract.jobs import TICKS, Task

_EXPIRES = 10  # seconds after which a tick is worth nothing
_MOST = 10  # ticks that may wait for a worker

_EVERY = {  # seconds
    Task.RELEASE: 1.0,
    Task.SWEEP: 1.0,
    Task.RESOLVE: 2.0,
    Task.PROBE: 10.0,
    Task.POLL: 2.0,
    Task.INTAKE: 1.0,
}

SCHEDULE = {
    task.value: {
        "task": task.value,
        "schedule": seconds,
        "options": {"queue": TICKS, "expires": _EXPIRES},
    }
    for task, seconds in _EVERY.items()
}


class Ticks(Scheduler):
    """Beat's in-memory scheduler, which sends no tick while nobody takes them.

    Celery's own goes on for ever: after an hour without a worker 7,200 expired ticks would stand
    in front of the first good one.
    """

    def apply_async(
        self, entry: Any, producer: Any = None, advance: bool = True, **kwargs: Any
    ) -> Any:
        if self._waiting(producer) >= _MOST:
            return None
        return super().apply_async(entry, producer=producer, advance=advance, **kwargs)

    def _waiting(self, producer: Any) -> int:
        try:
            return int(producer.channel.client.llen(TICKS))
        except (OperationalError, RedisError, OSError):
            return 0  # the send itself will tell
