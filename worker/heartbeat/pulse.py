"""Pulse: whether a worker works: its loop turns, and Celery takes what Redis has for it.

Redis away is no reason to restart a worker: it goes on by itself when Redis is back. Redis there
and a consumer that is silent for a minute is one.
"""

import asyncio
import time
from collections.abc import Callable

import structlog

from worker.contract.errors import StoreError
from worker.heartbeat.heart import EVERY, STALE, Heart
from worker.store.client import AsyncStore

log = structlog.get_logger("xinshi.pulse")


class Pulse:
    """Beats a heart from the event loop for as long as the worker works."""

    def __init__(
        self, heart: Heart, store: AsyncStore, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._heart = heart
        self._store = store
        self._clock = clock
        self._heard = clock()

    def heard(self) -> None:
        """Note that Celery's consumer runs; safe from any thread."""
        self._heard = self._clock()

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Beat once, if the worker works."""
        silent = self._clock() - self._heard
        if silent > STALE and await self._redis_answers():
            log.error("consumer.silent", seconds=round(silent))
            return
        try:
            self._heart.beat()
        except OSError as error:
            log.error("heartbeat.unwritable", reason=error.strerror)  # noqa: TRY400 - no trace helps

    async def _redis_answers(self) -> bool:
        try:
            await self._store.command("PING")
        except StoreError:
            return False
        return True
