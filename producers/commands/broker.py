"""What ``xinshi doctor`` asks of Celery's side: does a task that a worker took come back."""

from collections.abc import Iterator

from producers.commands.backlog import age
from producers.commands.checks import Check, ok, warning
from worker.contract import jobs
from worker.contract.settings import WorkerSettings
from worker.store.client import Store

_LATE = 60.0  # seconds past its time at which a task should have come back


def check(store: Store, settings: WorkerSettings) -> Iterator[Check]:
    """Check how long taken tasks are hidden, and those that should not be any more."""
    yield visibility(settings.slice)
    seconds, micros = store.redis.time()
    now = float(seconds) + float(micros) / 1_000_000
    late = int(store.redis.zcount(jobs.UNACKED, "-inf", now - jobs.VISIBILITY - _LATE))
    yield unacknowledged(int(store.redis.zcard(jobs.UNACKED)), late)


def visibility(slice_: float) -> Check:
    """Judge a pump's slice: what a worker took while all its threads pump must wait no longer."""
    found = f"a task comes again after {jobs.VISIBILITY} s, a pump runs {slice_:g} s"
    if slice_ >= jobs.VISIBILITY / 2:
        return warning("visibility", found, "lower worker.slice, or tasks come twice; 10s is meant")
    return ok("visibility", found)


def unacknowledged(count: int, late: int) -> Check:
    """Judge tasks that workers took and did not begin; ``late``: those that nobody brings back."""
    found = f"{count} taken, not begun"
    if late:
        told = f"{found}, {late} of them for more than {age(jobs.VISIBILITY + _LATE)}"
        return warning(
            "tasks", told, "start a worker: it brings them back. No message depends on it"
        )
    return ok("tasks", found)
