"""The inbox: inbound messages, in the order in which they came, for web apps to read."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from worker.contract import keys
from worker.store.client import AsyncStore
from worker.store.entries import moment, rows


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One inbound message as it is stored. Times in ms since 1970."""

    account: str
    sender: str  #: E.164
    extension: str = ""
    text: str = ""
    at: int = 0  #: by the vendor's clock; 0 where it told none
    vendor_message_id: str = ""
    message_id: str = ""  #: our last message to that number, if there is one
    opted_out: bool = False  #: the text was an opt-out; the number is suppressed

    def __repr__(self) -> str:
        return f"Letter(account={self.account!r}, message_id={self.message_id!r})"


@dataclass(frozen=True, slots=True)
class Received:
    id: str  #: its place: pass it as ``after`` to read on
    letter: Letter = field(repr=False)

    @property
    def received_at(self) -> int:
        """When we stored it, ms since 1970."""
        return moment(self.id)


class Inbox:
    """The inbox of one store."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store

    async def latest(self, before: str = "", most: int = 100) -> list[Received]:
        """Return inbound messages before a place, the newest first."""
        end = f"({before}" if before else "+"
        return _read(await self._store.command("XREVRANGE", keys.INBOUND, end, "-", "COUNT", most))

    async def list(self, after: str = "", most: int = 100) -> list[Received]:
        """Return inbound messages behind a place, the oldest first."""
        begin = f"({after}" if after else "-"
        return _read(await self._store.command("XRANGE", keys.INBOUND, begin, "+", "COUNT", most))


def _read(entries: Any) -> list[Received]:
    return [
        Received(entry_id, msgspec.json.decode(fields[b"letter"], type=Letter))
        for entry_id, fields in rows(entries)
    ]
