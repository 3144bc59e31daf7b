"""What ``xinshi doctor`` asks of the worker processes: who is alive, and what nobody serves."""

from collections.abc import Iterator, Sequence

from producers.commands.backlog import age
from producers.commands.checks import Check, error, ok, warning
from producers.steps import plain
from worker.contract import jobs
from worker.contract.status import Stream
from worker.store import presence
from worker.store.client import Store
from worker.store.presence import Vitals, Worker, Workers

_START = "start one, as a line of the Procfile does"
_QUEUES = (*(jobs.queue(stream) for stream in Stream), jobs.TICKS)


def check(store: Store) -> Iterator[Check]:
    """Check the worker processes; raises StoreError."""
    yield from judge(store.run(presence.workers()))


def judge(found: Workers) -> Iterator[Check]:
    """Judge what the store knows of them."""
    yield _alive(found)
    for each in found.all:
        yield _worker(each, found.now)
    yield from _unserved([each.vitals for each in found.alive if each.vitals])


def _alive(found: Workers) -> Check:
    versions = sorted({each.vitals.version for each in found.alive if each.vitals})
    if not found.alive:
        last = f"; the last was heard {age(found.all[0].age)} ago" if found.all else ""
        return error("workers", f"no worker is alive{last}", _START)
    text = f"{len(found.alive)} alive"
    if len(versions) > 1:
        text += f", of versions {plain(', '.join(versions))}"
        return warning("workers", text, "end the old ones when the new ones run well")
    return ok("workers", text)


def _worker(each: Worker, now: int) -> Check:
    check, heard = f"worker {plain(each.name)}", f"heard {age(each.age)} ago"
    if not each.alive:
        advice = "it ended without a word, or cannot reach Redis: see its log"
        return warning(check, heard, advice)
    if each.vitals is None:
        return ok(check, heard)
    served = ", ".join(each.vitals.queues)
    parts = [
        heard,
        f"up {age((now - each.vitals.started) / 1000)}",
        f"{each.vitals.in_flight} in flight",
        *([f"serves {plain(served)}"] if served else []),
    ]
    return ok(check, ", ".join(parts))


def _unserved(alive: Sequence[Vitals]) -> Iterator[Check]:
    """Name the queues that nobody serves, where each process says which ones it does."""
    if not alive or not all(each.queues for each in alive):
        return
    served = {queue for each in alive for queue in each.queues}
    for queue in _QUEUES:
        if queue not in served:
            yield error(f"queue {queue}", "no worker serves it", f"start one with -Q {queue}")
