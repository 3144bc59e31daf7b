"""Totals: what several shards say, as one. Pure; what one alone says stays as it is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace

from worker.contract.status import Stream
from worker.store.care import AccountState, States
from worker.store.gauges import Depths, Pile
from worker.store.presence import Workers
from worker.store.webhooks import Condition


def depths(found: Sequence[Depths]) -> Depths:
    """Return how much lies anywhere; ages are those of the oldest."""
    if len(found) == 1:
        return found[0]
    sums = {
        each.name: sum(getattr(one, each.name) for one in found)
        for each in fields(Depths)
        if each.name not in ("now", "due", "streams")
    }
    return Depths(
        now=max(one.now for one in found),
        due=_first([one.due for one in found]),
        streams={stream: _pile([one.streams[stream] for one in found]) for stream in Stream},
        **sums,
    )


def _pile(found: Sequence[Pile]) -> Pile:
    return Pile(
        ready=sum(each.ready for each in found),
        since=_first([each.since for each in found]),
        rings=sum(each.rings for each in found),
    )


def _first(moments: Sequence[int]) -> int:
    """Return the first of some moments, of which 0 is none."""
    return min((each for each in moments if each), default=0)


def states(found: Sequence[States]) -> States:
    """Return how accounts do: as badly as at the shard where one does worst."""
    if len(found) == 1:
        return found[0]
    now = max(each.now for each in found)
    return States(
        now, [_state(each) for each in zip(*(one.accounts for one in found), strict=True)]
    )


def _state(found: Sequence[AccountState]) -> AccountState:
    drift: Counter[str] = Counter()
    for each in found:
        drift.update(each.drift)
    worst = max(found, key=lambda each: (each.down, each.probing, bool(each.limit)))
    bounded = max(found, key=lambda each: each.bounded)
    return replace(
        worst,
        bound=bounded.bound,
        bounded=bounded.bounded,
        open=sum(each.open for each in found),
        drift=dict(drift),
        drifted=max(each.drifted for each in found),
        suspended=next((each.suspended for each in found if each.suspended), ""),
    )


def workers(found: Sequence[Workers]) -> Workers:
    """Return the processes of all, the latest beat first."""
    every = [worker for each in found for worker in each.all]
    return Workers(max(each.now for each in found), sorted(every, key=lambda each: each.age))


def endpoint(found: Sequence[Condition]) -> Condition:
    """Return how an endpoint does: as badly as at the shard where it does worst."""
    if len(found) == 1:
        return found[0]
    worst = max(found, key=lambda each: (each.gone, each.rest, each.last_failure))
    counts = ("waiting", "delivered", "failed", "given_up", "dropped")
    return replace(
        worst,
        known=any(each.known for each in found),
        served=all(each.served for each in found),
        oldest=_first([each.oldest for each in found]),
        last_success=max(each.last_success for each in found),
        last_failure=max(each.last_failure for each in found),
        **{name: sum(getattr(each, name) for each in found) for name in counts},
    )
