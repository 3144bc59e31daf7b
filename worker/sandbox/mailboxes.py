"""What waits to be polled: read once, in the order it fell due."""

import heapq
from collections.abc import Iterator
from typing import Any, NamedTuple

Item = dict[str, Any]


class Page(NamedTuple):
    """What one poll was given; whether it arrived, the vendor does not know."""

    vendor: str
    account: str
    kind: str  #: report or inbound
    time: float
    items: list[Item]


class Mailbox:
    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Item]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Item]:
        """Show what waits, in no order."""
        return (item for _, _, item in self._waiting)

    def put(self, due: float, item: Item) -> None:
        self._count += 1
        heapq.heappush(self._waiting, (due, self._count, item))

    def take(self, now: float, most: int) -> list[Item]:
        """Return what is due by now, at most so many, and forget it."""
        page: list[Item] = []
        while self._waiting and self._waiting[0][0] <= now and len(page) < most:
            page.append(heapq.heappop(self._waiting)[2])
        return page

    def clear(self) -> None:
        self._waiting.clear()
