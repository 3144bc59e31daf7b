"""The acts on the store, as values: what to send to Redis, and how to read its answer.

An act knows no connection, so the same one serves the sync and the async client.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import msgspec

from worker.contract import jobs, record
from worker.contract.privacy import PLAIN
from worker.contract.record import Record
from worker.contract.status import Status, Stream
from worker.store import scripts
from worker.store.scripts import Script
from worker.store.sealing import UNSEALED, Seal

T = TypeVar("T")
_RING = jobs.envelope()
_WORTH = 48  # bytes of a plain text from which it is shared: its name has half as many
ROW = 16  #: values that accept takes of a message
_CODE, _REASON = 64, 200  # characters kept of them: a record holds some two dozen


@dataclass(frozen=True, slots=True)
class Act(Generic[T]):
    """One script with its arguments."""

    script: Script
    args: Sequence[str | bytes | int]
    read: Callable[[Any], T]
    afresh: "Callable[[], Act[T]] | None" = None
    #: how to ask again where the connection broke; None: with the very same words
    durable: bool = False  #: must outlive what the ``durability`` setting says, before it counts


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A checked message on its way into the store."""

    id: str
    key: str  #: idempotency key, or empty
    digest: str  #: of what the message says, to whom
    stream: str
    to: str
    content: bytes  #: Content as JSON, not sealed
    length: int
    segments: int
    template: str
    pin: str
    tag: str
    due: int  #: ms since 1970, or 0
    validity: int  #: ms
    trace: str = ""  #: a traceparent, where it is traced
    alias: str = ""  #: of its number; "": that of a store without a number_key
    sign: str = ""  #: its signature, see worker.contract.record.sign

    def __repr__(self) -> str:
        return f"Entry(id={self.id!r})"


class Accepted(msgspec.Struct, frozen=True):
    id: str  #: of the stored message, or of the first one with its idempotency key
    state: Literal["stored", "duplicate", "conflict"]


@dataclass(slots=True)
class Ticket:
    """The turns of one pump on one stream, which claims one batch at a time.

    A claim says which turn's answer the pump saw last. So the attempts of an answer that was lost
    are taken back, by proof that nothing left, instead of ending unknown.
    """

    pump: str  #: a name that nobody else has, no spaces
    turn: int = 0
    answered: int = 0

    def draw(self) -> str:
        self.turn += 1
        return f"{self.pump} {self.turn} {self.answered}"


@dataclass(frozen=True, slots=True)
class Claimed:
    pause: float  #: seconds until an account has a free slot again; 0: now
    left: int  #: ids still ready
    messages: list[tuple[str, Record]]  #: submit those whose status is submitting
    bounds: Mapping[str, tuple[int, int]]
    #: account -> recipients that one of its calls may carry, and the ms for which that holds


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt came to, for good or until a report."""

    id: str
    attempt: int
    status: Status
    vendor_message_id: str = ""
    code: str = ""
    reason: str = ""
    windows: bytes = b""  #: the account's windows, packed
    barred: bool = False  #: the number is on a blacklist there: no marketing by that account
    last: bool = False  #: once it is submitted nothing more comes: its vendor sends no reports


class Deferred(msgspec.Struct, frozen=True, kw_only=True):
    """A message that the vendor did not take, on its way back to wait."""

    id: str
    attempt: int
    wait: str  #: ms, or "day": until the next midnight in Asia/Shanghai
    counts: bool  #: against the stream's attempts
    avoid: bool = False  #: prefer another account from now on
    never: bool = False  #: this account is not to get it any more
    code: str = ""
    reason: str = ""
    blocked: str = ""  #: ms or "day" for which the number is blocked at the account
    windows: bytes = b""
    resend: Literal["", "proven", "same", "any"] = ""
    #: an unknown message again: with proof that it was not taken, by the same account only; or
    #: without, which keeps its slot, by the same account or by any


@dataclass(frozen=True, slots=True)
class Released:
    released: int
    dropped: int
    more: bool


@dataclass(frozen=True, slots=True)
class Swept:
    rings: int
    lost: list[tuple[str, Record]]


def accept(
    entries: Iterable[Entry],
    *,
    retention: float,
    idempotency: float,
    number_key: str = "",
    seal: Seal = UNSEALED,
) -> Act[list[Accepted]]:
    """Store messages; times in seconds. ``number_key``: what tells the one of their aliases.

    The act fails as a whole where the workers have another one.
    """
    entries = list(entries)
    shared = _shared((entry.content for entry in entries), seal)
    texts = {digest: seal.seal(text.decode()) for text, digest in shared.items()}
    rows = [value for entry in entries for value in _row(entry, shared, seal)]
    packed = msgspec.msgpack.encode([texts, rows])
    args = (_RING, int(retention * 1000), int(idempotency * 1000), packed, number_key)

    def read(answers: list[Any]) -> list[Accepted]:
        found = [Accepted(entry.id, "stored") for entry in entries]
        for place, first in zip(answers[::2], answers[1::2], strict=True):
            state: Literal["duplicate", "conflict"] = (
                "duplicate" if first[:1] == b"=" else "conflict"
            )
            found[place - 1] = Accepted(first[1:].decode(), state)
        return found

    return Act(scripts.load("accept"), args, read, durable=True)


def _row(entry: Entry, shared: Mapping[bytes, str], seal: Seal) -> tuple[str | int, ...]:
    digest = shared.get(entry.content)
    return (
        entry.id,
        entry.key,
        entry.digest,
        entry.stream,
        entry.to,
        f"={digest}" if digest else seal.seal(entry.content.decode()),
        entry.length,
        entry.segments,
        entry.template,
        entry.pin,
        entry.tag,
        entry.due,
        entry.validity,
        entry.trace,
        entry.alias or PLAIN.number(entry.to),
        entry.sign,
    )


def _shared(contents: Iterable[bytes], seal: Seal) -> dict[bytes, str]:
    """Return what several of the messages say, where that is long enough to be stored apart."""
    counted = Counter(contents)
    return {
        text: seal.name(text)
        for text, count in counted.items()
        if count > 1 and (len(text) > _WORTH or seal)  # what is sealed is long
    }


def claim(stream: Stream, most: int, plan: bytes, *, ticket: Ticket | None = None) -> Act[Claimed]:
    """Claim up to ``most`` messages; ``plan`` as worker.delivery.limits packs it.

    With a ticket, the next claim takes back what an answer that never came had opened; without
    one, the sweep finds it.
    """
    drawn = ticket.draw() if ticket else ""
    turn = ticket.turn if ticket else 0

    def afresh() -> Act[Claimed]:
        return claim(stream, most, plan, ticket=ticket)

    def read(answer: list[Any]) -> Claimed:
        if ticket:
            ticket.answered = max(ticket.answered, turn)
        found = _with_texts(messages(answer[4:]), answer[2])
        return Claimed(answer[0] / 1000, answer[1], found, _bounds(answer[3]))

    args = (_RING, str(stream), most, plan, drawn)
    return Act(scripts.load("claim"), args, read, afresh, durable=True)


def _bounds(packed: bytes) -> dict[str, tuple[int, int]]:
    return msgspec.msgpack.decode(packed, type=dict[str, tuple[int, int]]) if packed else {}


def _with_texts(found: list[tuple[str, Record]], packed: bytes) -> list[tuple[str, Record]]:
    """Put what records only name into them; one whose text is gone says nothing."""
    texts = msgspec.msgpack.decode(packed, type=dict[str, str]) if packed else {}
    for _, each in found:
        if each.content.startswith("="):
            each.content = texts.get(each.content[1:], "")
    return found


def settle(
    items: Iterable[Settled], *, reports: float, counted: Iterable[str] = ()
) -> Act[list[bool]]:
    """Settle attempts; ``reports``: seconds that a vendor's id is remembered; ``counted``: the
    accounts whose prompt reports are counted."""
    windows: dict[bytes, int] = {b"": 0}
    ids: list[str] = []
    rows: list[object] = []
    for item in items:
        ids.append(item.id)
        rows += (
            item.attempt,
            item.status,
            item.vendor_message_id,
            item.code[:_CODE],
            item.reason[:_REASON],
            windows.setdefault(item.windows, len(windows)),
            item.barred,
            item.last,
        )
    known = [msgspec.Raw(each) for each in windows if each]
    args = (int(reports * 1000), _packed([ids, rows, known, dict.fromkeys(counted, True)]))
    return Act(scripts.load("settle"), args, lambda answer: [found == 1 for found in answer])


def _packed(value: object) -> bytes:
    """Return MessagePack; half a surrogate, which nothing can carry, becomes a "?"."""
    try:
        return msgspec.msgpack.encode(value)
    except UnicodeEncodeError:
        return msgspec.msgpack.encode(_sound(value))


def _sound(value: object) -> object:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    return [_sound(each) for each in value] if isinstance(value, list | tuple) else value


def defer(items: Iterable[Deferred]) -> Act[list[str]]:
    """Put messages back; returns the status of each, empty where nothing changed."""
    args: list[str | bytes | int] = [_RING]
    for item in items:
        args += (
            item.id,
            item.attempt,
            item.wait,
            int(item.counts),
            2 if item.never else int(item.avoid),
            item.code[:_CODE],
            item.reason[:_REASON],
            item.blocked,
            item.windows,
            item.resend,
        )
    return Act(scripts.load("defer"), args, lambda answer: [found.decode() for found in answer])


def release(most: int) -> Act[Released]:
    """Move what is due to its ready list."""
    return Act(
        scripts.load("release"),
        (_RING, most),
        lambda answer: Released(answer[0], answer[1], answer[2] == 1),
    )


def sweep(most: int) -> Act[Swept]:
    """Mark lost attempts as unknown, ring for forgotten work."""
    return Act(
        scripts.load("sweep"),
        (_RING, most, *Stream),
        lambda answer: Swept(answer[0], messages(answer[1:])),
    )


def ring(stream: Stream) -> Act[int]:
    """Ring for a stream if it has ready work."""
    return Act(scripts.load("ring"), (_RING, str(stream)), int)


def cancel(message_id: str) -> Act[tuple[bool, Status | None]]:
    """Cancel a message; returns whether it worked, and its status (None: no such message)."""

    def read(answer: list[bytes]) -> tuple[bool, Status | None]:
        return bool(answer[0]), Status(answer[1].decode()) if answer[1] else None

    return Act(scripts.load("cancel"), (message_id,), read, durable=True)


def find(message_ids: list[str]) -> Act[list[Record | None]]:
    """Read records; None where there is none (any more)."""

    def read(answers: list[bytes | None]) -> list[Record | None]:
        return [record.decode(answer) if answer else None for answer in answers]

    return Act(scripts.load("find"), message_ids, read)


def messages(flat: list[bytes]) -> list[tuple[str, Record]]:
    """Read ids and records as the scripts return them, one after the other."""
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return [(message_id.decode(), record.decode(packed)) for message_id, packed in pairs]
