"""Handing in: a batch goes to the store while its next messages are checked."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from producers.intake import Batch, Chunk
from worker.contract.errors import StoreError
from worker.store.acts import Accepted

_SIZE = 500  # messages an accept carries: some milliseconds of Redis's one thread


class UnderWay(Protocol):
    """A chunk that was sent."""

    def result(self) -> list[Accepted]:
        """Wait for the answer, once; raise StoreError."""

    def drop(self) -> None:
        """Don't ask for the answer any more."""


@dataclass(frozen=True, slots=True)
class Done:
    """A chunk that is answered already."""

    answers: list[Accepted]

    def result(self) -> list[Accepted]:
        return self.answers

    def drop(self) -> None:
        pass


def hand_in(
    batch: Batch,
    begin: Callable[[Chunk], UnderWay],
    naming: Callable[[int], AbstractContextManager[None]],
) -> None:
    """Hand in a batch: one chunk a shard is under way, the next one goes after its answer.

    ``naming``: lets a StoreError say which shard it is about.
    """
    open_: dict[int, tuple[Chunk, UnderWay]] = {}

    def finish(shard: int) -> None:
        chunk, under_way = open_.pop(shard)
        try:
            with naming(shard):
                batch.note(chunk, under_way.result())
        except StoreError as error:
            batch.lose(shard, error)

    try:
        for chunk in batch.chunks(_SIZE):
            if chunk.shard in open_:
                finish(chunk.shard)
            if not batch.is_lost(chunk.shard):
                open_[chunk.shard] = chunk, begin(chunk)
        for shard in list(open_):
            finish(shard)
    finally:
        for _, left in open_.values():
            left.drop()


async def hand_in_async(batch: Batch, accept: Callable[[Chunk], Awaitable[list[Accepted]]]) -> None:
    """The same on an event loop."""
    open_: dict[int, tuple[Chunk, asyncio.Future[list[Accepted]]]] = {}

    async def finish(shard: int) -> None:
        chunk, under_way = open_.pop(shard)
        try:
            batch.note(chunk, await under_way)
        except StoreError as error:
            batch.lose(shard, error)

    try:
        for chunk in batch.chunks(_SIZE):
            if chunk.shard in open_:
                await finish(chunk.shard)
            if not batch.is_lost(chunk.shard):
                open_[chunk.shard] = chunk, asyncio.ensure_future(accept(chunk))
                await asyncio.sleep(0)  # it leaves before the next ones are checked
        for shard in list(open_):
            await finish(shard)
    finally:
        for _, left in open_.values():
            left.cancel()
