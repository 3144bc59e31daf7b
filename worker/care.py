"""Care: the breakers of the accounts, from what this process hears of them.

A breaker is one for all processes: its state is in the store. What trips it is counted here: an
account that says it is unusable, or failures in a row without any answer between them.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from worker.contract.errors import StoreError
from worker.contract.settings import Settings
from worker.store import care
from worker.store.acts import Act
from worker.store.client import AsyncStore
from worker.vendors.base import Outcome, Submission

log = structlog.get_logger("xinshi.care")

_FAILURES = frozenset({Outcome.UNAVAILABLE, Outcome.UNKNOWN})


class Care:
    """Notes what each call came to, and trips or slows the account where it must."""

    def __init__(self, settings: Settings, store: AsyncStore) -> None:
        self._breaker = settings.breaker
        self._store = store
        self._failures = dict.fromkeys(settings.vendors, 0)
        self._writing: set[asyncio.Task[None]] = set()
        self._tripping: set[str] = set()  # accounts whose trip is on its way

    def note(self, account: str, submission: Submission) -> None:
        """Take one call's outcome into account."""
        outcome = submission.outcome
        if outcome not in _FAILURES:
            self._failures[account] = 0
        if outcome is Outcome.SUSPENDED:
            self._trip(account, self._breaker.suspended, submission.reason or "suspended")
        elif outcome in _FAILURES:
            self._failures[account] += 1
            if self._failures[account] >= self._breaker.failures:
                self._trip(account, self._breaker.open, f"failing: {submission.reason}"[:120])
        elif outcome is Outcome.THROTTLED and submission.code and not submission.split:
            self._write(self._slow(account))

    def _trip(self, account: str, seconds: float, why: str) -> None:
        if account not in self._tripping:
            self._tripping.add(account)
            self._write(self._carry_out_trip(account, seconds, why))

    async def _carry_out_trip(self, account: str, seconds: float, why: str) -> None:
        try:
            until = await self._run(care.trip(account, seconds, self._breaker.longest, why))
        finally:
            self._tripping.discard(account)
        if until:
            log.error("account.suspended", account=account, reason=why, until_ms=until)

    async def _slow(self, account: str) -> None:
        if limit := await self._run(care.slow(account)):
            log.warning("account.slowed", account=account, in_flight=limit)

    async def _run(self, act: Act[int]) -> int:
        try:
            return await self._store.run(act)
        except StoreError as error:  # the next failure says it again
            log.warning("store.lost", act=act.script.name, error=str(error))
            return 0

    def _write(self, writing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(writing)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
