"""Gauges: what Redis knows of all processes together, as Prometheus reads it.

Read when somebody asks, and for a second not again. Each gateway says the same.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from prometheus_client.metrics_core import Metric as Family

from worker import metrics
from worker.contract import jobs, keys
from worker.contract.errors import StoreError
from worker.contract.promptness import Promptness, counted
from worker.contract.settings import Settings
from worker.contract.status import Stream
from worker.exposition import family
from worker.metrics import Metric
from worker.store import balances, care, gauges, presence, promptness, totals, webhooks
from worker.store.balances import Stored
from worker.store.care import AccountState
from worker.store.gauges import Depths
from worker.store.presence import Worker
from worker.store.shards import AsyncShards
from worker.store.webhooks import Condition
from worker.vendors.base import Vendor

_FRESH = 1.0  # seconds
_QUEUES = (*(jobs.queue(stream) for stream in Stream), jobs.TICKS)

Row = tuple[Metric, tuple[str, ...], float]  # labels and value


class Gauges:
    """Reads them for one gateway process."""

    def __init__(
        self,
        settings: Settings,
        vendors: Mapping[str, Vendor],
        shards: AsyncShards,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._shards = shards
        self._clock = clock
        self._polls = [
            (name, kind)
            for name, vendor in vendors.items()
            for kind in _asked(vendor, bool(settings.vendors[name].balance_every))
        ]
        self._reporting = counted(settings.health.prompt, vendors)
        self._lock = asyncio.Lock()
        self._last: Sequence[Family] = ()
        self._at: float | None = None
        self._began = 0

    async def read(self) -> Sequence[Family]:
        """Return the gauges; where Redis is away only that: no depth is better than an old one."""
        async with self._lock:
            if self._at is None or self._clock() - self._at >= _FRESH:
                try:
                    rows = await self._rows()
                except StoreError:
                    rows = [(metrics.REDIS_UP, (), 0)]
                self._last, self._at = _families(rows), self._clock()
            return self._last

    async def _rows(self) -> list[Row]:
        """Read all of it; raise StoreError."""
        shards, names = self._shards, list(self._settings.vendors)
        depths = totals.depths(await shards.everywhere(gauges.depths()))
        self._began = self._began or depths.now
        found: list[Iterator[Row]] = [iter([(metrics.REDIS_UP, (), 1)]), _depths(depths)]
        workers = totals.workers(await shards.everywhere(presence.workers()))
        found.append(_workers(workers.alive))
        ticks = [await each.command("LLEN", jobs.TICKS) for each in shards.all]
        found.append(iter([(metrics.TICKS_WAITING, (), sum(ticks))]))
        if names:
            states = totals.states(await shards.everywhere(care.states(names)))
            found += [_state(each, states.now) for each in states.accounts]
            kept = await shards.first.run(balances.read(names))
            found += [_balance(each) for each in kept.accounts]
        found.append(await self._prompt())
        found.append(await self._poll_ages(depths.now))
        for name in self._settings.webhooks:
            every = [await webhooks.look_async(each, name) for each in shards.all]
            found.append(_endpoint(name, totals.endpoint(every), depths.now))
        return list(chain.from_iterable(found))

    async def _prompt(self) -> Iterator[Row]:
        """Judge by what all shards counted; without accounts that report nobody is asked."""
        if not self._reporting:
            return iter(())
        every = await self._shards.everywhere(promptness.read(self._reporting))
        found = promptness.judge(every, self._settings.health.prompt)
        return chain.from_iterable(_promptness(name, each) for name, each in found.items())

    async def _poll_ages(self, now: int) -> Iterator[Row]:
        if not self._polls:
            return iter(())
        at = await self._shards.first.command(
            "MGET", *(f"{keys.POLLED}{a}:{k}" for a, k in self._polls)
        )
        return iter(
            (metrics.POLL_AGE, labels, _age(now, int(last or self._began)))
            for labels, last in zip(self._polls, at, strict=True)
        )


def _families(rows: Sequence[Row]) -> list[Family]:
    found: dict[str, list[tuple[tuple[str, ...], float]]] = {}
    for metric, labels, value in rows:
        found.setdefault(metric.name, []).append((labels, value))
    return [family(metrics.METRICS[name], values) for name, values in found.items()]


def _asked(vendor: Vendor, balance: bool) -> Iterator[str]:
    """Yield what an account is asked for again and again."""
    yield from vendor.polls()
    if balance and vendor.balance() is not None:
        yield "balance"


def _age(now: int, since: int) -> float:
    """Return the seconds since a moment, both in ms; 0 where it is still to come, or none."""
    return max(0, now - since) / 1000 if since else 0.0


def _depths(found: Depths) -> Iterator[Row]:
    for stream, pile in found.streams.items():
        yield metrics.READY, (stream,), pile.ready
        yield metrics.READY_AGE, (stream,), _age(found.now, pile.since)
        yield metrics.RINGS, (stream,), pile.rings
    yield metrics.WAITING, (), found.waiting
    yield metrics.OVERDUE, (), found.overdue
    yield metrics.OVERDUE_AGE, (), _age(found.now, found.due)
    yield metrics.UNKNOWN, (), found.unknown
    yield metrics.DEAD, (), found.dead
    yield metrics.SPOOL, (), found.spool
    yield metrics.UNREADABLE, (), found.unreadable


def _workers(alive: Sequence[Worker]) -> Iterator[Row]:
    """Who does not know what it serves is taken to serve everything."""
    for queue in _QUEUES:
        serve = [
            each for each in alive if not each.vitals or queue in (each.vitals.queues or _QUEUES)
        ]
        yield metrics.WORKERS, (queue,), len(serve)


def _state(found: AccountState, now: int) -> Iterator[Row]:
    account = (found.name,)
    yield metrics.OPEN, account, found.open
    yield metrics.BREAKER, account, 2 if found.down > now else int(found.probing)
    yield metrics.SUSPENDED, account, int(bool(found.suspended))
    yield metrics.DRIFT, account, sum(found.drift.values())


def _promptness(account: str, found: Promptness) -> Iterator[Row]:
    if found.share is not None:
        yield metrics.PROMPT_SHARE, (account,), found.share
    if found.left is not None:
        yield metrics.PROMPT_LEFT, (account,), found.left


def _balance(found: Stored) -> Iterator[Row]:
    if found.amount is None:
        return
    yield metrics.BALANCE, (found.account, found.unit), float(found.amount)
    hours = found.runway().hours
    if hours is not None:
        yield metrics.RUNWAY, (found.account,), hours


def _endpoint(name: str, found: Condition, now: int) -> Iterator[Row]:
    endpoint = (name,)
    yield metrics.DELIVERED, endpoint, found.delivered
    yield metrics.FAILED, endpoint, found.failed
    yield metrics.GIVEN_UP, endpoint, found.given_up + found.dropped
    yield metrics.BACKLOG, endpoint, found.waiting
    yield metrics.BACKLOG_AGE, endpoint, _age(now, found.oldest)
    yield metrics.RESTING, endpoint, int(bool(found.rest or found.gone))
