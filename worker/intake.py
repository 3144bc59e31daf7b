"""Intake: the spool's consumer. It parses each page and hands what it says to the store.

A page is forgotten only when all of it is settled; everything it does may be done twice. One that
its adapter does not understand is put aside with what could be read of it settled.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

import structlog

from worker import inbound, reports
from worker.contract.settings import Settings
from worker.store import arrivals
from worker.store.client import AsyncStore
from worker.store.spool import Page, Spool
from worker.vendors.base import Unreadable, Vendor

log = structlog.get_logger("xinshi.intake")

T = TypeVar("T")
_PAGES = 20  # taken at once
_ITEMS = 200  # reports a call of the store


class Intake:
    """Takes pages from the spool until it is empty."""

    def __init__(
        self, settings: Settings, vendors: Mapping[str, Vendor], store: AsyncStore
    ) -> None:
        self._memory = settings.store.reports
        self._vendors = vendors
        self._store = store
        self._spool = Spool(store)
        self._consumer = secrets.token_hex(8)

    async def round(self) -> int:
        """Parse what is spooled; returns how many pages."""
        total = 0
        while pages := await self._spool.take(self._consumer, _PAGES):
            for page in pages:
                await self._page(page)
            total += len(pages)
        return total

    async def _page(self, page: Page) -> None:
        vendor = self._vendors.get(page.account)
        if vendor is None:
            await self._aside(page, "no such account in this worker's settings")
            return
        found, why = _read(vendor.reports(page.raw))
        counts = Counter[str]()
        taken_in = [item for each in found if (item := reports.arrival(vendor, each))]
        for first in range(0, len(taken_in), _ITEMS):
            act = arrivals.report(taken_in[first : first + _ITEMS], memory=self._memory)
            counts.update(verdict for verdict, _ in await self._store.run(act))
        heard, also = _read(vendor.inbound(page.raw))
        letters = [inbound.arrival(page.account, each) for each in heard]
        if letters:
            news = await self._store.run(arrivals.inbound(letters, memory=self._memory))
            counts["inbound"] = sum(news)
            counts["opted_out"] = sum(letter.letter.opted_out for letter in letters)
        if why or also:
            await self._aside(page, why or also)
        else:
            await self._spool.done(page)
        if counts:
            log.info("intake.page", account=page.account, **counts)

    async def _aside(self, page: Page, why: str) -> None:
        await self._spool.unreadable(page, why)
        log.error("intake.unreadable", account=page.account, kind=page.raw.kind, reason=why)


def _read(items: Iterable[T]) -> tuple[list[T], str]:
    """Return all that can be read, and why the rest can't."""
    found = []
    try:
        for item in items:
            found.append(item)  # noqa: PERF402 - what came before an error counts
    except Unreadable as error:
        return found, str(error)
    except Exception as error:  # noqa: BLE001 - a parser's bug must lose no page
        return found, f"the adapter failed ({type(error).__name__})"
    return found, ""
