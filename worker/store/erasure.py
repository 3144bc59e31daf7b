"""Erasure: what is not to be kept any longer goes out of the store.

Texts whose time is over, and all that is stored of one number. There is no list of a number's
messages, as it would hold whom somebody wrote to: so the latter reads through every record.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import msgspec

from worker.contract import keys, record
from worker.contract.errors import SealError
from worker.contract.privacy import Aliases
from worker.contract.recipient import national
from worker.contract.status import FINAL, Status, Stream
from worker.store import scripts, walking
from worker.store.acts import Act
from worker.store.client import Store
from worker.store.inbox import Letter
from worker.store.sealing import UNSEALED, Seal

_RECORDS = 1000  # forgotten a call
_DONE = FINAL | {Status.SUBMITTED}


def erase(most: int) -> Act[int]:
    """Erase texts whose time is over; returns how many, ``most`` where there may be more."""
    return Act(scripts.load("erase"), (most,), int)


def forget(number: str, ids: Sequence[str], *, force: bool) -> Act[tuple[int, int]]:
    """Forget messages to a number; returns how many, and how many stay as they are on their way.

    ``force``: those go as well.
    """
    args: tuple[str | bytes | int, ...] = (number, int(force), *ids)
    return Act(scripts.load("forget"), args, lambda answer: (answer[0], answer[1]))


@dataclass(slots=True)
class Erased:
    """What was stored of a number; of several stores the sum."""

    messages: int = 0
    on_their_way: int = 0  #: messages that stay, as they may be submitted yet
    replies: int = 0
    memories: int = 0  #: keys of its alias: windows, early reports, lost answers, last messages
    suppressed: int = 0  #: lists that it was taken off
    pages: int = 0  #: raw pages of vendors that hold it, with others; they stay

    def __add__(self, other: "Erased") -> "Erased":
        names = [each.name for each in fields(self)]
        return Erased(**{each: getattr(self, each) + getattr(other, each) for each in names})


class Eraser:
    """Erases one number from one store. Raises StoreError."""

    def __init__(self, store: Store, number: str, aliases: Aliases, seal: Seal = UNSEALED) -> None:
        """``number`` is E.164."""
        self._store = store
        self._number = number
        self._digits = national(number).encode()
        self._alias = aliases.number(number)
        self._seal = seal

    def on_their_way(self) -> int:
        """Return how many messages to it may be submitted yet; reads through every record."""
        return sum(status not in _DONE for _, status in self._messages())

    def run(self, accounts: Sequence[str], *, force: bool, suppression: bool) -> Erased:
        """Erase it; ``accounts``: the settings', besides those that the store knows."""
        done = Erased()
        ids = [message_id for message_id, _ in self._messages()]
        for first in range(0, len(ids), _RECORDS):
            act = forget(self._number, ids[first : first + _RECORDS], force=force)
            gone, stay = self._store.run(act)
            done.messages += gone
            done.on_their_way += stay
        done.replies = self._replies()
        done.memories = self._memories(accounts)
        if suppression:
            done.suppressed = self._lists()
        for stream in (keys.SPOOL, keys.UNREADABLE):
            done.pages += sum(self._is_in(entry) for _, entry in self._entries(stream))
        return done

    def _messages(self) -> Iterator[tuple[str, Status]]:
        for names in walking.names(self._store, keys.MESSAGE):
            for name, packed in zip(names, self._store.command("MGET", *names), strict=True):
                if packed and self._digits in packed:
                    found = record.decode(packed)
                    if found.to == self._number:
                        yield name.removeprefix(keys.MESSAGE), found.status

    def _replies(self) -> int:
        mine = [
            entry_id
            for entry_id, entry in self._entries(keys.INBOUND)
            if self._is_in(entry)
            and msgspec.json.decode(entry[b"letter"], type=Letter).sender == self._number
        ]
        return sum(int(self._store.command("XDEL", keys.INBOUND, each)) for each in mine)

    def _entries(self, stream: str) -> Iterator[tuple[str, dict[bytes, bytes]]]:
        for some in walking.entries(self._store, stream):
            yield from some

    def _is_in(self, entry: dict[bytes, bytes]) -> bool:
        return any(self._digits in self._opened(said) for said in entry.values())

    def _opened(self, said: bytes) -> bytes:
        """Return what stands in an entry; without its key, nothing can be found in it."""
        try:
            return self._seal.open_bytes(said)
        except SealError:
            return b""

    def _memories(self, accounts: Sequence[str]) -> int:
        known = {each.decode() for each in self._store.command("SMEMBERS", keys.ACCOUNTS)}
        names = [
            f"{kind}{account}:{self._alias}"
            for kind in (keys.NUMBER, keys.EARLY, keys.LOST, keys.LAST)
            for account in sorted(known | set(accounts))
        ]
        names += [f"{keys.NUMBER}number*{stream}:{self._alias}" for stream in Stream]
        return int(self._store.command("DEL", *names))

    def _lists(self) -> int:
        found = walking.names(self._store, keys.SUPPRESSED)
        scopes = [each for names in found for each in names]
        return sum(int(self._store.command("SREM", each, self._digits)) for each in scopes)
