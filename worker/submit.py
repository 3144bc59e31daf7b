"""Submit: the pump. It claims ready messages, submits them, and settles what became of them.

One pump serves a whole process. ``run(stream)`` is what one ring of the doorbell does: claim in
batches while slots are free, until the stream is empty or the time slice is over. Submissions
live on in the loop; nothing waits for the slowest answer before it claims more.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from worker import limits, policy
from worker.contract.errors import StoreError
from worker.contract.recipient import mask
from worker.contract.record import Record, content
from worker.contract.settings import Settings
from worker.contract.status import Status, Stream
from worker.settling import Settling
from worker.store import acts
from worker.store.acts import Claimed, Deferred, Settled
from worker.store.client import AsyncStore
from worker.transport import Lost, NotSent, Transport
from worker.vendors.base import Call, Outcome, Outgoing, Submission, Vendor

log = structlog.get_logger("xinshi.submit")

_LEAST = 32  # slots worth a claim: smaller batches cost a round trip for little
_RECONNECT = 0.5  # seconds between two tries to reach Redis


@dataclass(slots=True)
class _Attempt:
    """One claimed message with what it takes to submit it."""

    id: str
    record: Record
    outgoing: Outgoing


class Pump:
    """Claims and submits for one process, on its event loop."""

    def __init__(
        self,
        settings: Settings,
        vendors: Mapping[str, Vendor],
        store: AsyncStore,
        transport: Transport,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._vendors = vendors
        self._store = store
        self._transport = transport
        self._chance = chance
        self._packed = {stream: limits.pack(stream, settings, vendors) for stream in Stream}
        self._windows = {
            name: limits.pack_windows(limits.windows(vendor, settings.vendors[name]))
            for name, vendor in vendors.items()
        }
        self._batch = {name: vendor.batch for name, vendor in vendors.items()}
        self._settling = Settling(store, settings.store)
        self._in_flight: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self._again: dict[Stream, bool] = {}
        self._stopped = asyncio.Event()

    async def run(self, stream: Stream) -> int:
        """Serve one ring: claim until the stream is empty or the slice is over.

        Returns how many messages were claimed. A ring for a stream that is being served already
        only makes that pump look once more.
        """
        if stream in self._again:
            self._again[stream] = True
            return 0
        self._again[stream] = False
        try:
            return await self._serve(stream)
        finally:
            del self._again[stream]

    def stop(self) -> None:
        """Claim nothing more; what is in flight goes on."""
        self._stopped.set()
        self._freed.set()

    async def drain(self) -> None:
        """Wait until everything in flight is answered and settled; hand the rest over.

        A ring that this process took as it stopped may have ended with it: ring again, last.
        """
        while self._in_flight:
            await asyncio.wait(self._in_flight)
        await self._settling.flush()
        for stream in Stream:
            await self._ring(stream)

    async def _serve(self, stream: Stream) -> int:
        end = time.monotonic() + self._settings.worker.slice
        claimed, left = 0, 0
        while not self._stopped.is_set():
            room = await self._room(stream)
            if self._stopped.is_set() or time.monotonic() > end:
                left = 1
                break
            begun = time.monotonic()
            found = await self._claim(stream, min(room, self._settings.worker.batch))
            if found is None:
                left = 1
                break
            claimed += self._start(found, begun)
            left = found.left
            if found.pause:
                await self._pause(min(found.pause, end - time.monotonic()))
            elif not left and not self._again[stream]:
                break
            self._again[stream] = False
        if left or self._stopped.is_set():
            await self._ring(stream)
        return claimed

    async def _room(self, stream: Stream) -> int:
        """Wait for free slots; the last ones are otp's."""
        worker = self._settings.worker
        most = worker.in_flight - (0 if stream is Stream.OTP else worker.reserve)
        least = min(_LEAST, most) if stream is not Stream.OTP else 1
        while not self._stopped.is_set():
            room = most - len(self._in_flight)
            if room >= least:
                return room
            self._freed.clear()
            await self._freed.wait()
        return 0

    async def _pause(self, seconds: float) -> None:
        """Sleep until an account has a slot again, or the process stops."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), max(seconds, 0.001))

    async def _claim(self, stream: Stream, most: int) -> Claimed | None:
        evade = stream is Stream.OTP
        try:
            return await self._store.run(
                acts.claim(stream, most, self._packed[stream], evade=evade)
            )
        except StoreError as error:
            log.warning("store.lost", act="claim", stream=str(stream), error=str(error))
            await self._pause(_RECONNECT)
            return None

    async def _ring(self, stream: Stream) -> None:
        try:
            await self._store.run(acts.ring(stream))
        except StoreError as error:  # the sweep rings instead
            log.warning("store.lost", act="ring", stream=str(stream), error=str(error))

    def _start(self, found: Claimed, begun: float) -> int:
        """Begin to submit what was claimed, many recipients a call where the vendor takes them."""
        groups: dict[tuple[str, object], list[_Attempt]] = defaultdict(list)
        for message_id, record in found.messages:
            if record.status is Status.SUBMITTING:
                self._prepare(groups, message_id, record)
            else:
                _log_step(message_id, record)
        for (name, _), attempts in groups.items():
            size = self._batch[name]
            for first in range(0, len(attempts), size):
                task = asyncio.create_task(
                    self._submit(self._vendors[name], attempts[first : first + size], begun)
                )
                self._in_flight.add(task)
                task.add_done_callback(self._finished)
        return sum(len(attempts) for attempts in groups.values())

    def _prepare(
        self,
        groups: dict[tuple[str, object], list[_Attempt]],
        message_id: str,
        record: Record,
    ) -> None:
        vendor = self._vendors[record.account]
        said = content(record)
        template = self._settings.templates.get(said.template) if said.template else None
        if said.template and template is None:
            self._refuse(message_id, record, f"template {said.template} is not in the settings")
            return
        try:
            outgoing = vendor.outgoing(message_id, record.to, said, template)
        except KeyError as error:
            self._refuse(message_id, record, f"parameter {error} of the template is missing")
            return
        if rule := vendor.refuse(outgoing):
            self._refuse(message_id, record, rule)
            return
        group: object = vendor.group(outgoing) if self._batch[vendor.name] > 1 else message_id
        groups[vendor.name, group].append(_Attempt(message_id, record, outgoing))

    def _refuse(self, message_id: str, record: Record, rule: str) -> None:
        """End what this account could never carry; no vendor is asked."""
        attempt = _Attempt(message_id, record, Outgoing(id=message_id, number=""))
        self._conclude(attempt, Submission(Outcome.REJECTED, reason=rule, alarm=True))

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._freed.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("submit.broken", error=type(error).__name__, exc_info=error)

    async def _submit(self, vendor: Vendor, attempts: list[_Attempt], begun: float) -> None:
        submissions = await self._answer(vendor, attempts, begun)
        for attempt, submission in zip(attempts, submissions, strict=True):
            self._conclude(attempt, submission)

    async def _answer(
        self, vendor: Vendor, attempts: list[_Attempt], begun: float
    ) -> list[Submission]:
        """Return one submission an attempt, whatever happens on the way."""
        everyone = len(attempts)
        if time.monotonic() - begun > self._settings.worker.grace / 2:
            # The process stood still since the claim: the attempt may count as lost by now.
            return [Submission(Outcome.THROTTLED, reason="the worker was too slow")] * everyone
        try:
            call = vendor.submit([attempt.outgoing for attempt in attempts])
        except Exception as error:
            log.exception("adapter.broken", account=vendor.name)
            reason = f"the adapter failed ({type(error).__name__})"
            return [Submission(Outcome.REFUSED, reason=reason, alarm=True)] * everyone
        return await self._exchange(vendor, call, everyone)

    async def _exchange(
        self, vendor: Vendor, call: Call[list[Submission]], everyone: int
    ) -> list[Submission]:
        timeouts = self._settings.vendors[vendor.name].timeouts
        try:
            submissions = await self._transport.call(call, timeouts)
        except NotSent as error:
            return [Submission(Outcome.UNAVAILABLE, reason=str(error))] * everyone
        except Lost as error:
            return [Submission(Outcome.UNKNOWN, reason=str(error))] * everyone
        except Exception as error:  # whatever it is, bytes may have left
            log.exception("adapter.broken", account=vendor.name)
            reason = f"the answer broke the adapter ({type(error).__name__})"
            return [Submission(Outcome.UNKNOWN, reason=reason, alarm=True)] * everyone
        if len(submissions) != everyone:
            log.error("adapter.broken", account=vendor.name, asked=everyone, got=len(submissions))
            return [Submission(Outcome.UNKNOWN, reason="answers don't match")] * everyone
        return submissions

    def _conclude(self, attempt: _Attempt, submission: Submission) -> None:
        """Hand the verdict to the settling."""
        record, name = attempt.record, attempt.record.account
        if submission.split:
            self._batch[name] = max(1, self._batch[name] // 2)
        verdict = policy.decide(
            submission,
            record,
            attempts=self._settings.streams[record.stream].attempts,
            windows=self._vendors[name].windows.get(submission.code, ()),
            alternatives=self._alternatives(record),
            random=self._chance,
        )
        if isinstance(verdict, policy.Final):
            self._settling.settle(
                Settled(
                    id=attempt.id,
                    attempt=record.attempt,
                    status=verdict.status,
                    vendor_message_id=submission.vendor_message_id,
                    code=submission.code,
                    reason=submission.reason,
                    windows=self._windows[name],
                )
            )
        else:
            self._settling.defer(
                Deferred(
                    id=attempt.id,
                    attempt=record.attempt,
                    wait=str(int(verdict.wait * 1000)),
                    counts=verdict.counts,
                    avoid=verdict.avoid,
                    code=submission.code,
                    reason=submission.reason or str(submission.outcome),
                    blocked=verdict.blocked,
                    windows=self._windows[name],
                )
            )
        _log_submission(attempt, submission)

    def _alternatives(self, record: Record) -> bool:
        """Return whether another account of the route has not turned the message down yet."""
        if record.pin:
            return False
        route = self._settings.route(record.stream)
        return any(name != record.account and name not in record.avoid for name in route)


def _log_submission(attempt: _Attempt, submission: Submission) -> None:
    if submission.alarm:
        level = logging.WARNING
    else:
        level = logging.DEBUG if submission.outcome is Outcome.SUBMITTED else logging.INFO
    log.log(
        level,
        "submit.answer",
        outcome=str(submission.outcome),
        id=attempt.id,
        stream=str(attempt.record.stream),
        account=attempt.record.account,
        to=mask(attempt.record.to),
        attempt=attempt.record.attempt,
        code=submission.code,
        reason=submission.reason,
    )


def _log_step(message_id: str, record: Record) -> None:
    """Log what the claim itself decided: expired, put aside, nobody can carry it."""
    log.info(
        "claim.step",
        status=str(record.status),
        id=message_id,
        stream=str(record.stream),
        account=record.account,
        to=mask(record.to),
        reason=record.reason,
    )
