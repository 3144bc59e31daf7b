"""Staleness: polls and balance calls that have not succeeded for too long.

A vendor whose polls fail keeps the reports and the replies of our recipients to itself, and some
keep them for a few days only; a balance nobody knows runs out unseen.
"""

from collections.abc import Iterator, Mapping

from worker.contract import keys
from worker.contract.settings import Settings
from worker.store.client import AsyncStore
from worker.telemetry.alarms import Alarms
from worker.vendors.base import Vendor


class Staleness:
    """Looks how old the last success of each poll is."""

    def __init__(
        self, settings: Settings, vendors: Mapping[str, Vendor], store: AsyncStore
    ) -> None:
        self._settings = settings
        self._vendors = vendors
        self._store = store
        self._alarms = Alarms(settings, store)
        self._began: int | None = None

    async def round(self) -> int:
        """Raise and clear alarms; returns how many polls are stale. Raises StoreError."""
        ends = list(self._ends()) if self._settings.alarms.poll_age else []
        if not ends:
            return 0
        seconds, micros = await self._store.command("TIME")
        now = int(seconds) * 1000 + int(micros) // 1000
        self._began = self._began or now
        last = await self._store.command(
            "MGET", *(f"{keys.POLLED}{name}:{kind}" for name, kind, _ in ends)
        )
        found = 0
        for (name, kind, most), when in zip(ends, last, strict=True):
            stale = judge(int(when or 0), self._began, now, most)
            if stale is not None:
                found += stale
                since = int(when or self._began)
                await self._alarms.poll(name, kind, (now - since) / 1000, stale=stale)
        return found

    def _ends(self) -> Iterator[tuple[str, str, float]]:
        """Yield each account, what is asked of it, and how old a success may be, in seconds."""
        patience = self._settings.alarms.poll_age
        for name, vendor in self._vendors.items():
            for kind in vendor.polls():
                yield name, kind, patience
            every = self._settings.vendors[name].balance_every
            if every and vendor.balance() is not None:
                yield name, "balance", every + patience


def judge(last: int, began: int, now: int, most: float) -> bool | None:
    """Return whether a poll is stale; None where it is not known yet. Times in ms, 0: never.

    Only the time counts in which somebody looked: workers that start after a night find old polls
    that are about to be fresh, and nobody needs to be woken for them.
    """
    if last and now - last <= most * 1000:
        return False
    return True if now - max(last, began) > most * 1000 else None
