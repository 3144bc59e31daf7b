"""Polls: fetch reports and inbound messages where the vendor wants to be asked.

What a poll returns is gone at the vendor. So each endpoint of an account has a lease: one poller
at a time; the page goes to the spool before anything else; a full page is followed at once.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.events import Raw
from worker.contract.settings import Settings
from worker.rounds.base import Rounds
from worker.store.client import AsyncStore
from worker.store.lease import Lease
from worker.store.sealing import Seal
from worker.store.spool import Spool
from worker.telemetry.trouble import apart
from worker.transport import Lost, NotSent, Transport
from worker.vendors.base import Call, Response, Unreadable, Vendor

log = structlog.get_logger("xinshi.polls")

_PAGES = 100  # of one endpoint in one round: then others have their turn
_RECONNECT = 0.5  # seconds between two tries to reach Redis with a page in hand
_MARGIN = 5.0  # seconds that a lease outlives its call


class Poller(Rounds):
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
        super().__init__(settings, vendors, store, transport)
        self._spool = Spool(store, seal=Seal(settings.privacy.text_keys))
        self._reconnect = reconnect

    async def round(self) -> int:
        """Poll once each, or as long as pages are full; returns how many pages had something.

        A vendor that is slow or away holds up no other.
        """
        return sum(await asyncio.gather(*(self._turn(each) for each in self._vendors.values())))

    async def _turn(self, vendor: Vendor) -> int:
        with apart("poll", account=vendor.name):
            kinds = vendor.polls()
            return sum(await asyncio.gather(*(self._drain(vendor, kind) for kind in kinds)))
        return 0

    async def _drain(self, vendor: Vendor, kind: str) -> int:
        life = self._settings.vendors[vendor.name].timeouts.total + _MARGIN
        lease = Lease(self._store, f"{keys.LEASE}{vendor.name}:{kind}", life)
        with apart("poll", account=vendor.name):
            if await lease.take():
                try:
                    return await self._read(vendor, kind, lease)
                finally:
                    await lease.release()
        return 0

    async def _read(self, vendor: Vendor, kind: str, lease: Lease) -> int:
        """Fetch pages as long as they are full; returns how many had something."""
        pages = 0
        while pages < _PAGES:
            raw = await self._poll(vendor, _unlosable(vendor, kind))
            if raw is None or not await self._keep(vendor, kind, raw):
                break
            pages += 1
            if not _judged(vendor, vendor.more, raw) or not await lease.take():
                break
        return pages

    async def _poll(self, vendor: Vendor, call: Call[Raw]) -> Raw | None:
        try:
            return await self._call(vendor.name, call)
        except (NotSent, Lost) as error:
            log.warning("poll.failed", account=vendor.name, reason=str(error))
            return None

    async def _keep(self, vendor: Vendor, kind: str, raw: Raw) -> bool:
        """Spool a page that holds something; returns whether it did.

        The vendor has forgotten it already: however long Redis is away, this is its only place.
        """
        holds = not _judged(vendor, vendor.empty, raw)
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


def _judged(vendor: Vendor, judge: Callable[[Raw], bool], raw: Raw) -> bool:
    """Return what an adapter says of a page; False where it fails: the page counts, once."""
    with apart("poll", account=vendor.name):
        return judge(raw)
    return False
