"""Promptness, watched: each process looks now and then whether the accounts' reports come as ever.

What is counted is in the store, as all processes wrote it; what follows from it is a hint to the
order in which accounts are offered a message (see worker.delivery.health).
"""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from worker.contract.errors import StoreError
from worker.contract.promptness import Promptness, shares, silent
from worker.delivery.health import Health
from worker.store import promptness
from worker.store.client import AsyncStore

log = structlog.get_logger("xinshi.promptness")

_EVERY = 10.0  # seconds between two looks; what they find changes every five minutes


class Watch:
    """The accounts of one process. ``prompt``: seconds within which a report is prompt."""

    def __init__(
        self, accounts: Sequence[str], prompt: float, store: AsyncStore, health: Health
    ) -> None:
        self._accounts = accounts
        self._prompt = prompt
        self._store = store
        self._health = health
        self._next = 0.0
        self._looking: asyncio.Task[None] | None = None
        self._slow: set[str] = set()
        self._silent = False

    def look(self, now: float) -> None:
        """Begin to look where it is time; nobody waits for it. ``now``: a monotonic clock's."""
        looking = self._looking is not None and not self._looking.done()
        if self._accounts and now >= self._next and not looking:
            self._next = now + _EVERY
            self._looking = asyncio.create_task(self._look())

    async def rest(self) -> None:
        """Wait for the look that is under way."""
        if self._looking is not None:
            await asyncio.wait([self._looking])

    async def _look(self) -> None:
        try:
            counted = await self._store.run(promptness.read(self._accounts))
        except StoreError as error:
            log.warning("store.lost", act="promptness", error=str(error))
            return
        found = promptness.judge([counted], self._prompt)
        self._health.weigh(shares(found))
        self._tell(found)

    def _tell(self, found: Mapping[str, Promptness]) -> None:
        """Log what changed, once. Where all stay away at once, no single account is named."""
        was_silent, self._silent = self._silent, silent(found)
        if self._silent and not was_silent:
            log.warning("reports.silent", accounts=list(found))
        elif was_silent and not self._silent:
            log.info("reports.silence_over", accounts=list(found))
        slow = {name for name, each in found.items() if each.slow and not self._silent}
        for name in sorted(slow - self._slow):
            log.warning("reports.slow", account=name, **_said(found[name]))
        for name in sorted(self._slow - slow):
            log.info("reports.slow_over", account=name, **_said(found[name]))
        self._slow = slow


def _said(found: Promptness) -> dict[str, float | None]:
    return {
        "share": None if found.share is None else round(found.share, 2),
        "usual": None if found.usual is None else round(found.usual, 2),
    }
