"""The acts on what comes back: delivery reports and inbound messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from worker.contract.recipient import national
from worker.contract.status import Status
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
    suppress: str = ""  #: the scope in which its sender is suppressed: "all" or a signature
    letter: Letter


def report(items: Sequence[Report], *, memory: float) -> Act[list[tuple[Verdict, str]]]:
    """Take in reports; ``memory``: seconds that an unmatched one is kept.

    Returns what came of each, and its message's id or an empty text.
    """
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

    def read(answers: list[bytes]) -> list[tuple[Verdict, str]]:
        words: dict[bytes, Verdict] = {b"applied": "applied", b"late": "late", b"early": "early"}
        pairs = zip(answers[::2], answers[1::2], strict=True)
        return [(words[verdict], message_id.decode()) for verdict, message_id in pairs]

    return Act(scripts.load("report"), args, read)


def inbound(items: Sequence[Heard], *, memory: float) -> Act[list[bool]]:
    """Take in inbound messages; returns which of them are new."""
    args: list[str | bytes | int] = [int(memory * 1000), _KEPT]
    for item in items:
        args += (
            item.letter.account,
            item.mark,
            national(item.letter.sender),
            item.suppress,
            msgspec.json.encode(item.letter),
        )
    return Act(scripts.load("inbound"), args, lambda found: [bool(each) for each in found])
