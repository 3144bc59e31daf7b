"""Record: what the store keeps of a message, one MessagePack array a message.

The store's Lua scripts read and write the same arrays; their field numbers are generated from
this class, so the order here is the only truth. New fields go at the end, with a default. Where
nothing happened to a message yet, its array ends before ``updated``.
"""

from typing import NamedTuple

import msgspec

from worker.contract.segments import signature_in
from worker.contract.status import Status, Stream


class Content(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is said: a text, or a template with its parameters; kept as JSON."""

    text: str = ""
    template: str = ""
    params: dict[str, str] = {}
    signature: str = ""

    def __repr__(self) -> str:
        return f"Content(template={self.template!r})"


class Record(msgspec.Struct, array_like=True):
    """One message's state. Times are Redis's clock in milliseconds since 1970."""

    status: Status
    stream: Stream
    to: str  #: E.164
    content: str  #: Content as JSON, or sealed; emptied when nobody needs it any more
    length: int  #: billed characters, signature included
    segments: int
    template: str
    pin: str  #: the one account it may use, or empty
    tag: str
    created: int
    due: int  #: when it may be submitted at the earliest; 0: at once
    expires: int  #: from then on it is not submitted any more
    trace: str = ""  #: the traceparent of its send, where that was traced
    alias: str = ""  #: what stands for its number in names of keys (worker.contract.privacy)
    sign: str = ""  #: its signature for opt-outs, see ``sign``; it outlives the text
    updated: int = 0
    attempt: int = 0  #: the attempts opened so far; the number fences late answers
    attempts: int = 0  #: those of them that count against the stream's bound
    waits: int = 0  #: how often it was put aside
    account: str = ""  #: of the last attempt
    deadline: int = 0  #: when the open attempt counts as lost
    vendor_message_id: str = ""
    code: str = ""  #: the vendor's last word
    reason: str = ""  #: ours
    slot: int = 0  #: the moment under which the per-number windows counted the open attempt
    avoid: list[str] | dict[str, str] = []  #: accounts that proved not to take it
    trail: list[list[int | str]] | dict[str, str] = []
    #: the first step and the last ones, see ``steps``; an empty Lua table is a map
    counted: int = 0  #: when our own caps counted it, once for all its attempts

    def __repr__(self) -> str:
        return f"Record(status={self.status.value!r}, account={self.account!r})"


def sign(content: Content, text: str) -> str:
    """Return what opt-outs are told apart by: the message's own signature, or else 【 and that
    with which its text, as it is rendered, begins."""
    if content.signature:
        return content.signature
    inside = signature_in(text)
    return f"【{inside}" if inside else ""


KEPT = 24  #: steps that a trail holds


class Step(NamedTuple):
    """One step of a trail: ``[at, event, account, "code\\nreason"]``, and ``until`` of a wait."""

    at: int  #: ms since 1970
    event: str  #: the status that began, or another word
    account: str
    code: str  #: the vendor's
    reason: str  #: ours
    until: int  #: when what was put aside is due, ms since 1970; else 0


def steps(record: Record) -> list[Step]:
    """Return a record's trail, read."""
    return [_step(*step) for step in record.trail if isinstance(step, list)]


def _step(
    at: int | str, event: int | str, account: int | str, said: int | str, *more: int | str
) -> Step:
    code, line, reason = str(said).partition("\n")
    if not line:
        code, reason = "", code
    return Step(int(at), str(event), str(account), code, reason, int(more[0]) if more else 0)


_DECODER = msgspec.msgpack.Decoder(Record)
_CONTENT = msgspec.json.Decoder(Content)


def decode(packed: bytes) -> Record:
    found = _DECODER.decode(packed)
    found.updated = found.updated or found.created
    return found


def content(record: Record) -> Content:
    """Return what an opened message says; empty once the text was removed."""
    return _CONTENT.decode(record.content) if record.content else Content()
