"""The inbox: inbound messages, in the order in which they came, for web apps to read."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from worker.contract import keys
from worker.store.client import AsyncStore
from worker.store.entries import moment, rows
from worker.store.sealing import UNSEALED, Seal


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
    sealed: bool = False  #: its text is, as it is stored

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
    """The inbox of one store. Raises StoreError, SealError where a text cannot be opened."""

    def __init__(self, store: AsyncStore, seal: Seal = UNSEALED) -> None:
        self._store = store
        self._seal = seal

    async def latest(self, before: str = "", most: int = 100) -> list[Received]:
        """Return inbound messages before a place, the newest first."""
        end = f"({before}" if before else "+"
        found = await self._store.command("XREVRANGE", keys.INBOUND, end, "-", "COUNT", most)
        return _read(found, self._seal)

    async def list(self, after: str = "", most: int = 100) -> list[Received]:
        """Return inbound messages behind a place, the oldest first."""
        begin = f"({after}" if after else "-"
        found = await self._store.command("XRANGE", keys.INBOUND, begin, "+", "COUNT", most)
        return _read(found, self._seal)


def _read(entries: Any, seal: Seal) -> list[Received]:
    found = [
        (entry_id, msgspec.json.decode(fields[b"letter"], type=Letter))
        for entry_id, fields in rows(entries)
    ]
    return [Received(entry_id, opened(letter, seal)) for entry_id, letter in found]


def sealed(letter: Letter, seal: Seal) -> Letter:
    """Return a letter as it is to be stored."""
    if not seal:
        return letter
    return msgspec.structs.replace(letter, text=seal.seal(letter.text), sealed=True)


def opened(letter: Letter, seal: Seal) -> Letter:
    """Return a letter as it is to be read; raise SealError."""
    if not letter.sealed:  # a reply may begin like what is sealed
        return letter
    return msgspec.structs.replace(letter, text=seal.open(letter.text), sealed=False)
