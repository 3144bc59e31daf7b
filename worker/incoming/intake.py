"""Intake: the spool's consumer. It parses each page and hands what it says to the store.

A page is forgotten only when all of it is settled; everything it does may be done twice. One that
its adapter does not understand is put aside with what could be read of it settled. One with a
hint stays until the vendor was asked whether it knows the message.
"""

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import structlog

from worker.contract.events import DeliveryReport, Raw
from worker.contract.settings import Settings
from worker.contract.status import Status
from worker.incoming import inbound, reports
from worker.incoming.homes import Away, Homes
from worker.rounds.base import Rounds
from worker.store import arrivals
from worker.store.arrivals import Report
from worker.store.client import AsyncStore
from worker.store.sealing import Seal
from worker.store.spool import Page, Spool
from worker.telemetry import tracing
from worker.telemetry.metrics import PAGES, Counts
from worker.transport import Lost, NotSent, Transport
from worker.vendors.base import Unreadable, Vendor

log = structlog.get_logger("xinshi.intake")

T = TypeVar("T")
_CONSUMER = (
    "parser"  # one name for all: a page's idle time says whose it is, and no name is left over
)
_PAGES = 20  # taken at once
_ITEMS = 200  # reports a call of the store
_AWAY = "away"  # counts what is for a shard that does not answer: its page waits
_OPEN = (Status.SUBMITTING, Status.SUBMITTED, Status.UNKNOWN)  # where a hint is worth a query


class _Deaf(Exception):  # noqa: N818 - it reads as a verdict
    """The vendor could not be asked: its page waits."""


class Intake(Rounds):
    """Takes pages from the spool until it is empty."""

    def __init__(
        self,
        settings: Settings,
        vendors: Mapping[str, Vendor],
        store: AsyncStore,
        transport: Transport,
        *,
        spool: Spool | None = None,
        homes: Homes | None = None,
        metrics: Counts | None = None,
    ) -> None:
        super().__init__(settings, vendors, store, transport)
        self._seal = Seal(settings.privacy.text_keys)
        self._spool = spool or Spool(store, seal=self._seal)
        self._homes = homes or Homes(store)
        self._aliases = settings.privacy.aliases
        self._metrics = metrics or Counts()

    async def round(self) -> int:
        """Parse what is spooled; returns how many pages."""
        total = 0
        deaf: set[str] = set()  # accounts that did not answer in this round: asked once only
        while pages := await self._spool.take(_CONSUMER, _PAGES):
            for page in pages:
                await self._page(page, deaf)
            total += len(pages)
        return total

    async def _page(self, page: Page, deaf: set[str]) -> None:
        vendor = self._vendors.get(page.account)
        if vendor is None:
            await self._aside(page, "no such account in this worker's settings")
            return
        counts = Counter[str]()
        heard, why = _read(vendor.inbound, page.raw)
        reach, own = self._settings.suppression.opt_out, vendor.own_signature()
        letters = [
            inbound.arrival(page.account, each, reach, own, self._aliases, seal=self._seal)
            for each in heard
        ]
        await self._hear(page, letters, counts)
        found, also = _read(vendor.reports, page.raw)
        await self._settle(vendor, page, [each for each in found if not each.hint], counts)
        try:
            for hint in found:
                if hint.hint:
                    await self._confirm(vendor, page, hint, deaf, counts)
        except _Deaf:
            return  # it comes again when its idle time is over
        finally:
            if counts:
                log.info("intake.page", account=page.account, **counts)
        if counts[_AWAY]:
            return  # so does it here
        if why or also:
            await self._aside(page, why or also)
        else:
            await self._spool.done(page)
            self._metrics.add(PAGES, page.account, "parsed")

    async def _hear(
        self, page: Page, letters: Sequence[arrivals.Heard], counts: Counter[str]
    ) -> None:
        for first in range(0, len(letters), _ITEMS):
            part = letters[first : first + _ITEMS]
            memory = self._settings.store.reports
            news = await self._homes.inbound(part, memory=memory)
            counts["inbound"] += sum(new is True for new in news)
            for letter, new in zip(part, news, strict=True):
                if new is None:
                    counts[_AWAY] += 1
                elif letter.suppress:
                    counts["opted_out"] += 1
                    log.info("inbound.opted_out", account=page.account)

    async def _settle(
        self, vendor: Vendor, page: Page, found: Iterable[DeliveryReport], counts: Counter[str]
    ) -> None:
        items = [reports.arrival(vendor, each, page.came, self._aliases) for each in found]
        for first in range(0, len(items), _ITEMS):
            await self._write(items[first : first + _ITEMS], counts)

    async def _write(self, items: Sequence[Report], counts: Counter[str]) -> None:
        memory, prompt = self._settings.store.reports, self._settings.health.prompt
        answers = await self._homes.report(items, memory=memory, prompt=prompt)
        for item, told in zip(items, answers, strict=True):
            if told is None:
                counts[_AWAY] += 1
                continue
            counts[told.verdict] += 1
            taken = told.seconds if told.verdict == "applied" else None
            self._metrics.reported(item.account, item.status, told.verdict, taken)
            tracing.reported(item, told)

    async def _confirm(
        self,
        vendor: Vendor,
        page: Page,
        hint: DeliveryReport,
        deaf: set[str],
        counts: Counter[str],
    ) -> None:
        """Ask the vendor about a hint's message, where that is ours and open; raise _Deaf."""
        message_id = hint.vendor_message_id
        try:
            record = await self._homes.find(message_id)
        except Away:
            counts[_AWAY] += 1
            return
        call = vendor.query(message_id)
        if (
            record is None
            or record.account != vendor.name
            or record.status not in _OPEN
            or not call
        ):
            counts["hint"] += 1
            return
        if vendor.name in deaf:
            raise _Deaf
        try:
            answer = await self._call(vendor.name, call)
        except (NotSent, Lost) as error:
            deaf.add(vendor.name)
            log.warning("hint.unanswered", account=vendor.name, reason=str(error))
            raise _Deaf from error
        if answer.found:
            await self._settle(vendor, page, [reports.confirmed(hint, answer)], counts)
        else:
            counts["hint"] += 1

    async def _aside(self, page: Page, why: str) -> None:
        await self._spool.unreadable(page, why)
        known = page.account in self._vendors
        self._metrics.add(PAGES, page.account if known else "unknown", "unreadable")
        log.error("intake.unreadable", account=page.account, kind=page.raw.kind, reason=why)


def _read(parse: Callable[[Raw], Iterable[T]], raw: Raw) -> tuple[list[T], str]:
    """Return all that can be read, and why the rest can't."""
    found = []
    try:
        for item in parse(raw):
            found.append(item)  # noqa: PERF402 - what came before an error counts
    except Unreadable as error:
        return found, str(error)
    except Exception as error:  # noqa: BLE001 - a parser's bug must lose no page
        # Its text may quote a message: only where it happened is told.
        trace = traceback.format_tb(error.__traceback__)
        log.error("adapter.broken", error=type(error).__name__, trace="".join(trace))  # noqa: TRY400
        return found, f"the adapter failed ({type(error).__name__})"
    return found, ""
