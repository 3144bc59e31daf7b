"""Settling: verdicts gathered for a moment and written many at a time.

An answer that came while Redis was away is kept and written when it is back: what is known is
never thrown away while the process lives.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import structlog

from worker.contract.errors import StoreError
from worker.contract.settings import StoreSettings
from worker.store import acts
from worker.store.acts import Act, Deferred, Settled
from worker.store.client import AsyncStore

log = structlog.get_logger("xinshi.settling")

Item = TypeVar("Item", Settled, Deferred)

_GATHER = 0.002  # seconds in which more answers join a batch
_MOST = 200  # verdicts a call
_RECONNECT = 0.2  # seconds between two tries to reach Redis; doubles to two seconds


class Settling:
    """The verdicts of one process on their way to the store."""

    def __init__(
        self, store: AsyncStore, settings: StoreSettings, counted: Collection[str] = ()
    ) -> None:
        """``counted``: the accounts whose prompt reports are counted."""
        self._store = store
        self._counted = counted
        self._reports = settings.reports
        self._settled: list[Settled] = []
        self._deferred: list[Deferred] = []
        self._writing = 0  # verdicts of the call that is under way
        self._writer: asyncio.Task[None] | None = None

    @property
    def unwritten(self) -> int:
        """How many verdicts are not written yet."""
        return len(self._settled) + len(self._deferred) + self._writing

    def settle(self, item: Settled) -> None:
        self._settled.append(item)
        self._wake()

    def defer(self, item: Deferred) -> None:
        self._deferred.append(item)
        self._wake()

    async def flush(self) -> None:
        """Wait until every verdict is written."""
        while self._writer is not None:
            await self._writer

    def _wake(self) -> None:
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._settled or self._deferred:
                if len(self._settled) + len(self._deferred) < _MOST:
                    await asyncio.sleep(_GATHER)
                await self._write_batch()
        finally:
            self._writer = None

    async def _write_batch(self) -> None:
        settled, self._settled = self._settled[:_MOST], self._settled[_MOST:]
        deferred, self._deferred = self._deferred[:_MOST], self._deferred[_MOST:]
        self._writing = len(settled) + len(deferred)
        try:
            if settled:
                await self._write_all(settled, self._settle)
            if deferred:
                await self._write_all(deferred, acts.defer)
        finally:
            self._writing = 0

    def _settle(self, items: Sequence[Settled]) -> Act[Any]:
        return acts.settle(items, reports=self._reports, counted=self._counted)

    async def _write_all(
        self, items: Sequence[Item], act: Callable[[Sequence[Item]], Act[Any]]
    ) -> None:
        """Write verdicts; one that can't be sent at all takes none of the others with it."""
        try:
            await self._insist(act(items))
        except Exception as error:  # noqa: BLE001 - its attempt ends as unknown, by its deadline
            if len(items) == 1:
                log.error("settling.broken", id=items[0].id, error=type(error).__name__)  # noqa: TRY400 - its text may hold the answer's
                return
            for item in items:
                await self._write_all([item], act)

    async def _insist(self, act: Act[Any]) -> None:
        """Carry out an act, however long Redis is away: both acts may be sent twice."""
        wait = _RECONNECT
        while True:
            try:
                await self._store.run(act)
            except StoreError as error:
                log.warning("store.lost", act=act.script.name, error=str(error))
                await asyncio.sleep(wait)
                wait = min(2.0, wait * 2)
            else:
                return
