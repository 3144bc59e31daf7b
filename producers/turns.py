"""Turns: several shards make their moves one after the other, as if they were one."""

import time
from collections.abc import Generator, Sequence
from typing import Any, TypeAlias

from producers.listening import Moves
from worker.contract.errors import StoreError
from worker.contract.happenings import Event, of_shard
from worker.store.consumer import Steps, T, Words

#: Moves of all: each command with the shard that it is for.
Together: TypeAlias = Generator[tuple[int, Words] | float | Event, Any, T]


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


def at(place: int, steps: Steps[T]) -> Together[T]:
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
