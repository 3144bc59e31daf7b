"""Shards: one store a server, and who asks which. With one server it is that store and no more."""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from worker.contract.errors import StoreError
from worker.contract.record import Record
from worker.contract.settings import Settings
from worker.store import acts
from worker.store.acts import Act
from worker.store.client import AsyncStore, Store

S = TypeVar("S", Store, AsyncStore)
T = TypeVar("T")
Records = list[Record | None]
Located = list[tuple[int, Record] | None]  #: the place of each one's shard, and its record
Looking = Generator[tuple[int, list[str]], Records, Located]


class _Shards(Generic[S]):
    """What both kinds know: the stores in the order of the settings, and where things are."""

    def __init__(self, settings: Settings, make: Callable[[str], S]) -> None:
        self.placing = settings.placing
        self.names = tuple(each.name for each in settings.cells)
        self.all: tuple[S, ...] = tuple(make(each.url) for each in settings.cells)

    def __len__(self) -> int:
        return len(self.all)

    @property
    def first(self) -> S:
        """The one with the spool, the polls and the balances."""
        return self.all[0]

    @contextmanager
    def naming(self, place: int) -> Iterator[None]:
        """Let a StoreError say which of several servers it is about."""
        try:
            yield
        except StoreError as error:
            if len(self.all) == 1:
                raise
            named = StoreError(f"shard {self.names[place]}: {error}")
            raise named from error.__cause__

    def _looking(self, ids: Sequence[str]) -> Looking:
        """Read records in turns: each where its id says that it is, then what is left elsewhere.

        Yields a shard and ids, wants their records, and returns them all.
        """
        found: Located = [None] * len(ids)
        for turn in range(len(self.all)):
            places: dict[int, list[int]] = {}
            for at, known in enumerate(found):
                if known is None:
                    places.setdefault(self.placing.order(ids[at])[turn], []).append(at)
            for place, some in places.items():
                records = yield place, [ids[at] for at in some]
                for at, record in zip(some, records, strict=True):
                    found[at] = (place, record) if record else None
        return found


def _options(settings: Settings, more: Mapping[str, Any]) -> dict[str, Any]:
    store = settings.store
    return {"timeout": store.timeout, "durability": store.durability, **more}


class Shards(_Shards[Store]):
    """The stores for synchronous callers, each connected when it must be.

    ``more``: options of Store. All raise StoreError, which names the shard.
    """

    def __init__(self, settings: Settings, **more: Any) -> None:
        options = _options(settings, more)
        super().__init__(settings, lambda url: Store(url, **options))

    def ask(self, place: int, act: Act[T]) -> T:
        """Carry out an act on one shard."""
        with self.naming(place):
            return self.all[place].run(act)

    def everywhere(self, act: Act[T]) -> list[T]:
        """Carry out an act on each, in order."""
        return [self.ask(place, act) for place in range(len(self.all))]

    def seek(self, message_id: str, act: Act[T], there: Callable[[T], bool]) -> T:
        """Ask about a message where its id says that it is, then elsewhere.

        ``there``: whether an answer is about it. Without any, the last answer is returned.
        """
        for place in self.placing.order(message_id):
            if there(answer := self.ask(place, act)):
                break
        return answer

    def find(self, ids: Sequence[str]) -> Records:
        """Read records, wherever they are; None where there is none (any more)."""
        return [known and known[1] for known in self.locate(ids)]

    def locate(self, ids: Sequence[str]) -> Located:
        """Read records, and where they are; None where there is none (any more)."""
        looking = self._looking(ids)
        try:
            place, some = next(looking)
            while True:
                place, some = looking.send(self.ask(place, acts.find(some)))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def close(self) -> None:
        for store in self.all:
            store.close()


class AsyncShards(_Shards[AsyncStore]):
    """The stores for one event loop."""

    def __init__(self, settings: Settings, **more: Any) -> None:
        options = _options(settings, more)
        super().__init__(settings, lambda url: AsyncStore(url, **options))

    async def ask(self, place: int, act: Act[T]) -> T:
        """Carry out an act on one shard."""
        with self.naming(place):
            return await self.all[place].run(act)

    async def everywhere(self, act: Act[T], places: Iterable[int] | None = None) -> list[T]:
        """Carry out an act on each, or on those at some places, at once; the answers in order."""
        asked = range(len(self.all)) if places is None else places
        return await asyncio.gather(*(self.ask(place, act) for place in asked))

    async def answering(self, act: Act[T]) -> tuple[dict[int, T], list[StoreError]]:
        """Carry out an act on each, whoever is away; see ``reach``."""
        return await self.reach(lambda place: self.ask(place, act))

    async def reach(
        self, asking: Callable[[int], Coroutine[Any, Any, T]]
    ) -> tuple[dict[int, T], list[StoreError]]:
        """Ask each, by its place, at once; return the answers by place, and what is wrong with
        those that do not answer. Where none does, raise the first one's StoreError.
        """
        asked = (asking(place) for place in range(len(self.all)))
        told = await asyncio.gather(*asked, return_exceptions=True)
        away = [each for each in told if isinstance(each, StoreError)]
        for each in told:
            if isinstance(each, BaseException) and not isinstance(each, StoreError):
                raise each
        if len(away) == len(told):
            raise away[0]
        found = {at: each for at, each in enumerate(told) if not isinstance(each, BaseException)}
        return found, away

    async def seek(self, message_id: str, act: Act[T], there: Callable[[T], bool]) -> T:
        """Ask about a message where its id says that it is, then elsewhere; see Shards.seek."""
        for place in self.placing.order(message_id):
            if there(answer := await self.ask(place, act)):
                break
        return answer

    async def find(self, ids: Sequence[str]) -> Records:
        """Read records, wherever they are; None where there is none (any more)."""
        looking = self._looking(ids)
        try:
            place, some = next(looking)
            while True:
                place, some = looking.send(await self.ask(place, acts.find(some)))
        except StopIteration as end:
            return [known and known[1] for known in end.value]

    async def close(self) -> None:
        for store in self.all:
            await store.close()
