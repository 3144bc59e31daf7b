"""Resolve: what becomes of a message whose answer was lost.

A late answer or a delivery report settles it by itself. Otherwise: where the vendor can be asked
by our own id, ask; found means taken, and not found twice, a minute apart, means not taken. Else,
or where asking fails, the stream's policy follows after its hold: it stays unknown, or it is
submitted once more. Nothing here resends while the vendor might still have it.
"""

from collections.abc import Mapping

import structlog

from worker.contract.record import Record
from worker.contract.settings import Resend, Settings
from worker.contract.status import Status
from worker.limits import pack_windows, windows
from worker.store import acts, care
from worker.store.acts import Deferred, Settled
from worker.store.client import AsyncStore
from worker.transport import Lost, NotSent, Transport
from worker.vendors.base import Vendor

log = structlog.get_logger("xinshi.resolve")

_MOST = 50  # messages a round
_LEASE = 90.0  # seconds until a message comes again whose round died
_APART = 60.0  # seconds between the two times that a vendor does not find it
_NOT_FOUND = "the vendor does not find it"
_RESENT = "resent"


class Resolver:
    """Looks at unknown messages, a round at a time."""

    def __init__(
        self,
        settings: Settings,
        vendors: Mapping[str, Vendor],
        store: AsyncStore,
        transport: Transport,
    ) -> None:
        self._settings = settings
        self._vendors = vendors
        self._store = store
        self._transport = transport

    async def round(self) -> int:
        """Look at what is due; returns how many."""
        found = await self._store.run(care.unknowns(_MOST, _LEASE))
        for message_id, record in found.messages:
            await self._resolve(message_id, record, found.now)
        return len(found.messages)

    async def _resolve(self, message_id: str, record: Record, now: int) -> None:
        vendor = self._vendors.get(record.account)
        taken = await self._ask(vendor, message_id) if vendor else None
        if taken:
            await self._found(message_id, record)
        elif taken is False and _since(record, _NOT_FOUND, now) >= _APART:
            await self._not_taken(message_id, record)
        elif taken is False:
            await self._look(message_id, record, _APART, _NOT_FOUND)
        else:
            await self._wait_or_resend(message_id, record, now)

    async def _ask(self, vendor: Vendor, message_id: str) -> bool | None:
        """Return whether the vendor knows it; None where it can't be asked or does not tell."""
        call = vendor.query(message_id)
        if call is None:
            return None
        try:
            answer = await self._transport.call(call, self._settings.vendors[vendor.name].timeouts)
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
        )
        await self._store.run(acts.settle([item], reports=self._settings.store.reports))
        log.info("resolve.found", id=message_id, account=record.account)

    async def _not_taken(self, message_id: str, record: Record) -> None:
        """Twice not found: proof enough to submit it again, to the same vendor with the same id."""
        await self._again(message_id, record, "same", "not found twice: it was not taken")

    async def _wait_or_resend(self, message_id: str, record: Record, now: int) -> None:
        stream = self._settings.streams[record.stream]
        left = stream.hold - _since(record, "", now)
        if left > 0:
            await self._look(message_id, record, left, "")
        elif stream.resend_unknown is Resend.NEVER or _resent(record):
            await self._look(message_id, record, None, "stays unknown until a report says more")
            log.warning("resolve.unknown", id=message_id, account=record.account)
        else:
            same = stream.resend_unknown is Resend.SAME_ACCOUNT
            await self._again(message_id, record, "same" if same else "any", _RESENT)

    async def _again(self, message_id: str, record: Record, how: str, reason: str) -> None:
        item = Deferred(
            id=message_id,
            attempt=record.attempt,
            wait="0",
            counts=True,
            reason=reason,
            windows=self._windows(record.account),
            resend="same" if how == "same" else "any",
        )
        await self._store.run(acts.defer([item]))
        log.warning("resolve.again", id=message_id, account=record.account, reason=reason)

    async def _look(
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
    for step in record.trail:
        if step[1] == Status.SUBMITTING:
            first = None
        elif step[1] == Status.UNKNOWN and first is None and note in ("", step[3]):
            first = int(step[0])
    return (now - first) / 1000 if first is not None else 0.0


def _resent(record: Record) -> bool:
    """Return whether a lost answer led to a resend before: it happens once a message."""
    return any(step[3] == _RESENT for step in record.trail)
