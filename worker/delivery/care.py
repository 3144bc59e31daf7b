"""Care: the breakers of the accounts, from what this process hears of them.

A breaker is one for all processes: its state is in the store. What trips it is counted here: an
account that says it is unusable, or failures in a row without any answer between them.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

from worker.contract.errors import StoreError
from worker.contract.settings import Settings
from worker.delivery.bounds import HOLDS
from worker.delivery.hints import Hints
from worker.store import care
from worker.store.acts import Act
from worker.store.client import AsyncStore
from worker.telemetry.alarms import Alarms
from worker.vendors.base import Outcome, Submission

log = structlog.get_logger("xinshi.care")

_FAILURES = frozenset({Outcome.UNAVAILABLE, Outcome.UNKNOWN})


def _weight(submission: Submission) -> int:
    """Return how little one of a call's outcomes says about the account."""
    if submission.outcome is Outcome.SUSPENDED:
        return 0
    if submission.outcome is Outcome.THROTTLED:
        return 1
    return 3 if submission.outcome in _FAILURES else 2  # an answer is none that failed


class Care:
    """Notes what each call came to, and trips or slows the account where it must."""

    def __init__(self, settings: Settings, store: AsyncStore) -> None:
        self._breaker = settings.breaker
        self._store = store
        self._failures = dict.fromkeys(settings.vendors, 0)
        self._alarms = Alarms(settings, store)
        self._hints = Hints(store)
        self._writing: set[asyncio.Task[None]] = set()
        self._tripping: set[tuple[str, bool]] = set()  # trips on their way; True: of a probe only

    def note(self, account: str, submissions: Sequence[Submission], began: int) -> None:
        """Take one call's outcomes into account; ``began``: when it was claimed, ms since 1970."""
        self._hints.note(account, submissions[0].left)
        submission = min(submissions, key=_weight)
        outcome = submission.outcome
        if outcome not in _FAILURES:
            self._failures[account] = 0
        if outcome is Outcome.SUSPENDED:
            why = submission.reason or "suspended"
            drained = submission.drained
            code = submission.code
            self._trip(account, self._breaker.suspended, why, began, code=code, drained=drained)
        elif outcome in _FAILURES:
            self._failures[account] += 1
            in_a_row = self._failures[account] >= self._breaker.failures
            why = f"failing: {submission.reason}"[:120]
            self._trip(account, self._breaker.open, why, began, only_probe=not in_a_row)
        elif outcome is Outcome.THROTTLED and submission.code and not submission.split:
            self._write(self._slow(account, began))

    def _trip(
        self,
        account: str,
        seconds: float,
        why: str,
        began: int,
        *,
        only_probe: bool = False,
        code: str | None = None,
        drained: bool = False,
    ) -> None:
        trip = (account, only_probe)
        if trip not in self._tripping:
            self._tripping.add(trip)
            longest = self._breaker.longest
            act = care.trip(
                account, seconds, longest, why, began=began, only_probe=only_probe, code=code
            )
            self._write(self._carry_out_trip(trip, act, why, drained=drained))

    async def _carry_out_trip(
        self, trip: tuple[str, bool], act: Act[int], why: str, *, drained: bool
    ) -> None:
        account, _ = trip
        try:
            until = await self._run(act)
        finally:
            self._tripping.discard(trip)
        if until:
            self._failures[account] = 0  # from here on it is probed
            log.error("account.suspended", account=account, reason=why, until_ms=until)
            if drained:
                await self._alarm(account)

    async def _alarm(self, account: str) -> None:
        try:
            await self._alarms.empty(account)
        except StoreError as error:  # the next probe that fails says it again
            log.warning("store.lost", act="alarm", error=str(error))

    async def _slow(self, account: str, began: int) -> None:
        if limit := await self._run(care.slow(account, began)):
            log.warning("account.slowed", account=account, in_flight=limit)

    def bound(self, account: str, most: int) -> None:
        """Let no process's calls carry more recipients there, for a while: one was refused."""
        self._write(self._bound(account, most))

    async def _bound(self, account: str, most: int) -> None:
        if bound := await self._run(care.bound(account, most, HOLDS)):
            log.warning("account.bounded", account=account, recipients=bound)

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
