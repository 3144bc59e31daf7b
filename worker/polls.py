"""Polls: fetch reports and inbound messages where the vendor wants to be asked.

What a poll returns is gone at the vendor. So each endpoint of an account has a lease: one poller
at a time; the page goes to the spool before anything else; a full page is followed at once.
"""

import asyncio
import secrets
from collections.abc import Mapping

import structlog

from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.events import Raw
from worker.contract.settings import Settings
from worker.store.client import AsyncStore
from worker.store.spool import Spool
from worker.transport import Lost, NotSent, Transport
from worker.vendors.base import Call, Vendor

log = structlog.get_logger("xinshi.polls")

_PAGES = 100  # of one endpoint in one round: then others have their turn
_RECONNECT = 0.5  # seconds between two tries to reach Redis with a page in hand
_MARGIN = 5.0  # seconds that a lease outlives its call


class Poller:
    """Polls every account that has something to poll."""

    def __init__(
        self,
        settings: Settings,
        vendors: Mapping[str, Vendor],
        store: AsyncStore,
        transport: Transport,
    ) -> None:
        self._settings = settings
        self._vendors = vendors
        self._store = store
        self._transport = transport
        self._spool = Spool(store)

    async def round(self) -> int:
        """Poll once each, or as long as pages are full; returns how many pages had something."""
        total = 0
        for vendor in self._vendors.values():
            for kind in vendor.polls():
                total += await self._drain(vendor, kind)
        return total

    async def _drain(self, vendor: Vendor, kind: str) -> int:
        key = f"{keys.LEASE}{vendor.name}:{kind}"
        total = self._settings.vendors[vendor.name].timeouts.total
        life = int((total + _MARGIN) * 1000)
        token = secrets.token_hex(8)
        if not await self._store.command("SET", key, token, "NX", "PX", life):
            return 0
        pages, more = 0, True
        try:
            while more and pages < _PAGES:
                await self._store.command("PEXPIRE", key, life)
                raw = await self._poll(vendor, vendor.polls()[kind])
                more = raw is not None and vendor.more(raw)
                if raw is not None and await self._keep(vendor, kind, raw):
                    pages += 1
        finally:
            if await self._store.command("GET", key) == token.encode():
                await self._store.command("DEL", key)
        return pages

    async def _poll(self, vendor: Vendor, call: Call[Raw]) -> Raw | None:
        try:
            return await self._transport.call(call, self._settings.vendors[vendor.name].timeouts)
        except (NotSent, Lost) as error:
            log.warning("poll.failed", account=vendor.name, reason=str(error))
            return None

    async def _keep(self, vendor: Vendor, kind: str, raw: Raw) -> bool:
        """Spool a page that holds something; returns whether it did.

        The vendor has forgotten it already: however long Redis is away, this is its only place.
        """
        if not vendor.empty(raw):
            while True:
                try:
                    await self._spool.put(vendor.name, raw)
                    break
                except StoreError as error:
                    log.error("poll.held", account=vendor.name, error=str(error))  # noqa: TRY400
                    await asyncio.sleep(_RECONNECT)
        now = await self._store.command("TIME")
        moment = int(now[0]) * 1000 + int(now[1]) // 1000
        await self._store.command("SET", f"{keys.POLLED}{vendor.name}:{kind}", moment)
        return not vendor.empty(raw)
