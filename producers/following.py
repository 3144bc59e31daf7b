"""Following: events as iterators that live for hours; a server that restarts does not end one.

What both kinds do is written once, as moves: a command to send, a time to sleep, an event to hand
over. They differ only in who carries the moves out.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Collection, Generator, Iterator
from typing import Any, TypeAlias, get_args

from worker.contract.errors import StoreError
from worker.contract.happenings import TYPES, Event
from worker.store.client import AsyncStore, Store, passes
from worker.store.consumer import IDLE, Consumer, Start, Words, behind, latest

Moves: TypeAlias = Generator[Words | float | Event, Any, None]

_MOST = 100  # events taken at once
_BATCH = 2.0  # seconds' worth of them: what is not handled within a minute goes to another one
_PAUSE, _LONGEST = 0.1, 5.0  # seconds between two tries to reach Redis, at first and at the most
_LONG = 60.0  # seconds that one look waits; then the next one begins
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
    ) -> None:
        if not isinstance(group, str) or not group.strip() or len(group) > _NAME:
            raise ValueError(f"group: must be a name of 1 to {_NAME} characters")
        if start not in get_args(Start):
            raise ValueError(f"start: must be one of {', '.join(get_args(Start))}")
        if wait is not None and not wait >= 0:
            raise ValueError("wait: must be seconds, 0 or more, or None for ever")
        self._types = _checked(types)
        self._start = start
        self._wait = wait
        self._consumer = Consumer(group, "", idle=idle, block=timeout / 2)
        self._finished: list[str] = []  # handled, and not yet said so
        self._met = False  # whether Redis ever answered

    def moves(self) -> Moves:
        """Hand over events; one is done with when the next move is asked for."""
        most, pause, last = 1, _PAUSE, time.monotonic()
        while True:
            left = _LONG if self._wait is None else self._wait - (time.monotonic() - last)
            try:
                found = yield from self._take(most, max(0.0, min(left, _LONG)))
            except StoreError as error:
                if left <= 0 or not self._met or not passes(error):
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
            if not found and left <= 0:
                return
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


def watch(most: int, types: Collection[str], *, follow: bool, timeout: float) -> Moves:
    """Hand over the last events, then those that come, without taking them from anybody."""
    found, place = yield from latest(most, types)
    yield from found
    pause = _PAUSE
    while follow:
        try:
            found, place = yield from behind(place, timeout / 2)
        except StoreError as error:
            if not passes(error):
                raise
            yield pause
            pause = min(pause * 2, _LONGEST)
            continue
        pause = _PAUSE
        yield from (each for each in found if not types or each.type in types)


def carry_out(store: Store, moves: Moves) -> Iterator[Event]:
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
                    answer = store.command(*move)
            except StoreError as error:
                move = moves.throw(error)
            else:
                move = moves.send(answer)


async def carry_out_async(store: AsyncStore, moves: Moves) -> AsyncGenerator[Event, None]:
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
                    answer = await store.command(*move)
            except StoreError as error:
                move = moves.throw(error)
            else:
                move = moves.send(answer)


def follow(store: Store, listening: Listening) -> Iterator[Event]:
    """Yield events until the wait is over, or the caller has enough."""
    try:
        yield from carry_out(store, listening.moves())
    finally:
        with contextlib.suppress(StoreError):  # else they come to another one after a minute
            for _ in carry_out(store, listening.leave()):
                pass


async def follow_async(store: AsyncStore, listening: Listening) -> AsyncGenerator[Event, None]:
    """Yield events until the wait is over, or the caller has enough."""
    events = carry_out_async(store, listening.moves())
    try:
        async with contextlib.aclosing(events):
            async for event in events:
                yield event
    finally:
        with contextlib.suppress(StoreError):
            async for _ in carry_out_async(store, listening.leave()):
                pass
