"""Upkeep: what beat's ticks do to the store itself: release what is due, sweep, erase old texts."""

import structlog

from worker.contract.recipient import mask
from worker.store import acts
from worker.store.client import AsyncStore
from worker.store.erasure import erase
from worker.telemetry.metrics import LOST, Counts

log = structlog.get_logger("xinshi.upkeep")

_MOST = 1000  # messages a call: some ms of Redis's one thread
_ROUNDS = 50  # calls of one tick; the next comes in a second


class Upkeep:
    """Its methods raise StoreError; what one tick leaves undone the next one finds."""

    def __init__(self, store: AsyncStore, counts: Counts) -> None:
        self._store = store
        self._counts = counts

    async def release(self) -> int:
        """Move what is due to its ready list; returns how many."""
        total = 0
        for _ in range(_ROUNDS):
            found = await self._store.run(acts.release(_MOST))
            total += found.released
            if not found.more:
                break
        if total:
            log.info("release.done", released=total)
        return total

    async def sweep(self) -> int:
        """Mark lost attempts as unknown, ring for forgotten work, erase; returns the lost ones."""
        found = await self._store.run(acts.sweep(_MOST))
        await self._erase()
        for message_id, record in found.lost:
            self._counts.add(LOST, record.stream, record.account)
            log.warning(
                "attempt.lost",
                id=message_id,
                stream=str(record.stream),
                account=record.account,
                to=mask(record.to),
                attempt=record.attempt,
            )
        if found.rings:
            log.info("sweep.rang", rings=found.rings)
        return len(found.lost)

    async def _erase(self) -> None:
        """Remove the texts that outlived their messages for as long as they were to be kept."""
        for _ in range(_ROUNDS):
            if await self._store.run(erase(_MOST)) < _MOST:
                return
