"""Resolve: what becomes of a message whose answer was lost.

A late answer or a delivery report settles it by itself. Otherwise: where the vendor can be asked
by our own id, ask; found means taken, and not found twice, a minute apart, means not taken. Else,
or where asking fails, the stream's policy follows after its hold: it stays unknown, or it is
submitted once more, as long as it is valid. A vendor that can be asked and does not answer is asked
again for a day, less and less often.
"""

import asyncio
from typing import Literal

import structlog

from worker.contract import promptness
from worker.contract.record import Record, steps
from worker.contract.settings import Resend
from worker.contract.status import Status
from worker.delivery.limits import pack_windows, windows
from worker.delivery.policy import PROVEN, RESENT
from worker.rounds.base import Rounds
from worker.store import acts, care
from worker.store.acts import Deferred, Settled
from worker.telemetry.trouble import apart
from worker.transport import Lost, NotSent
from worker.vendors.base import Call, Found, Vendor

log = structlog.get_logger("xinshi.resolve")

_MOST = 100  # messages a round
_AT_ONCE = 16  # of them; so that a round is over before its leases are, also where a vendor is slow
_LEASE = 90.0  # seconds until a message comes again whose round died
_APART = 60.0  # seconds between the two times that a vendor does not find it
_ASKED = 86400.0  # seconds for which a vendor that does not answer is asked again
_NOT_FOUND = "the vendor does not find it"


class Resolver(Rounds):
    """Looks at unknown messages, a round at a time."""

    async def round(self) -> int:
        """Look at what is due; returns how many."""
        return await self._alone(self._look)

    async def _look(self) -> int:
        prompt = self._settings.health.prompt
        found = await self._store.run(care.unknowns(_MOST, _LEASE, prompt=prompt))
        room = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(
            *(self._one(room, each, record, found.now) for each, record in found.messages)
        )
        return len(found.messages)

    async def _one(
        self, room: asyncio.Semaphore, message_id: str, record: Record, now: int
    ) -> None:
        """Look at one message; where that fails its lease ends, and it comes again."""
        async with room:
            with apart("resolve", broken="resolve.broken", id=message_id):
                await self._resolve(message_id, record, now)

    async def _resolve(self, message_id: str, record: Record, now: int) -> None:
        vendor = self._vendors.get(record.account)
        call = vendor.query(message_id) if vendor else None
        taken = await self._ask(vendor, call, message_id) if vendor and call else None
        if taken:
            await self._found(message_id, record)
        elif taken is False and _since(record, _NOT_FOUND, now) >= _APART:
            await self._again(message_id, record, "proven")
        elif taken is False:
            await self._put_off(message_id, record, _APART, _NOT_FOUND)
        else:
            await self._wait_or_resend(message_id, record, now, asked=call is not None)

    async def _ask(self, vendor: Vendor, call: Call[Found], message_id: str) -> bool | None:
        """Return whether the vendor knows it; None where it does not tell."""
        try:
            answer = await self._call(vendor.name, call)
        except (NotSent, Lost) as error:
            log.info("resolve.unanswered", id=message_id, account=vendor.name, reason=str(error))
            return None
        return answer.found

    async def _found(self, message_id: str, record: Record) -> None:
        """It was taken; the vendor knows it by our id."""
        item = Settled(
            id=message_id,
            attempt=record.attempt,
            status=Status.SUBMITTED,
            vendor_message_id=message_id,
            reason="found at the vendor by our id",
            windows=self._windows(record.account),
            last=not self._vendors[record.account].reported,
        )
        reports, prompt = self._settings.store.reports, self._settings.health.prompt
        counted = promptness.counted(prompt, self._vendors)
        await self._store.run(acts.settle([item], reports=reports, counted=counted))
        log.info("resolve.found", id=message_id, account=record.account)

    async def _wait_or_resend(
        self, message_id: str, record: Record, now: int, *, asked: bool
    ) -> None:
        """``asked``: the vendor can be asked, and did not tell."""
        stream = self._settings.streams[record.stream]
        age = _since(record, "", now)
        if age < stream.hold:
            left = stream.hold - age
            await self._put_off(message_id, record, min(left, _APART) if asked else left, "")
        elif self._may_resend(record, now):
            same = stream.resend_unknown is Resend.SAME_ACCOUNT
            await self._again(message_id, record, "same" if same else "any")
        elif asked and age < _ASKED:
            await self._put_off(message_id, record, max(_APART, age / 4), "")
        else:
            await self._put_off(message_id, record, None, "stays unknown until a report says more")
            log.warning("resolve.unknown", id=message_id, account=record.account)

    def _may_resend(self, record: Record, now: int) -> bool:
        """Return whether it may be submitted again without proof: once, and while it is valid."""
        policy = self._settings.streams[record.stream].resend_unknown
        if policy is Resend.NEVER or now >= record.expires or _resent(record):
            return False
        return policy is Resend.ANY or record.account in self._settings.route(record.stream)

    async def _again(
        self, message_id: str, record: Record, how: Literal["proven", "same", "any"]
    ) -> None:
        reason = PROVEN if how == "proven" else RESENT
        item = Deferred(
            id=message_id,
            attempt=record.attempt,
            wait="0",
            counts=True,
            reason=reason,
            windows=self._windows(record.account),
            resend=how,
        )
        (status,) = await self._store.run(acts.defer([item]))
        if status:
            log.warning("resolve.again", id=message_id, account=record.account, reason=reason)

    async def _put_off(
        self, message_id: str, record: Record, seconds: float | None, note: str
    ) -> None:
        await self._store.run(care.look(message_id, record.attempt, seconds, note))

    def _windows(self, account: str) -> bytes:
        vendor = self._vendors.get(account)
        if vendor is None:
            return b""
        return pack_windows(windows(vendor, self._settings.vendors[account]))


def _since(record: Record, note: str, now: int) -> float:
    """Return the seconds since its last attempt was lost, or since a note then; 0 for never."""
    first = None
    for step in steps(record):
        if step.event == Status.SUBMITTING:
            first = None
        elif step.event == Status.UNKNOWN and first is None and note in ("", step.reason):
            first = step.at
    return (now - first) / 1000 if first is not None else 0.0


def _resent(record: Record) -> bool:
    """Return whether a lost answer led to a resend before: it happens once a message."""
    return any(step.reason == RESENT for step in steps(record))
