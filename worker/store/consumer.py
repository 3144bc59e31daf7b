"""A consumer of events: what it says to Redis, as steps that know no connection.

A step is one command. Whoever carries the steps out sends each its answer, or throws it its
StoreError; so they are written once for callers that block and for those that don't.
"""

import contextlib
import secrets
import socket
import time
from collections.abc import Collection, Generator, Iterator, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from worker.contract import happenings, keys
from worker.contract.errors import StoreError
from worker.contract.happenings import Event
from worker.store.entries import BEGIN, of_one_stream, rows

T = TypeVar("T")
Start = Literal["oldest", "newest"]
Words = tuple[str | bytes | int, ...]  #: one command
Steps = Generator[Words, Any, T]

IDLE = 60.0  #: seconds after which an event that its consumer did not finish goes to another one
_FORGOTTEN = 86400.0  # seconds after which a consumer that holds nothing is gone for good
_PAGE = 1000  # entries looked at a command


class Consumer:
    """One consumer of a group: its steps. ``block``: seconds that one command may wait."""

    def __init__(self, group: str, name: str, *, idle: float, block: float) -> None:
        self._group = group
        self._name = name or f"{socket.gethostname()[:64]}-{secrets.token_hex(4)}"
        self._idle = idle
        self._block = block
        self._look = 0.0  # when to look for what others left behind

    def open(self, start: Start) -> Steps[None]:
        """Create the group, where it is not there, and forget consumers that are gone."""
        place = BEGIN if start == "oldest" else "$"
        try:
            yield ("XGROUP", "CREATE", keys.EVENTS, self._group, place, "MKSTREAM")
        except StoreError as error:
            if "BUSYGROUP" not in str(error):
                raise
        for each in (yield ("XINFO", "CONSUMERS", keys.EVENTS, self._group)):
            row = each if isinstance(each, dict) else dict(zip(each[::2], each[1::2], strict=True))
            if not row[b"pending"] and row[b"idle"] > _FORGOTTEN * 1000:
                yield ("XGROUP", "DELCONSUMER", keys.EVENTS, self._group, row[b"name"])

    def take(self, most: int, wait: float) -> Steps[list[Event]]:
        """Return events: first those that another consumer left behind; none after the wait."""
        end = time.monotonic() + wait
        try:
            return (yield from self._take(most, end))
        except StoreError as error:
            if "NOGROUP" not in str(error):
                raise
        yield from self.open("oldest")  # the server lost what it had: all that is there is new
        return (yield from self._take(most, end))

    def _take(self, most: int, end: float) -> Steps[list[Event]]:
        while True:
            if time.monotonic() >= self._look:
                if found := (yield from self._left_behind(most)):
                    return found
                self._look = time.monotonic() + self._idle / 4
            left = end - time.monotonic()
            found = yield from self._fresh(most, min(left, self._block))
            if found or left <= 0:
                return found

    def _left_behind(self, most: int) -> Steps[list[Event]]:
        cursor: str | bytes = BEGIN
        idle = int(self._idle * 1000)
        claim: Words = ("XAUTOCLAIM", keys.EVENTS, self._group, self._name, idle)
        while True:
            cursor, entries, *_ = yield (*claim, cursor, "COUNT", most)
            found = yield from self._read(entries)
            if found or cursor in (BEGIN, BEGIN.encode()):
                return found

    def _fresh(self, most: int, block: float) -> Steps[list[Event]]:
        read = ("XREADGROUP", "GROUP", self._group, self._name, "COUNT", most)
        waiting: Words = ("BLOCK", max(1, int(block * 1000))) if block > 0 else ()
        answer = yield (*read, *waiting, "STREAMS", keys.EVENTS, ">")
        return (yield from self._read(of_one_stream(answer)))

    def _read(self, entries: Any) -> Steps[list[Event]]:
        """Return the events; what is none that this version knows is done with at once."""
        found = list(_events(entries))
        known = {each.id for each in found}
        yield from self.done([each for each, _ in rows(entries) if each not in known])
        return found

    def done(self, ids: Sequence[str]) -> Steps[None]:
        """Say that events need not come again."""
        if ids:
            yield ("XACK", keys.EVENTS, self._group, *ids)

    def leave(self) -> Steps[None]:
        """Hand back what was taken and is not done with, to come to another one at once."""
        own = ("XREADGROUP", "GROUP", self._group, self._name, "COUNT", _PAGE)
        ids = [each for each, _ in rows(of_one_stream((yield (*own, "STREAMS", keys.EVENTS, "0"))))]
        if ids:
            claim: Words = ("XCLAIM", keys.EVENTS, self._group, self._name, 0, *ids)
            yield (*claim, "IDLE", int(self._idle * 1000))
        else:
            yield ("XGROUP", "DELCONSUMER", keys.EVENTS, self._group, self._name)


def latest(most: int, types: Collection[str] = ()) -> Steps[tuple[list[Event], str]]:
    """Return the last events (of some types), the oldest first, and the place behind them all."""
    found: list[Event] = []
    newest, end = "", "+"
    while True:
        answer = yield ("XREVRANGE", keys.EVENTS, end, "-", "COUNT", _PAGE)
        ids = [each for each, _ in rows(answer)]
        found += (each for each in _events(answer) if not types or each.type in types)
        newest = newest or (ids[0] if ids else BEGIN)
        if not ids or len(found) >= most:
            return found[:most][::-1], newest
        end = f"({ids[-1]}"


def behind(place: str, wait: float) -> Steps[tuple[list[Event], str]]:
    """Return the events behind a place, and the place behind them; wait so many seconds."""
    block = ("BLOCK", max(1, int(wait * 1000)))
    answer = yield ("XREAD", "COUNT", _PAGE, *block, "STREAMS", keys.EVENTS, place)
    entries = of_one_stream(answer)
    ids = [each for each, _ in rows(entries)]
    return list(_events(entries)), ids[-1] if ids else place


def _events(entries: Any) -> Iterator[Event]:
    """Yield the events; what this version cannot read, a later one wrote: it is left out."""
    for event_id, fields in rows(entries):
        with contextlib.suppress(msgspec.MsgspecError):
            yield happenings.unpack(event_id, fields.get(b"e", b""))
