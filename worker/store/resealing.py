"""Resealing: all that was sealed by an older key, or by none, is sealed by the newest one.

Records and shared texts are changed where they still say what was read. An entry of a stream cannot
be changed: the inbox and the unreadable pages are written anew beside, with the same ids, and take
the place of the old ones at once. Pages in the spool are gone in seconds; they are only counted.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

import msgspec

from worker.contract import keys, record
from worker.contract.errors import SealError, StoreError
from worker.store import scripts, walking
from worker.store.acts import Act
from worker.store.client import Store
from worker.store.entries import BEGIN
from worker.store.inbox import Letter, opened, sealed
from worker.store.sealing import Seal

_TEXTS = 100  # put back a call: some ms of Redis's one thread
_ENTRIES = 200  # copied a call
_LEFT = 600_000  # ms after which a stream is forgotten that nobody went on writing
_TRIES = 5  # a stream is written again where an entry was removed meanwhile

Row = tuple[str, str, str]  #: what is named, what was read, what it becomes
Entry = tuple[str, dict[bytes, bytes]]


def reseal(kind: str, found: Sequence[Row]) -> Act[int]:
    """Put texts in the place of what was read; ``kind``: message or text. Returns how many."""
    args = (kind, *(word for row in found for word in row))
    return Act(scripts.load("reseal"), args, int)


def copy(name: str, found: Sequence[Entry]) -> Act[int]:
    """Copy entries to a stream that is written anew; returns how many it has."""
    args: list[str | bytes | int] = [name, _LEFT]
    for entry_id, words in found:
        flat = [word for pair in words.items() for word in pair]
        args += (entry_id, len(flat), *flat)
    return Act(scripts.load("copy"), args, int)


def renew(stream: str, name: str, last: str) -> Act[bool]:
    """Put a stream written anew in its place; False where it has to be written again."""
    return Act(scripts.load("renew"), (stream, name, last), bool)


@dataclass(slots=True)
class Resealed:
    """What was sealed anew; of several stores the sum."""

    messages: int = 0
    texts: int = 0  #: those of several messages
    replies: int = 0
    pages: int = 0  #: those that no parser understood
    waiting: int = 0  #: pages that wait for the parsers, sealed by an older key or by none
    unopened: int = 0  #: what none of the keys opens; it stays as it is

    def __add__(self, other: "Resealed") -> "Resealed":
        names = [each.name for each in fields(self)]
        return Resealed(**{each: getattr(self, each) + getattr(other, each) for each in names})


class Resealer:
    """Seals what one store holds by the newest key. Raises StoreError."""

    def __init__(self, store: Store, seal: Seal) -> None:
        """``seal`` has keys."""
        self._store = store
        self._seal = seal
        self._done = Resealed()

    def run(self) -> Resealed:
        """Seal everything anew that is not sealed by the newest key."""
        self._done = done = Resealed()
        done.messages = self._strings("message", keys.MESSAGE, _content)
        done.texts = self._strings("text", keys.TEXT, bytes.decode)
        done.replies = self._stream(keys.INBOUND, self._letter)
        done.pages = self._stream(keys.UNREADABLE, self._page)
        for some in walking.entries(self._store, keys.SPOOL):
            done.waiting += sum(
                self._seal.stale_bytes(words.get(b"page", b"")) for _, words in some
            )
        return done

    def _strings(self, kind: str, prefix: str, said: Callable[[bytes], str]) -> int:
        count = 0
        for names in walking.names(self._store, prefix):
            values = self._store.command("MGET", *names)
            read = ((name, said(each)) for name, each in zip(names, values, strict=True) if each)
            found = [*self._stale(prefix, read)]
            for first in range(0, len(found), _TEXTS):
                count += self._store.run(reseal(kind, found[first : first + _TEXTS]))
        return count

    def _stale(self, prefix: str, read: Iterator[tuple[str, str]]) -> Iterator[Row]:
        for name, text in read:
            if text.startswith("=") or not self._seal.stale(text):
                continue
            try:
                fresh = self._seal.seal(self._seal.open(text))
            except SealError:
                self._done.unopened += 1
                continue
            yield name.removeprefix(prefix), text, fresh

    def _stream(self, stream: str, fresh: Callable[[Entry], Entry]) -> int:
        """Write a stream anew where there is something to be sealed; returns how much."""
        stale = 0
        for some in walking.entries(self._store, stream):
            for each in some:
                try:
                    stale += fresh(each) is not each
                except SealError:
                    self._done.unopened += 1
        if not stale:
            return 0
        for _ in range(_TRIES):
            if self._written_anew(stream, fresh):
                return stale
        raise StoreError(f"{stream} changed all the time: run it again")

    def _written_anew(self, stream: str, fresh: Callable[[Entry], Entry]) -> bool:
        name, last = secrets.token_hex(8), BEGIN
        for some in walking.entries(self._store, stream):
            for first in range(0, len(some), _ENTRIES):
                part = [_fresh(fresh, each) for each in some[first : first + _ENTRIES]]
                self._store.run(copy(name, part))
            last = some[-1][0]
        return self._store.run(renew(stream, name, last))

    def _letter(self, entry: Entry) -> Entry:
        """Return an inbound message sealed anew; the same object where it need not be."""
        entry_id, words = entry
        letter = msgspec.json.decode(words[b"letter"], type=Letter)
        if letter.sealed and not self._seal.stale(letter.text):
            return entry
        anew = sealed(opened(letter, self._seal), self._seal)
        return entry_id, {**words, b"letter": msgspec.json.encode(anew)}

    def _page(self, entry: Entry) -> Entry:
        """Return an unreadable page sealed anew; the same object as above."""
        entry_id, words = entry
        packed = words.get(b"page", b"")
        if not self._seal.stale_bytes(packed):
            return entry
        return entry_id, {
            **words,
            b"page": self._seal.seal_bytes(self._seal.open_bytes(packed)),
        }


def _fresh(fresh: Callable[[Entry], Entry], entry: Entry) -> Entry:
    try:
        return fresh(entry)
    except SealError:
        return entry


def _content(packed: bytes) -> str:
    return record.decode(packed).content
