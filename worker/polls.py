"""Polls: fetch reports and inbound messages where the vendor wants to be asked.

What a poll returns is gone at the vendor. So each endpoint of an account has a lease: one poller
at a time; the page goes to the spool before anything else; a full page is followed at once.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import structlog

from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.events import Raw
from worker.contract.settings import Settings
from worker.store.client import AsyncStore
from worker.store.lease import Lease
from worker.store.sealing import Seal
from worker.store.spool import Spool
from worker.transport import Lost, NotSent, Transport
from worker.vendors.base import Call, Response, Unreadable, Vendor

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
        *,
        reconnect: float = _RECONNECT,
    ) -> None:
        self._settings = settings
        self._vendors = vendors
        self._store = store
        self._transport = transport
        self._spool = Spool(store, seal=Seal(settings.privacy.text_keys))
        self._reconnect = reconnect

    async def round(self) -> int:
        """Poll once each, or as long as pages are full; returns how many pages had something.

        A vendor that is slow or away holds up no other; what failed is raised in the end.
        """
        ends = [(vendor, kind) for vendor in self._vendors.values() for kind in vendor.polls()]
        found = await asyncio.gather(
            *(self._drain(vendor, kind) for vendor, kind in ends), return_exceptions=True
        )
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return sum(each for each in found if isinstance(each, int))

    async def _drain(self, vendor: Vendor, kind: str) -> int:
        life = self._settings.vendors[vendor.name].timeouts.total + _MARGIN
        lease = Lease(self._store, f"{keys.LEASE}{vendor.name}:{kind}", life)
        if not await lease.take():
            return 0
        pages = 0
        try:
            while pages < _PAGES:
                raw = await self._poll(vendor, _unlosable(vendor, kind))
                if raw is None or not await self._keep(vendor, kind, raw):
                    break
                pages += 1
                if not _full(vendor, raw) or not await lease.take():
                    break
        finally:
            await lease.release()
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
        holds = not _empty(vendor, raw)
        if holds:
            await self._insist(vendor, raw)
        now = await self._store.command("TIME")
        moment = int(now[0]) * 1000 + int(now[1]) // 1000
        await self._store.command("SET", f"{keys.POLLED}{vendor.name}:{kind}", moment)
        return holds

    async def _wait(self, vendor: Vendor) -> None:
        try:
            await asyncio.sleep(self._reconnect)
        except asyncio.CancelledError:
            log.critical("poll.lost", account=vendor.name)  # the process ends with a page in hand
            raise

    async def _insist(self, vendor: Vendor, raw: Raw) -> None:
        while True:
            try:
                await self._spool.put(vendor.name, raw)
            except StoreError as error:
                log.error("poll.held", account=vendor.name, error=str(error))  # noqa: TRY400
                await self._wait(vendor)
            else:
                return


def _unlosable(vendor: Vendor, kind: str) -> Call[Raw]:
    """Return the call with the page as its answer, also where the adapter's reading fails."""
    call = vendor.polls()[kind]

    def read(response: Response) -> Raw:
        try:
            return call.read(response)
        except Unreadable:
            raise
        except Exception as error:  # noqa: BLE001 - an adapter's bug must lose no page
            log.error("adapter.broken", account=vendor.name, error=type(error).__name__)  # noqa: TRY400
            return Raw("inbound" if kind == "inbound" else "report", response.body)

    return replace(call, read=read)


def _empty(vendor: Vendor, raw: Raw) -> bool:
    try:
        return vendor.empty(raw)
    except Exception as error:  # noqa: BLE001 - an adapter's bug must lose no page
        log.error("adapter.broken", account=vendor.name, error=type(error).__name__)  # noqa: TRY400
        return False


def _full(vendor: Vendor, raw: Raw) -> bool:
    try:
        return vendor.more(raw)
    except Exception as error:  # noqa: BLE001 - the next round asks again
        log.error("adapter.broken", account=vendor.name, error=type(error).__name__)  # noqa: TRY400
        return False
