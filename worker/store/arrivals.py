"""The acts on what comes back: delivery reports and inbound messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec

from worker.contract.privacy import PLAIN
from worker.contract.recipient import national
from worker.contract.status import Status
from worker.contract.suppression import OptOut
from worker.store import scripts
from worker.store.acts import Act
from worker.store.inbox import Letter

_KEPT = 100_000  # inbound messages that the inbox keeps, about
_CODE, _REASON = 64, 200

Verdict = Literal["applied", "late", "early"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One delivery report, in the store's words."""

    account: str
    vendor_message_id: str
    to: str = field(repr=False)  #: E.164; empty where the vendor's id is our own
    alias: str = ""  #: of its number; "": that of a store without a number_key
    status: Status
    code: str
    reason: str
    blocked: str = ""  #: ms or "day" for which the number is blocked at the account
    barred: bool = False
    came: int = 0  #: when, in ms by Redis's clock; 0: now. It tells of no attempt that is younger


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One inbound message, in the store's words."""

    mark: str  #: what it is known by: the vendor's id, or a digest
    suppress: OptOut | Literal[""] = ""  #: how far it opts out
    signature: str = ""  #: the account's own, of messages that have none
    alias: str = ""  #: of the sender's number; "": that of a store without a number_key
    letter: Letter


class Told(NamedTuple):
    """What came of one report."""

    verdict: Verdict
    id: str  #: its message's, or empty
    seconds: float | None  #: since the vendor took that; None: not known
    trace: str = ""  #: the traceparent of its send, where that was traced


def report(items: Sequence[Report], *, memory: float, prompt: float = 0.0) -> Act[list[Told]]:
    """Take in reports; ``memory``: seconds that an unmatched one is kept.

    0: their numbers live in another store, and all that counts is a message that may be here.
    ``prompt``: seconds within which one is counted as prompt; 0: nobody counts.
    """
    args: list[str | bytes | int] = [int(memory * 1000), int(prompt * 1000)]
    for item in items:
        args += (
            item.account,
            item.vendor_message_id,
            national(item.to),
            str(item.status),
            item.code[:_CODE],
            item.reason[:_REASON],
            item.blocked,
            int(item.barred),
            item.came,
            item.alias or PLAIN.number(item.to),
        )

    def read(answers: list[Any]) -> list[Told]:
        words: dict[bytes, Verdict] = {b"applied": "applied", b"late": "late", b"early": "early"}
        rows = zip(answers[::4], answers[1::4], answers[2::4], answers[3::4], strict=True)
        return [
            Told(
                words[verdict],
                message_id.decode(),
                None if took < 0 else took / 1000,
                trace.decode(),
            )
            for verdict, message_id, took, trace in rows
        ]

    return Act(scripts.load("report"), args, read)


def inbound(items: Sequence[Heard], *, memory: float) -> Act[list[bool]]:
    """Take in inbound messages; returns which of them are new."""
    args: list[str | bytes | int] = [int(memory * 1000), _KEPT]
    for item in items:
        args += (
            item.letter.account,
            item.mark,
            national(item.letter.sender),
            item.alias or PLAIN.number(item.letter.sender),
            str(item.suppress),
            item.signature,
            msgspec.json.encode(item.letter),
        )
    return Act(scripts.load("inbound"), args, lambda found: [bool(each) for each in found])
