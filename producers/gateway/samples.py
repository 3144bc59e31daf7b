"""Samples: what Prometheus is told of what the shards say. Pure.

A shard that is away says nothing: depths and ages are those of the others, for an old one is worth
less than none. What is compared with what it was, a counter above all, is told only while no shard
is away (``whole``): a part that goes and comes back would look like news.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric as Family

from worker.contract import jobs
from worker.contract.promptness import Promptness
from worker.contract.status import Stream
from worker.store import totals
from worker.store.balances import Stored
from worker.store.care import AccountState, States
from worker.store.gauges import Depths
from worker.store.presence import Worker, Workers
from worker.store.promptness import Counted
from worker.store.webhooks import Condition
from worker.telemetry import metrics
from worker.telemetry.exposition import family
from worker.telemetry.metrics import Metric

_QUEUES = (*(jobs.queue(stream) for stream in Stream), jobs.TICKS)

Row = tuple[Metric, tuple[str, ...], float]  #: labels and value


@dataclass(frozen=True, slots=True)
class Polled:
    """When something was last asked for with success, ms since 1970; 0: never."""

    account: str
    kind: str
    at: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What only the first shard knows."""

    balances: Sequence[Stored]
    polls: Sequence[Polled]


@dataclass(frozen=True, slots=True)
class Part:
    """What one shard says."""

    depths: Depths
    workers: Workers
    ticks: int
    states: States
    counted: Counted  #: of how many reports came in time
    endpoints: Mapping[str, Condition]
    kept: Kept | None  #: None: it is not the first one


def families(rows: Iterable[Row]) -> list[Family]:
    """Return samples by their metrics."""
    found: dict[str, list[tuple[tuple[str, ...], float]]] = {}
    for metric, labels, value in rows:
        found.setdefault(metric.name, []).append((labels, value))
    return [family(metrics.METRICS[name], values) for name, values in found.items()]


def up(names: Sequence[str], there: Iterable[int]) -> Iterator[Row]:
    """Yield which shards answered; ``names``: of all of them, ``there``: their places."""
    answered = set(there)
    for place, name in enumerate(names):
        yield metrics.REDIS_UP, (name,), int(place in answered)


def depths(parts: Sequence[Part], *, spooled: bool, whole: bool) -> Iterator[Row]:
    """Yield how much lies where; ``spooled``: the shard with the spool is among them."""
    found = totals.depths([each.depths for each in parts])
    for stream, pile in found.streams.items():
        yield metrics.READY, (stream,), pile.ready
        yield metrics.READY_AGE, (stream,), _age(found.now, pile.since)
        yield metrics.RINGS, (stream,), pile.rings
    yield metrics.WAITING, (), found.waiting
    yield metrics.OVERDUE, (), found.overdue
    yield metrics.OVERDUE_AGE, (), _age(found.now, found.due)
    if whole:
        yield metrics.UNKNOWN, (), found.unknown
    yield metrics.DEAD, (), found.dead
    yield metrics.TICKS_WAITING, (), sum(each.ticks for each in parts)
    if spooled:
        yield metrics.SPOOL, (), found.spool
        yield metrics.UNREADABLE, (), found.unreadable


def workers(names: Sequence[str], parts: Mapping[int, Part]) -> Iterator[Row]:
    """Yield how many serve each queue of each shard, which needs its own."""
    for place, part in parts.items():
        alive = part.workers.alive
        for queue in _QUEUES:
            serve = sum(_serves(each, queue) for each in alive)
            yield metrics.WORKERS, (queue, names[place]), serve


def _serves(worker: Worker, queue: str) -> bool:
    """Who does not know what it serves is taken to serve everything."""
    return not worker.vitals or queue in (worker.vitals.queues or _QUEUES)


def accounts(parts: Sequence[Part], *, whole: bool) -> Iterator[Row]:
    """Yield how accounts do."""
    states = totals.states([each.states for each in parts])
    for each in states.accounts:
        yield from _account((each.name,), each, states.now)
        if whole:
            yield metrics.DRIFT, (each.name,), sum(each.drift.values())


def _account(labels: tuple[str], found: AccountState, now: int) -> Iterator[Row]:
    yield metrics.OPEN, labels, found.open
    yield metrics.BREAKER, labels, 2 if found.down > now else int(found.probing)
    yield metrics.SUSPENDED, labels, int(bool(found.suspended))


def reports(found: Mapping[str, Promptness]) -> Iterator[Row]:
    """Yield whether accounts' reports come in time."""
    for account, each in found.items():
        if each.share is not None:
            yield metrics.PROMPT_SHARE, (account,), each.share
        if each.left is not None:
            yield metrics.PROMPT_LEFT, (account,), each.left


def kept(found: Kept, now: int, began: int) -> Iterator[Row]:
    """Yield the money, and how old the polls are.

    ``began``: from when one that never succeeded is told as old. Both in ms since 1970.
    """
    for balance in found.balances:
        yield from _balance(balance)
    for poll in found.polls:
        yield metrics.POLL_AGE, (poll.account, poll.kind), _age(now, poll.at or began)


def _balance(found: Stored) -> Iterator[Row]:
    if found.amount is None:
        return
    yield metrics.BALANCE, (found.account, found.unit), float(found.amount)
    hours = found.runway().hours
    if hours is not None:
        yield metrics.RUNWAY, (found.account,), hours


def endpoints(parts: Sequence[Part], now: int, *, whole: bool) -> Iterator[Row]:
    """Yield how endpoints do; ``now``: ms since 1970."""
    for name in parts[0].endpoints:
        endpoint, found = (name,), totals.endpoint([each.endpoints[name] for each in parts])
        if whole:
            yield metrics.DELIVERED, endpoint, found.delivered
            yield metrics.FAILED, endpoint, found.failed
            yield metrics.GIVEN_UP, endpoint, found.given_up + found.dropped
        yield metrics.BACKLOG, endpoint, found.waiting
        yield metrics.BACKLOG_AGE, endpoint, _age(now, found.oldest)
        yield metrics.RESTING, endpoint, int(bool(found.rest or found.gone))


def _age(now: int, since: int) -> float:
    """Return the seconds since a moment, both in ms; 0 where it is still to come, or none."""
    return max(0, now - since) / 1000 if since else 0.0
