"""Alarms: what gets low, is empty or grows old is told once, in the log and as an event.

That an alarm was raised is in the store, so that all processes together tell it once. It is armed
again when all is well: with a margin, lest a balance at its threshold calls somebody every minute.
"""

import logging
from collections.abc import Iterator
from decimal import Decimal

import structlog

from worker.contract import happenings
from worker.contract.settings import Settings
from worker.store import balances
from worker.store.balances import EMPTY, Alarm, Stored
from worker.store.client import AsyncStore

log = structlog.get_logger("xinshi.alarms")

_MARGIN = 0.1  # of a threshold, above which it is armed again


class Alarms:
    """Raises and clears the alarms of accounts; its methods raise StoreError."""

    def __init__(self, settings: Settings, store: AsyncStore) -> None:
        self._alarms = settings.alarms
        self._accounts = settings.vendors
        self._store = store

    async def balance(self, found: Stored) -> None:
        """Tell of each threshold that a balance fell below since it was told last."""
        told = dict(self._judge(found))
        for name in await self._raise(found.account, happenings.BALANCE_LOW, told):
            data = told[name]
            last = data is not None and data["threshold_hours"] == min(
                self._alarms.runway, default=0
            )
            log.log(logging.ERROR if last else logging.WARNING, "balance.low", **(data or {}))

    async def empty(self, account: str) -> None:
        """Tell that a vendor refused for want of money; once, until it takes a message again."""
        (found,) = (await self._store.run(balances.read([account]))).accounts
        data = _data(found, EMPTY, runway=0.0)
        for _ in await self._raise(account, happenings.BALANCE_LOW, {EMPTY: data}):
            log.error("balance.low", **data)

    async def poll(self, account: str, kind: str, age: float, *, stale: bool) -> None:
        """Tell that there was no success for ``age`` seconds, or that there is one again."""
        name, data = f"stale:{kind}", {"account": account, "kind": kind, "age_seconds": round(age)}
        for _ in await self._raise(account, happenings.POLL_STALE, {name: data if stale else None}):
            log.error("poll.stale", **data)

    async def _raise(
        self, account: str, kind: str, told: dict[str, dict[str, object] | None]
    ) -> list[str]:
        """Raise alarms by their names with what they tell, clear those without; return the new."""
        if not told:
            return []
        alarms = [
            Alarm(name, b"" if data is None else happenings.pack(kind, data))
            for name, data in told.items()
        ]
        return await self._store.run(balances.alarm(account, alarms))

    def _judge(self, found: Stored) -> Iterator[tuple[str, dict[str, object] | None]]:
        """Yield the alarms that a balance is below, and None for those it is well above."""
        hours = found.runway().hours
        for threshold in self._alarms.runway:
            if hours is not None and hours < threshold:
                data = _data(found, "runway", runway=hours, threshold=threshold)
                yield f"runway:{threshold}", data
            elif hours is not None and hours >= threshold * (1 + _MARGIN):
                yield f"runway:{threshold}", None
        low = self._accounts[found.account].balance_low
        if low is None or found.amount is None:
            return
        if found.amount <= low:
            yield "low", _data(found, "low", runway=hours)
        elif found.amount > low + abs(low) * Decimal(_MARGIN):
            yield "low", None


def _data(
    found: Stored, reason: str, *, runway: float | None, threshold: int | None = None
) -> dict[str, object]:
    """Return what an event of a low balance says."""
    return {
        "account": found.account,
        "balance": "" if found.amount is None else f"{found.amount:f}",
        "unit": found.unit,
        "runway_hours": None if runway is None else round(runway, 2),
        "threshold_hours": threshold,
        "reason": reason,
    }
