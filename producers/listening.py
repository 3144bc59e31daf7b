"""Listening: one consumer's way through the events of one shard, as moves for others to make.

A move is a command to send, a time to sleep, or an event to hand over. So the clients of both kinds
share it: they differ only in who carries the moves out.
"""

import time
from collections.abc import Collection, Generator
from typing import Any, TypeAlias, get_args

from worker.contract.errors import StoreError
from worker.contract.happenings import TYPES, Event
from worker.store.consumer import IDLE, Consumer, Start, Words
from worker.store.failures import passes

#: Those of one shard; None: nothing is there now, so that the others may have their turn.
Moves: TypeAlias = Generator[Words | float | Event | None, Any, None]

PAUSE, LONGEST = 0.1, 5.0  #: seconds between two tries to reach Redis, at first and at the most
TURN = 0.2  #: seconds that a look waits where other shards wait for their turn

_MOST = 100  # events taken at once
_BATCH = 2.0  # seconds' worth of them: what is not handled within a minute goes to another one
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
        self._look = _LONG if self._alone else TURN
        self.wait = wait
        block = min(timeout / 2, self._look)
        self._consumer = Consumer(group, "", idle=idle, block=block)
        self._finished: list[str] = []  # handled, and not yet said so
        self._met = False  # whether Redis ever answered

    def moves(self) -> Moves:
        """Hand over events; one is done with when the next move is asked for."""
        most, pause, last = 1, PAUSE, time.monotonic()
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
                pause = min(pause * 2, LONGEST)
                continue
            pause, begun = PAUSE, time.monotonic()
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
