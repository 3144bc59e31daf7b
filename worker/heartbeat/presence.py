"""Presence: one worker process says every few seconds that it is alive, for readiness and doctor.

A beat is a word in the store, for people and probes elsewhere; whether this process hangs is for
its heart to tell, which asks no store.
"""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from worker.contract.errors import StoreError
from worker.store import presence
from worker.store.client import AsyncStore
from worker.store.presence import Vitals

log = structlog.get_logger("xinshi.presence")


class Presence:
    """The beats of one process, from its event loop."""

    def __init__(self, store: AsyncStore, name: str, vitals: Callable[[], Vitals]) -> None:
        self._store = store
        self._name = name
        self._vitals = vitals
        self._heard = True
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Beat until the end is said; then say it to the others. Redis away ends no beating."""
        while not self._ended.is_set():
            await self.beat()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), presence.EVERY)
        await self._leave()

    def end(self) -> None:
        """Let ``run`` come to its end, within two time-outs of the store."""
        self._ended.set()

    async def beat(self) -> None:
        """Beat once; that Redis is away is said once."""
        try:
            await self._store.run(presence.beat(self._name, self._vitals()))
        except StoreError as error:
            if self._heard:
                log.warning("store.lost", act="beat", error=str(error))
            self._heard = False
        else:
            self._heard = True

    async def _leave(self) -> None:
        try:
            await self._store.run(presence.leave(self._name))
        except StoreError as error:
            log.warning("store.lost", act="leave", error=str(error))  # its last beat runs out
