"""The inboxes of all shards as one, the letters in the order in which they came.

Each shard has its own clock and its own letters, so a place among all of them is one in each: the
``next`` of an answer holds them. A shard that is away is left where it is; it is read when it is
back.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from worker.contract.errors import StoreError
from worker.contract.happenings import place_of
from worker.store.inbox import Inbox, Received
from worker.store.sealing import UNSEALED, Seal
from worker.store.shards import AsyncShards

_PLACE = re.compile(r"([0-9]{1,20})(?:-([0-9]{1,20}))?", re.ASCII)
_HIGHEST = 2**64 - 1
_JOINT = "~"


@dataclass(frozen=True, slots=True)
class Letters:
    """Some of them, and what to say to read on; empty: there is no place yet."""

    letters: list[Received]
    next: str
    away: Sequence[StoreError] = ()  #: shards that did not answer: nothing of theirs is there


def is_place(text: str) -> bool:
    """Return whether a text is the ``next`` of an answer, or the id of a letter."""
    return all(not each or _is_own(each.partition(".")[0]) for each in text.split(_JOINT))


def _is_own(text: str) -> bool:
    found = _PLACE.fullmatch(text)
    return found is not None and all(int(part) <= _HIGHEST for part in found.groups("0"))


Places = list[str]  #: one of each shard
Found = list[tuple[int, Received]]  #: letters with their shards
Away = list[StoreError]


class Inboxes:
    """The inboxes of all shards; with one server they are its inbox."""

    def __init__(self, shards: AsyncShards, seal: Seal = UNSEALED) -> None:
        self._shards = shards
        self._all = [Inbox(store, seal) for store in shards.all]

    async def list(self, after: str = "", most: int = 100) -> Letters:
        """Return inbound messages behind a place, the oldest first; raise StoreError."""
        places = self._places(after)
        found, away = await self._read(places, most, newest=False)
        return self._merged(found, away, places, most, newest=False)

    async def latest(self, before: str = "", most: int = 100) -> Letters:
        """Return inbound messages before a place, the newest first; raise StoreError."""
        places = self._places(before)
        found, away = await self._read(places, most, newest=True)
        return self._merged(found, away, places, most, newest=True)

    def _places(self, text: str) -> Places:
        """Return the place in each shard; the id of one letter is a moment in all the others."""
        many = len(self._all)
        if _JOINT in text:
            return [*text.split(_JOINT), *[""] * many][:many]  # a shard that is new has a new inbox
        return [text.partition(".")[0]] * many

    async def _read(self, places: Sequence[str], most: int, *, newest: bool) -> tuple[Found, Away]:
        async def read(shard: int) -> Found:
            inbox = self._all[shard]
            with self._shards.naming(shard):
                found = await (inbox.latest if newest else inbox.list)(places[shard], most)
            return [(shard, each) for each in found]

        found, away = await self._shards.reach(read)
        return [each for some in found.values() for each in some], away

    def _merged(
        self,
        found: Found,
        away: Away,
        places: Places,
        most: int,
        *,
        newest: bool,
    ) -> Letters:
        letters = []
        for shard, each in sorted(found, key=_order, reverse=newest)[:most]:
            places[shard] = each.id
            letters.append(replace(each, id=place_of(each.id, shard)))
        end = _JOINT.join(places) if any(places) else ""
        return Letters(letters, end, away)


def _order(found: tuple[int, Received]) -> tuple[int, int, int]:
    shard, each = found
    at, _, number = each.id.partition("-")
    return int(at), int(number), shard
