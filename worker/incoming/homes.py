"""Homes: what came back goes to the shard of its number, from the one that all of it comes to.

A message may be elsewhere: it was accepted before there was one more shard. So what is not matched
at home is looked for at the others. A shard that is away keeps nothing of the others waiting; what
is for it is said not to be taken, and is to come again.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import structlog

from worker.contract.errors import StoreError
from worker.contract.record import Record
from worker.contract.shards import Placing
from worker.store import acts, arrivals
from worker.store.arrivals import Heard, Report, Told
from worker.store.client import AsyncStore
from worker.store.shards import AsyncShards

log = structlog.get_logger("xinshi.homes")

S = TypeVar("S")
T = TypeVar("T")
_REST = 5.0  # seconds for which a shard that did not answer is not asked: each try may take long


class Away(StoreError):  # noqa: N818 - it reads as a verdict
    """Another shard is away; this one is not."""


class Homes:
    """The shards as seen from the one that a worker serves; without ``shards`` it is alone.

    Raises StoreError where its own store is away.
    """

    def __init__(
        self,
        store: AsyncStore,
        shards: AsyncShards | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = store
        self._stores = shards.all if shards else (store,)
        self._placing = shards.placing if shards else Placing(["0"])
        self._clock = clock
        self._away: dict[int, float] = {}  # until when they are not asked

    async def inbound(self, items: Sequence[Heard], *, memory: float) -> list[bool | None]:
        """Take in inbound messages: which are new; None where its shard is away."""
        homes = [self._placing.of(each.letter.sender) for each in items]

        async def take(place: int, some: list[Heard]) -> list[bool]:
            return await self._stores[place].run(arrivals.inbound(some, memory=memory))

        return await self._each(items, homes, take)

    async def report(
        self, items: Sequence[Report], *, memory: float, prompt: float = 0.0
    ) -> list[Told | None]:
        """Take in reports: what came of each; None where a shard is away that may know it.

        ``memory`` and ``prompt`` as in worker.store.arrivals.
        """

        async def take(place: int, some: list[Report]) -> list[Told]:
            act = arrivals.report(some, memory=memory, prompt=prompt)
            return await self._stores[place].run(act)

        homes = [self._home(each) for each in items]
        found = await self._each(items, homes, take)
        for place in range(len(self._stores)):
            left = [at for at, home in enumerate(homes) if home != place and _unmatched(found[at])]
            if left:
                act = arrivals.report([items[at] for at in left], memory=0, prompt=prompt)
                told = await self._ask(place, self._stores[place].run(act))
                for at, each in zip(left, told or (None for _ in left), strict=True):
                    found[at] = each if each is None or each.id else found[at]
        return found

    async def find(self, message_id: str) -> Record | None:
        """Read a record; raise Away where the shard is away that may have it."""
        for place in self._placing.order(message_id):
            found = await self._ask(place, self._stores[place].run(acts.find([message_id])))
            if found is None:
                raise Away("a shard is away")
            if found[0] is not None:
                return found[0]
        return None

    def _home(self, item: Report) -> int:
        if item.to:
            return self._placing.of(item.to)
        return self._placing.order(item.vendor_message_id)[0]  # it is our own

    async def _each(
        self,
        items: Sequence[S],
        homes: Sequence[int],
        take: Callable[[int, list[S]], Coroutine[Any, Any, list[T]]],
    ) -> list[T | None]:
        """Hand each item to its home, all homes at once; returns the answers in order."""
        found: list[T | None] = [None] * len(items)

        async def hand(place: int) -> None:
            mine = [at for at, home in enumerate(homes) if home == place]
            answers = await self._ask(place, take(place, [items[at] for at in mine]))
            for at, answer in zip(mine, answers or (), strict=False):
                found[at] = answer

        await asyncio.gather(*(hand(place) for place in sorted(set(homes))))
        return found

    async def _ask(self, place: int, asking: Coroutine[Any, Any, T]) -> T | None:
        """Return what a shard answers, None where it is away; one's own raises StoreError."""
        if self._away.get(place, 0.0) > self._clock():
            asking.close()
            return None
        try:
            return await asking
        except StoreError as error:
            if self._stores[place] is self._own:
                raise
            self._away[place] = self._clock() + _REST
            log.warning("shard.away", shard=place, error=str(error))
            return None


def _unmatched(told: Told | None) -> bool:
    """Return whether a report is taken in, and its message is not known there."""
    return told is not None and not told.id
