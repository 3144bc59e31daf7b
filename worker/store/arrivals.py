"""The acts on what comes back: delivery reports and inbound messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec

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
    letter: Letter


class Told(NamedTuple):
    """What came of one report."""

    verdict: Verdict
    id: str  #: its message's, or empty
    seconds: float | None  #: since the vendor took that; None: not known


def report(items: Sequence[Report], *, memory: float) -> Act[list[Told]]:
    """Take in reports; ``memory``: seconds that an unmatched one is kept."""
    args: list[str | bytes | int] = [int(memory * 1000)]
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
        )

    def read(answers: list[Any]) -> list[Told]:
        words: dict[bytes, Verdict] = {b"applied": "applied", b"late": "late", b"early": "early"}
        rows = zip(answers[::3], answers[1::3], answers[2::3], strict=True)
        return [
            Told(words[verdict], message_id.decode(), None if took < 0 else took / 1000)
            for verdict, message_id, took in rows
        ]

    return Act(scripts.load("report"), args, read)


def inbound(
    items: Sequence[Heard], *, memory: float, brands: Mapping[str, str] | None = None
) -> Act[list[bool]]:
    """Take in inbound messages; returns which of them are new.

    ``brands``: template -> the signature that its text begins with, where it does.
    """
    packed = msgspec.msgpack.encode(brands or {})
    args: list[str | bytes | int] = [int(memory * 1000), _KEPT, packed]
    for item in items:
        args += (
            item.letter.account,
            item.mark,
            national(item.letter.sender),
            str(item.suppress),
            item.signature,
            msgspec.json.encode(item.letter),
        )
    return Act(scripts.load("inbound"), args, lambda found: [bool(each) for each in found])
