"""Gauges: what Redis knows of all processes together, as Prometheus reads it.

Read when somebody asks, and for a second not again. Each gateway says the same. All shards are
asked at once, and each has the store's time-out for all that it is asked, so one that stands still
costs no more time than that.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from prometheus_client.metrics_core import Metric as Family

from producers.gateway import samples
from producers.gateway.samples import Kept, Part, Polled, Row
from worker.contract import jobs, keys
from worker.contract.errors import StoreError
from worker.contract.promptness import counted
from worker.contract.settings import Settings
from worker.store import balances, care, gauges, presence, promptness, webhooks
from worker.store.client import AsyncStore
from worker.store.failures import store_error
from worker.store.shards import AsyncShards
from worker.vendors.base import Vendor

_FRESH = 1.0  # seconds


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
        self._accounts = tuple(settings.vendors)
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
        """Return the gauges; where no shard answers only that."""
        async with self._lock:
            if self._at is None or self._clock() - self._at >= _FRESH:
                try:
                    parts, _ = await self._shards.reach(self._part)
                except StoreError:
                    parts = {}
                self._last, self._at = samples.families(self._rows(parts)), self._clock()
            return self._last

    def _rows(self, parts: Mapping[int, Part]) -> Iterator[Row]:
        """Return what the shards say that answered, by their places."""
        found, names = list(parts.values()), self._shards.names
        up = samples.up(names, parts)
        if not found:
            return up
        whole = len(found) == len(names)
        now = max(each.depths.now for each in found)
        self._began = self._began or now
        first = parts[0].kept if 0 in parts else None
        judged = promptness.judge([each.counted for each in found], self._settings.health.prompt)
        return chain(
            up,
            samples.depths(found, spooled=first is not None, whole=whole),
            samples.workers(names, parts),
            samples.accounts(found, whole=whole),
            samples.reports(judged),
            samples.kept(first, now, self._began) if first else (),
            samples.endpoints(found, now, whole=whole),
        )

    async def _part(self, place: int) -> Part:
        """Read one shard, all of it within the store's time-out; raise StoreError."""
        store = self._shards.all[place]
        try:
            async with asyncio.timeout(store.timeout):
                return await self._told(store, first=store is self._shards.first)
        except TimeoutError as error:
            raise store_error(error) from error

    async def _told(self, store: AsyncStore, *, first: bool) -> Part:
        return Part(
            depths=await store.run(gauges.depths()),
            workers=await store.run(presence.workers()),
            ticks=await store.command("LLEN", jobs.TICKS),
            states=await store.run(care.states(self._accounts)),
            counted=await store.run(promptness.read(self._reporting)),
            endpoints={
                each: await webhooks.look_async(store, each) for each in self._settings.webhooks
            },
            kept=await self._kept(store) if first else None,
        )

    async def _kept(self, store: AsyncStore) -> Kept:
        found = await store.run(balances.read(self._accounts))
        names = [f"{keys.POLLED}{account}:{kind}" for account, kind in self._polls]
        at = await store.command("MGET", *names) if names else ()
        polls = [
            Polled(account, kind, int(last or 0))
            for (account, kind), last in zip(self._polls, at, strict=True)
        ]
        return Kept(found.accounts, polls)


def _asked(vendor: Vendor, balance: bool) -> Iterator[str]:
    """Yield what an account is asked for again and again."""
    yield from vendor.polls()
    if balance and vendor.balance() is not None:
        yield "balance"
