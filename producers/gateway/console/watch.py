"""The watch: looks at the store once a second and tells all who look at the console.

How much lies where is always noted, which is one short script a second. What happened is only
counted while somebody looks: it stands in the stream of events, so the minutes before are not lost.
One look serves everybody, however many they are.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from typing import Any

import msgspec
import structlog

from producers.gateway.console import accounts
from producers.gateway.console.history import KEPT, MEASURED, SPAN, History, ages
from producers.gateway.gateway import Gateway
from producers.gateway.problems import Problem
from worker.contract.errors import StoreError
from worker.store import gauges, totals
from worker.store.gauges import Depths

log = structlog.get_logger("xinshi.console")

EVERY = 1.0  #: seconds between two looks
VIEWERS = 50  #: at once
_SLOWLY = 5.0  # seconds between two looks at accounts and workers
_EVENTS = 1000  # that a script counts: some milliseconds of Redis's one thread
_PAUSE = 0.02  # seconds between two of these: others have their turn
_BEHIND = 60  # messages that one who looks may be behind


class Viewer:
    """One who looks: what is still to be sent there; None ends it."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(_BEHIND)

    def tell(self, message: bytes) -> None:
        """Add something to be sent; one who is too far behind is left, and comes again."""
        if self._queue.full():
            self.end()
        else:
            self._queue.put_nowait(message)

    def end(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def next(self) -> bytes | None:
        return await self._queue.get()


class Watch:
    """The watch of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._history = History()
        self._viewers: set[Viewer] = set()
        self._newcomer = asyncio.Event()
        self._places: dict[int, str] = {}  # of each shard, behind the last event that is counted
        self._told = 0  # the last slot that was told
        self._slowly = 0.0  # when to look at what changes slowly

    def join(self) -> Viewer:
        """Return a viewer, to be told everything; raise Problem."""
        if len(self._viewers) >= VIEWERS:
            raise Problem("too-many", f"{VIEWERS} look already", headers={"Retry-After": "10"})
        viewer = Viewer()
        self._viewers.add(viewer)
        self._told, self._slowly = 0, 0.0
        self._newcomer.set()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)

    def close(self) -> None:
        """Send everybody home."""
        for each in self._viewers:
            each.end()

    async def run(self) -> None:
        """Look once a second, for ever."""
        while True:
            begun = time.monotonic()
            self._newcomer.clear()
            try:
                await self._look()
            except StoreError as error:
                self._tell("now", {"redis": str(error)})
            except Exception as error:  # noqa: BLE001 - a bug must not end the watch unheard
                log.error("console.failed", error=type(error).__name__)  # noqa: TRY400 - no texts
                self._tell("now", {"redis": "the console failed; see the gateway's log"})
            rest = max(0.0, begun + EVERY - time.monotonic())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._newcomer.wait(), rest)

    async def _look(self) -> None:
        found, away = await self._gateway.shards.answering(gauges.depths())
        depths, there = totals.depths(list(found.values())), list(found)
        self._history.note(depths)
        if not self._viewers:
            return
        last = await self._count(depths.now, there) // SPAN - 1
        self._tell_steps(last)
        self._tell("now", _now(depths, away))
        if time.monotonic() >= self._slowly:
            self._slowly = time.monotonic() + _SLOWLY
            lately = self._history.lately(last)
            self._tell("accounts", await accounts.told(self._gateway, lately, depths.now, there))

    async def _count(self, now: int, shards: Iterable[int]) -> int:
        """Count what happened since the last look; return until when, ms since 1970."""
        return min([await self._count_at(shard, now) for shard in shards])

    async def _count_at(self, shard: int, now: int) -> int:
        begin = now - KEPT * SPAN
        if int(self._places.get(shard, "0").partition("-")[0]) < begin:
            self._places[shard] = f"{begin}-0"
        while True:
            act = gauges.tally(self._places[shard], _EVENTS, measured=MEASURED, span=SPAN)
            tally = await self._gateway.shards.ask(shard, act)
            self._history.add(tally)
            self._places[shard] = tally.place
            if tally.events < _EVENTS:
                return tally.now
            await asyncio.sleep(_PAUSE)

    def _tell_steps(self, last: int) -> None:
        """Tell the slots that are over: the new one, or all of them to whom knows none."""
        if last == self._told + 1:
            self._tell("step", self._history.steps(last, last)[0])
        elif last != self._told:
            steps = self._history.steps(last - KEPT + 1, last)
            events = self._gateway.settings.events.keep > 0
            self._tell("history", {"span": SPAN, "events": events, "steps": steps})
        self._told = last

    def _tell(self, name: str, data: Any) -> None:
        message = b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))
        for each in self._viewers:
            each.tell(message)


def _now(depths: Depths, away: Iterable[StoreError]) -> dict[str, Any]:
    """Return how much lies where, ready for JSON; ages in seconds, the time in ms since 1970.

    ``away``: what is wrong with shards that did not answer, whose part is not in it.
    """
    late = ages(depths)
    return {
        "redis": "; ".join(map(str, away)) or None,
        "at": depths.now,
        "waiting": depths.waiting,
        "due_in": round((depths.due - depths.now) / 1000, 1) if depths.due else None,
        "overdue": depths.overdue,
        "unknown": depths.unknown,
        "dead": depths.dead,
        "spool": depths.spool,
        "unreadable": depths.unreadable,
        "streams": {
            stream: {"ready": pile.ready, "age": round(late[stream], 1), "rings": pile.rings}
            for stream, pile in depths.streams.items()
        },
    }
