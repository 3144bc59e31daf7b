"""Following: events as iterators that live for hours; a server that restarts does not end one.

What both kinds do is written once, as moves (producers.listening); here they are carried out.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence

from producers.listening import LONGEST, PAUSE, TURN, Listening, Moves
from producers.turns import Together, at, by_turns
from worker.contract.errors import StoreError
from worker.contract.happenings import Event, of_shard
from worker.store.consumer import behind, latest
from worker.store.failures import passes
from worker.store.shards import AsyncShards, Shards


def watch(
    shards: int, most: int, types: Collection[str], *, follow: bool, timeout: float
) -> Together[None]:
    """Hand over the last events, then those that come, without taking them from anybody."""
    found: list[Event] = []
    places = []
    for shard in range(shards):
        events, place = yield from at(shard, latest(most, types))
        found += (of_shard(each, shard) for each in events)
        places.append(place)
    found.sort(key=lambda each: each.at)
    yield from found[max(0, len(found) - most) :]
    if follow:
        block = timeout / 2 if shards == 1 else min(timeout / 2, TURN)
        yield from by_turns([_coming(place, types, block) for place in places])


def _coming(place: str, types: Collection[str], block: float) -> Moves:
    pause = PAUSE
    while True:
        try:
            found, place = yield from behind(place, block)
        except StoreError as error:
            if not passes(error):
                raise
            yield pause
            pause = min(pause * 2, LONGEST)
            continue
        pause = PAUSE
        yield from (each for each in found if not types or each.type in types)
        yield None


def carry_out(shards: Shards, moves: Together[None]) -> Iterator[Event]:
    """Yield the events of some moves."""
    with contextlib.suppress(StopIteration):
        move = next(moves)
        while True:
            answer = None
            try:
                if isinstance(move, Event):
                    yield move
                elif isinstance(move, float):
                    time.sleep(move)
                else:
                    place, words = move
                    with shards.naming(place):
                        answer = shards.all[place].command(*words)
            except StoreError as error:
                move = moves.throw(error)
            else:
                move = moves.send(answer)


async def carry_out_async(
    shards: AsyncShards, moves: Together[None]
) -> AsyncGenerator[Event, None]:
    """Yield the events of some moves."""
    with contextlib.suppress(StopIteration):
        move = next(moves)
        while True:
            answer = None
            try:
                if isinstance(move, Event):
                    yield move
                elif isinstance(move, float):
                    await asyncio.sleep(move)
                else:
                    place, words = move
                    with shards.naming(place):
                        answer = await shards.all[place].command(*words)
            except StoreError as error:
                move = moves.throw(error)
            else:
                move = moves.send(answer)


def _followed(listening: Sequence[Listening]) -> Together[None]:
    wait = listening[0].wait if len(listening) > 1 else None  # one sees to it itself
    return by_turns([each.moves() for each in listening], wait)


def follow(shards: Shards, listening: Sequence[Listening]) -> Iterator[Event]:
    """Yield events until the wait is over, or the caller has enough; one listens at each shard."""
    try:
        yield from carry_out(shards, _followed(listening))
    finally:
        with contextlib.suppress(StoreError):  # else they come to another one after a minute
            for _ in carry_out(shards, by_turns([each.leave() for each in listening])):
                pass


async def follow_async(
    shards: AsyncShards, listening: Sequence[Listening]
) -> AsyncGenerator[Event, None]:
    """Yield events until the wait is over, or the caller has enough; one listens at each shard."""
    events = carry_out_async(shards, _followed(listening))
    try:
        async with contextlib.aclosing(events):
            async for event in events:
                yield event
    finally:
        with contextlib.suppress(StoreError):
            leaving = by_turns([each.leave() for each in listening])
            async for _ in carry_out_async(shards, leaving):
                pass
