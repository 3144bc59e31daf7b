"""What ``xinshi doctor`` asks of the work itself: does it move, and if not, who is missing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from producers.commands.checks import Check, error, ok, warning
from worker.contract import jobs, keys, record
from worker.contract.status import Status, Stream
from worker.store.client import Store

_RING = re.compile(rb'"correlation_id": "ring-(\d+)-')
_PATIENCE = 5.0  # seconds in which rings are taken, work is rung for, and ticks do their part
_LONG = 60.0  # seconds that ready work may wait for free slots before someone should look
_LATE = 15.0  # seconds past its deadline at which the sweep should have found an attempt
_TICKS = 5  # ticks on their queue: beat adds two a second, a worker takes them at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """The work of one stream. Ages in seconds."""

    ready: int = 0
    rings: int = 0
    ring_age: float = 0.0  #: of the oldest ring that nobody took
    awake: bool = False  #: a pump said within the last second that it will look again
    head_age: float = 0.0  #: of the change that made the first message ready


def check(store: Store) -> Iterator[Check]:
    """Check each stream, then what beat's ticks look after."""
    now = _now(store)
    for each in Stream:
        yield stream(each, pile(store, each, now))
    yield _waiting(store, now)
    yield _attempts(store, now)
    yield _ticks(store)


def _now(store: Store) -> float:
    seconds, micros = store.redis.time()
    return float(seconds) + float(micros) / 1_000_000


def pile(store: Store, each: Stream, now: float) -> Pile:
    """Look at one stream."""
    queue, ready = jobs.queue(each), keys.ready(each)
    with store.redis.pipeline(transaction=False) as pipe:
        pipe.llen(ready)
        pipe.lindex(ready, 0)
        pipe.llen(queue)
        pipe.lindex(queue, -1)
        pipe.exists(keys.AWAKE + each)
        length, head, rings, oldest, awake = pipe.execute()
    packed = store.redis.get(keys.message(head.decode())) if head else None
    first = record.decode(packed) if isinstance(packed, bytes) else None
    rung = _RING.search(oldest) if oldest else None
    return Pile(
        ready=length,
        rings=rings,
        ring_age=max(0.0, now - int(rung[1]) / 1000) if rung else 0.0,
        awake=bool(awake),
        head_age=max(0.0, now - first.updated / 1000)
        if first and first.status is Status.ACCEPTED
        else 0.0,
    )


def stream(name: str, found: Pile) -> Check:
    """Judge one stream's work."""
    check = f"stream {name}"
    rings = f", {found.rings} rings on {jobs.queue(name)}" if found.rings else ""
    text = f"{found.ready} ready{rings}"
    if found.ready and found.rings and found.ring_age > _PATIENCE:
        # A worker takes a ring at once, whatever it does with it: nobody listens there.
        text += f", the oldest for {age(found.ring_age)}"
        return error(check, text, f"start a worker with -Q {jobs.queue(name)}")
    if found.ready and not found.rings and not found.awake and found.head_age > _PATIENCE:
        text += f", the first for {age(found.head_age)}, and nobody was rung"
        return error(check, text, "start beat: its sweep rings again")
    if found.ready and found.head_age > _LONG:
        text += f", the first for {age(found.head_age)}"
        return warning(check, text, "limits or vendors hold it back: see xinshi vendors, the log")
    return ok(check, text)


def _waiting(store: Store, now: float) -> Check:
    count = store.redis.zcard(keys.WAITING)
    first = store.redis.zrange(keys.WAITING, 0, 0, withscores=True)
    if not first:
        return ok("waiting", "0 messages")
    late = now - float(first[0][1]) / 1000
    found = f"{count} messages, the next in {age(-late)}"
    if late <= _PATIENCE:
        return ok("waiting", f"{count} messages, the next is due" if late > 0 else found)
    found = f"{count} messages, the oldest due {age(late)} ago"
    return error("waiting", found, f"start beat, and a worker with -Q {jobs.TICKS}")


def _attempts(store: Store, now: float) -> Check:
    count, lost = 0, 0
    for account in store.redis.smembers(keys.ACCOUNTS):
        key = keys.OPEN + (account if isinstance(account, str) else account.decode())
        count += int(store.redis.zcard(key))
        lost += int(store.redis.zcount(key, "-inf", (now - _LATE) * 1000))
    if lost:
        found = f"{count} open, {lost} of them past their deadline"
        return error("attempts", found, f"start beat, and a worker with -Q {jobs.TICKS}")
    return ok("attempts", f"{count} open")


def _ticks(store: Store) -> Check:
    count = store.redis.llen(jobs.TICKS)
    if count > _TICKS:
        return warning("ticks", f"{count} on {jobs.TICKS}", f"start a worker with -Q {jobs.TICKS}")
    return ok("ticks", f"{count} on {jobs.TICKS}")


def age(seconds: float) -> str:
    """Return how long ago something was, as people say it."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
