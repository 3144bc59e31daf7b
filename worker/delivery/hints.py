"""Hints: what answers to submits tell of an account's balance in passing.

At one vendor it may count for somebody else's account, and no alarm depends on it.
"""

import asyncio

import structlog

from worker.contract.errors import StoreError
from worker.store import balances
from worker.store.client import AsyncStore
from worker.vendors.base import Balance

log = structlog.get_logger("xinshi.hints")

_EVERY = 10.0  # seconds between two writes of what one account tells


class Hints:
    """Remembers what answers tell in passing, and writes the latest now and then."""

    def __init__(self, store: AsyncStore, *, every: float = _EVERY) -> None:
        self._store = store
        self._every = every
        self._latest: dict[str, Balance] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}

    def note(self, account: str, left: Balance | None) -> None:
        """Remember one; it is written at once, or when the last write is old enough."""
        if left is None:
            return
        self._latest[account] = left
        if account not in self._writing:
            self._writing[account] = asyncio.create_task(self._write(account))

    async def _write(self, account: str) -> None:
        try:
            while (left := self._latest.pop(account, None)) is not None:
                await self._keep(account, left)
                await asyncio.sleep(self._every)
        finally:
            del self._writing[account]

    async def _keep(self, account: str, left: Balance) -> None:
        try:
            await self._store.run(balances.keep(account, left.amount, left.unit, hint=True))
        except StoreError as error:  # the next answer tells it again
            log.warning("store.lost", act="balance", error=str(error))
