"""Sharing: an account's rate and slots are its own, however many shards submit by it.

Each shard tells the first one every other second what it needs, and uses what that grants. What one
gives up another gets a round later, so that all together never use more than the account allows.
Where the first shard is away, what was granted stays for a minute; then each has an equal part at
the most.
"""

from collections.abc import Mapping

import structlog

from worker.contract.errors import StoreError
from worker.contract.settings import Settings
from worker.contract.status import Stream
from worker.delivery.limits import of_account
from worker.store import shares
from worker.store.client import AsyncStore
from worker.store.shards import AsyncShards
from worker.store.shares import Load, Wish
from worker.vendors.base import Vendor

log = structlog.get_logger("xinshi.sharing")

_FLOOR = 0.1  # of an equal part, which a shard without work keeps for its first message
_HORIZON = 2.0  # seconds within which what is ready should be gone
_LASTS = 60.0  # seconds that a grant holds


class Sharing:
    """The shares of one shard. With one server there is nothing to share."""

    def __init__(
        self,
        settings: Settings,
        vendors: Mapping[str, Vendor],
        store: AsyncStore,
        among: AsyncShards,
    ) -> None:
        self._store = store
        self._first = among.first
        self._place, self._many = among.all.index(store), len(among)
        limits = {name: of_account(settings.vendors[name], each) for name, each in vendors.items()}
        self._limits = {name: each for name, each in limits.items() if any(each)}
        self._streams = {
            name: [stream for stream in Stream if name in settings.route(stream)]
            for name in self._limits
        }
        self._heard = True

    async def round(self) -> int:
        """Ask for shares and use them; returns how many accounts are shared.

        Raises StoreError where the shard itself is away.
        """
        if self._many == 1 or not self._limits:
            return 0
        found = await self._store.run(shares.need(self._streams))
        wishes = [self._wish(name, load) for name, load in found.loads.items()]
        try:
            granted = await self._first.run(
                shares.grant(self._place, self._many, found.version, wishes)
            )
        except StoreError as error:
            if self._heard:
                log.warning("store.lost", act="grant", error=str(error))
            self._heard = False
            return 0
        self._heard = True
        await self._store.run(shares.keep(granted, found.now + int(_LASTS * 1000)))
        return len(wishes)

    def _wish(self, name: str, load: Load) -> Wish:
        per_second, concurrency = self._limits[name]
        need, least, used = 0.0, _FLOOR / self._many, 0.0
        if per_second:
            need = (load.rate + load.ready / _HORIZON) / per_second
        if concurrency:
            used = load.open / concurrency
            need = max(need, used + load.ready / concurrency)
            least = max(least, 1 / concurrency)  # a slot
        least = min(least, 1 / self._many)
        share = 1 / self._many if load.share is None else load.share
        return Wish(name, min(1.0, need), least, share, min(1.0, used))
