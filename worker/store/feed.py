"""The feed: what happened, for groups of consumers that share it.

One bounded stream. Each event goes to one consumer of each group, and again to another where that
one did not say within a minute that it is done with it: at least once.
"""

from collections.abc import Mapping, Sequence

from worker.contract import happenings
from worker.contract.errors import StoreError
from worker.contract.happenings import Event
from worker.store import scripts
from worker.store.acts import Act
from worker.store.client import AsyncStore
from worker.store.consumer import IDLE, Consumer, Start, Steps, T


def emit(event_type: str, data: Mapping[str, object]) -> Act[str]:
    """Tell of something; returns the event's id, empty where no events are kept."""
    packed = happenings.pack(event_type, data)
    return Act(scripts.load("emit"), (packed,), lambda answer: str(answer.decode()))


class Feed:
    """The feed for one event loop. Raises StoreError.

    ``group``: who shares the events; ``consumer``: a name that no other one in the group has,
    made up where it is empty; ``idle``: seconds after which an unfinished event goes to another.
    """

    def __init__(
        self, store: AsyncStore, group: str, consumer: str = "", *, idle: float = IDLE
    ) -> None:
        self._store = store
        self._consumer = Consumer(group, consumer, idle=idle, block=store.timeout / 2)

    async def open(self, start: Start = "oldest") -> None:
        """Create the group where it is not there: from the oldest event on, or what comes now."""
        await self._carry_out(self._consumer.open(start))

    async def take(self, most: int = 100, *, wait: float = 0.0) -> list[Event]:
        """Return events, each to be done with; wait for the first one, seconds at the most."""
        return await self._carry_out(self._consumer.take(most, wait))

    async def done(self, events: Sequence[Event]) -> None:
        """Say that events need not come again."""
        await self._carry_out(self._consumer.done([each.id for each in events]))

    async def leave(self) -> None:
        """Hand back what was taken and is not done with; the last thing a consumer does."""
        await self._carry_out(self._consumer.leave())

    async def _carry_out(self, steps: Steps[T]) -> T:
        try:
            words = next(steps)
            while True:
                try:
                    answer = await self._store.command(*words)
                except StoreError as error:
                    words = steps.throw(error)
                else:
                    words = steps.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
