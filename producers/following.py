"""Following: events as iterators that live for hours; a server that restarts does not end one.

What both kinds do is written once, as moves: a command to send, a time to sleep, an event to hand
over. They differ only in who carries the moves out. Several shards have their moves by turns.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Collection, Generator, Iterator, Sequence
from typing import Any, TypeAlias, get_args

from worker.contract.errors import StoreError
from worker.contract.happenings import TYPES, Event, of_shard
from worker.store.client import passes
from worker.store.consumer import IDLE, Consumer, Start, Steps, T, Words, behind, latest
from worker.store.shards import AsyncShards, Shards

#: Those of one shard; None: nothing is there now, so that the others may have their turn.
Moves: TypeAlias = Generator[Words | float | Event | None, Any, None]
#: Those of all: each command with the shard that it is for.
Together: TypeAlias = Generator[tuple[int, Words] | float | Event, Any, T]

_MOST = 100  # events taken at once
_BATCH = 2.0  # seconds' worth of them: what is not handled within a minute goes to another one
_PAUSE, _LONGEST = 0.1, 5.0  # seconds between two tries to reach Redis, at first and at the most
_LONG = 60.0  # seconds that one look waits; then the next one begins
_TURN = 0.2  # seconds that a look waits where other shards wait for their turn
_NAME = 100  # characters of a group's name


class Listening:
    """One consumer of a group on its way through the events; checked when it is made."""

    def __init__(
        self,
        group: str,
        *,
        types: Collection[str] | None,
        start: Start,
        wait: float | None,
        timeout: float,
        idle: float = IDLE,
        shards: int = 1,
    ) -> None:
        if not isinstance(group, str) or not group.strip() or len(group) > _NAME:
            raise ValueError(f"group: must be a name of 1 to {_NAME} characters")
        if start not in get_args(Start):
            raise ValueError(f"start: must be one of {', '.join(get_args(Start))}")
        if wait is not None and not wait >= 0:
            raise ValueError("wait: must be seconds, 0 or more, or None for ever")
        self._types = _checked(types)
        self._start = start
        self._alone = shards == 1
        self._look = _LONG if self._alone else _TURN
        self.wait = wait
        block = min(timeout / 2, self._look)
        self._consumer = Consumer(group, "", idle=idle, block=block)
        self._finished: list[str] = []  # handled, and not yet said so
        self._met = False  # whether Redis ever answered

    def moves(self) -> Moves:
        """Hand over events; one is done with when the next move is asked for."""
        most, pause, last = 1, _PAUSE, time.monotonic()
        while True:
            left = _LONG
            if self.wait is not None and self._alone:  # else by_turns sees to the end
                left = self.wait - (time.monotonic() - last)
            try:
                found = yield from self._take(most, max(0.0, min(left, self._look)))
            except StoreError as error:
                if not passes(error) or (self._alone and (left <= 0 or not self._met)):
                    raise
                yield pause
                pause = min(pause * 2, _LONGEST)
                continue
            pause, begun = _PAUSE, time.monotonic()
            for event in found:
                if not self._types or event.type in self._types:
                    yield event
                    last = time.monotonic()
                self._finished.append(event.id)
                yield from self._say_finished()
            if not found:
                if left <= 0:
                    return
                yield None
            most = _pace(most, len(found), time.monotonic() - begun)

    def leave(self) -> Moves:
        """Say what is done with, and hand back the rest."""
        yield from self._say_finished()
        yield from self._consumer.leave()

    def _take(self, most: int, wait: float) -> Generator[Words, Any, list[Event]]:
        if not self._met:
            yield from self._consumer.open(self._start)
            self._met = True
        yield from self._consumer.done(self._finished)
        self._finished.clear()
        return (yield from self._consumer.take(most, wait))

    def _say_finished(self) -> Moves:
        try:
            yield from self._consumer.done(self._finished)
        except StoreError as error:
            if not passes(error):
                raise
        else:
            self._finished.clear()


def _checked(types: Collection[str] | None) -> frozenset[str]:
    if isinstance(types, str):
        raise ValueError("types: must be a list of types, not one text")  # noqa: TRY004 - as below
    for each in types or ():
        if each not in TYPES:
            raise ValueError(f"types: {str(each)[:40]!r} is none; there are {', '.join(TYPES)}")
    return frozenset(types or ())


def _pace(most: int, count: int, seconds: float) -> int:
    """Return how many to take next: no more than the caller handles in a moment."""
    if not count:
        return most
    return max(1, min(_MOST, most * 2, int(count * _BATCH / max(seconds, 0.001))))


def by_turns(every: Sequence[Moves], wait: float | None = None) -> Together[None]:
    """Let several shards make their moves, each until it has nothing; one that is away rests.

    Ends after ``wait`` seconds without an event, or when each ended; raises the StoreError of one
    that is away then, or where none ever answered.
    """
    turns = [_Turn(place, moves) for place, moves in enumerate(every)]
    last = time.monotonic()
    while turns := [each for each in turns if not each.over]:
        for turn in turns:
            if turn.rest <= time.monotonic() and (yield from turn.take()):
                last = time.monotonic()
        lost = [each.lost for each in turns if each.lost]
        ended = wait is not None and time.monotonic() - last >= wait
        if lost and (ended or not any(each.met for each in turns)):
            raise lost[0]
        if ended:
            return
        if (pause := min(each.rest for each in turns) - time.monotonic()) > 0:
            yield pause


class _Turn:
    """One shard among others."""

    def __init__(self, place: int, moves: Moves) -> None:
        self._place = place
        self._moves = moves
        self.rest = 0.0  #: until when
        self.met = False  #: whether it ever answered
        self.lost: StoreError | None = None  #: why it does not answer now
        self.over = False

    def take(self) -> Together[bool]:
        """Make its moves until there is nothing to do; returns whether there was an event."""
        had, answer = False, None
        try:
            move = next(self._moves)
            while move is not None and not isinstance(move, float):
                if isinstance(move, Event):
                    had, answer = True, None
                    yield of_shard(move, self._place)
                else:
                    try:
                        answer = yield self._place, move
                    except StoreError as error:
                        self.lost = error
                        move = self._moves.throw(error)
                        continue
                    self.met, self.lost = True, None
                move = self._moves.send(answer)
            self.rest = time.monotonic() + move if move else 0.0
        except StopIteration:
            self.over = True
        return had


def _at(place: int, steps: Steps[T]) -> Together[T]:
    """Take steps at one shard."""
    try:
        words = next(steps)
        while True:
            try:
                answer = yield place, words
            except StoreError as error:
                words = steps.throw(error)
            else:
                words = steps.send(answer)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def watch(
    shards: int, most: int, types: Collection[str], *, follow: bool, timeout: float
) -> Together[None]:
    """Hand over the last events, then those that come, without taking them from anybody."""
    found: list[Event] = []
    places = []
    for shard in range(shards):
        events, place = yield from _at(shard, latest(most, types))
        found += (of_shard(each, shard) for each in events)
        places.append(place)
    found.sort(key=lambda each: each.at)
    yield from found[max(0, len(found) - most) :]
    if follow:
        block = timeout / 2 if shards == 1 else min(timeout / 2, _TURN)
        yield from by_turns([_coming(place, types, block) for place in places])


def _coming(place: str, types: Collection[str], block: float) -> Moves:
    pause = _PAUSE
    while True:
        try:
            found, place = yield from behind(place, block)
        except StoreError as error:
            if not passes(error):
                raise
            yield pause
            pause = min(pause * 2, _LONGEST)
            continue
        pause = _PAUSE
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
