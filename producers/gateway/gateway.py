"""Gateway: what the handlers of one process share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

from producers.client import AsyncClient
from producers.gateway.gauges import Gauges
from producers.gateway.keyring import Keyring
from producers.gateway.metrics import Metrics
from worker import vendors
from worker.contract.settings import ApiKey, Settings
from worker.store.client import AsyncStore
from worker.store.inboxes import Inboxes
from worker.store.sealing import Seal
from worker.store.shards import AsyncShards
from worker.store.spool import Spool
from worker.vendors.base import Vendor


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    settings: Settings
    client: AsyncClient
    shards: AsyncShards
    store: AsyncStore  #: the first one's, where the spool, the polls and the balances are
    vendors: Mapping[str, Vendor]
    keyring: Keyring
    spool: Spool
    inbox: Inboxes
    gauges: Gauges
    metrics: Metrics = field(default_factory=Metrics)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Make one; nothing is connected yet. Raises SettingsError."""
        shards = AsyncShards(settings)
        adapters = vendors.load_all(settings)
        seal = Seal(settings.privacy.text_keys)
        return cls(
            settings=settings,
            client=AsyncClient(config=settings),
            shards=shards,
            store=shards.first,
            vendors=adapters,
            keyring=Keyring(settings.gateway.api_keys),
            spool=Spool(shards.first, seal=seal),
            inbox=Inboxes(shards, seal),
            gauges=Gauges(settings, adapters, shards),
        )

    async def close(self) -> None:
        await self.client.close()
        await self.shards.close()


GATEWAY = web.AppKey("gateway", Gateway)
CALLER = web.RequestKey("caller", ApiKey)  #: on requests to /v1
