"""Memory: the clients' acts played without Redis, for the tests of web apps.

It does what ``accept.lua``, ``find.lua``, ``cancel.lua`` and ``explain.lua`` do as far as a
client sees it; the suite runs the same promises over both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import RLock
from typing import Any, TypeVar

import msgspec

from worker.contract import record as packing
from worker.contract.errors import NotFoundError
from worker.contract.record import Record
from worker.contract.segments import signed
from worker.contract.settings import Settings
from worker.contract.status import FOLLOWS, Status, Stream
from worker.store import acts
from worker.store.acts import Act

T = TypeVar("T")

_UNTOUCHED = frozenset({Status.ACCEPTED, Status.SCHEDULED})
_BY_REPORT = frozenset({Status.DELIVERED, Status.UNDELIVERED})


@dataclass(slots=True)
class Kept:
    """One message, and the settings of the client that sent it."""

    id: str
    record: Record
    settings: Settings

    @property
    def text(self) -> str:
        """The text as the handset would show it: rendered, the signature in front."""
        content = packing.content(self.record)
        template = self.settings.templates.get(content.template)
        text = template.render(content.params) if template else content.text
        return signed(text, content.signature)


class Memory:
    """Messages by their id, in the order they were accepted. Safe to share between threads."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = RLock()
        self._kept: dict[str, Kept] = {}
        self._once: dict[str, tuple[str, str, int]] = {}  # key -> id, digest, remembered until
        self._acts: dict[str, Callable[[Sequence[Any], Settings], Any]] = {
            "accept": self._accept,
            "find": self._find,
            "cancel": self._cancel,
            "explain": self._explain,
        }

    def run(self, act: Act[T], settings: Settings) -> T:
        """Carry out an act as the store would; raise NotImplementedError for a worker's act."""
        played = self._acts.get(act.script.name)
        if played is None:
            raise NotImplementedError(f"without Redis there is no {act.script.name}")
        with self._lock:
            return act.read(played(act.args, settings))

    def all(self) -> list[Kept]:
        with self._lock:
            return list(self._kept.values())

    def get(self, message_id: str) -> Kept:
        """Return one message; raise NotFoundError."""
        with self._lock:
            found = self._kept.get(message_id)
        if found is None:
            raise NotFoundError(message_id)
        return found

    def clear(self) -> None:
        """Forget the messages and the idempotency keys."""
        with self._lock:
            self._kept.clear()
            self._once.clear()

    def play(self, message_id: str, goal: Status, *, account: str = "", code: str = "") -> Kept:
        """Lead a message to a status as a worker and a vendor would; raise ValueError where the
        life of a message has no such way."""
        with self._lock:
            kept = self.get(message_id)
            for status in _way(kept.record.status, goal):
                if status is Status.SUBMITTING:
                    self._open(kept.record, account or _account(kept))
                self._move(kept.record, status, code=code if status is goal else "")
            return kept

    def _now(self) -> int:
        return int(self._clock().timestamp() * 1000)

    def _accept(self, args: Sequence[Any], settings: Settings) -> list[int | bytes]:
        memory = int(args[2])
        texts, rows = msgspec.msgpack.decode(args[3])
        answers: list[int | bytes] = []
        for place, at in enumerate(range(0, len(rows), acts.ROW), 1):
            entry = rows[at : at + acts.ROW]
            if entry[5].startswith("="):  # and the digest of what several of them say
                entry[5] = texts[entry[5][1:]]
            if first := self._one(entry, memory, settings):
                answers += place, first
        return answers

    def _one(self, entry: Sequence[Any], memory: int, settings: Settings) -> bytes:
        message_id, key, digest = entry[:3]
        now = self._now()
        first, said, until = self._once.get(key, ("", "", 0))
        if key and until > now and first != message_id:
            return f"{'=' if said == digest else '!'}{first}".encode()
        if message_id not in self._kept:
            self._kept[message_id] = Kept(message_id, _record(entry, now), settings)
        if key:
            self._once[key] = (message_id, digest, now + memory)
        return b""

    def _find(self, args: Sequence[Any], _: Settings) -> list[bytes | None]:
        found = [self._kept.get(message_id) for message_id in args]
        return [msgspec.msgpack.encode(kept.record) if kept else None for kept in found]

    def _cancel(self, args: Sequence[Any], _: Settings) -> list[bytes]:
        kept = self._kept.get(args[0])
        if kept is None:
            return [b"", b""]
        possible = kept.record.status in _UNTOUCHED
        if possible:
            self._move(kept.record, Status.CANCELLED, reason="by the producer")
        return [b"1" if possible else b"", kept.record.status.encode()]

    def _explain(self, args: Sequence[Any], _: Settings) -> list[Any]:
        kept = self._kept.get(args[0])
        if kept is None:
            return []
        healthy = [0, b""] * (len(args) - 1)
        return [self._now(), msgspec.msgpack.encode(kept.record), 0, 0, *healthy]

    def _open(self, record: Record, account: str) -> None:
        record.account = account
        record.attempt, record.attempts = record.attempt + 1, record.attempts + 1

    def _move(self, record: Record, status: Status, *, reason: str = "", code: str = "") -> None:
        record.status, record.updated, record.reason = status, self._now(), reason
        record.code = code or record.code
        said = f"{code}\n{reason}" if code else reason
        trail = record.trail if isinstance(record.trail, list) else []
        record.trail = [*trail, [record.updated, status.value, record.account, said]]


def _record(entry: Sequence[Any], now: int) -> Record:
    """Return what the store keeps of a message that it accepts now, ms since 1970."""
    _, _, _, stream, to, content, length, segments, template, pin, tag, *times = entry
    due, validity, trace, alias, signature = times
    due = due if due > now else 0
    return Record(
        status=Status.SCHEDULED if due else Status.ACCEPTED,
        stream=Stream(stream),
        to=to,
        content=content,
        length=length,
        segments=segments,
        template=template,
        pin=pin,
        tag=tag,
        created=now,
        due=due,
        expires=(due or now) + validity,
        updated=now,
        trail=[[now, Status.SCHEDULED.value, "", "", due]] if due else [],
        trace=trace,
        alias=alias,
        sign=signature,
    )


def _account(kept: Kept) -> str:
    """Return the account that the route names first; none where there are no accounts."""
    if kept.record.pin or not kept.settings.vendors:
        return kept.record.pin
    return kept.settings.route(kept.record.stream)[0]


def _way(status: Status, goal: Status) -> list[Status]:
    """Return the statuses that lead to ``goal``, it included; raise ValueError."""
    way: list[Status] = []
    if goal in _BY_REPORT | {Status.SUBMITTED, Status.UNKNOWN} and status in _UNTOUCHED:
        way = [Status.ACCEPTED] if status is Status.SCHEDULED else []
        way += [Status.SUBMITTING] + ([Status.SUBMITTED] if goal in _BY_REPORT else [])
    way.append(goal)
    for before, after in zip([status, *way], way, strict=False):
        if after not in FOLLOWS[before]:
            raise ValueError(f"a message that is {before} does not become {after}")
    return way
