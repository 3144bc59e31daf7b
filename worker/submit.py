"""Submit: the pump. It claims ready messages, submits them, and settles what became of them.

One pump serves a whole process. ``run(stream)`` is what one ring of the doorbell does: claim in
batches while slots are free, until the stream is empty or the time slice is over. Submissions
live on in the loop; nothing waits for the slowest answer before it claims more.
"""

import asyncio
import contextlib
import logging
import random
import secrets
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from worker import limits, policy
from worker.contract.errors import StoreError
from worker.contract.recipient import mask
from worker.contract.record import Record, content
from worker.contract.settings import Settings
from worker.contract.status import Status, Stream
from worker.settling import Settling
from worker.store import acts
from worker.store.acts import Claimed, Deferred, Settled, Ticket
from worker.store.client import AsyncStore
from worker.transport import Lost, NotSent, Transport
from worker.vendors.base import Call, Outcome, Outgoing, Submission, Vendor

log = structlog.get_logger("xinshi.submit")
_PLAIN = logging.getLogger("xinshi.submit")

_LEAST = 32  # slots worth a claim: smaller batches cost a round trip for little
_ELSEWHERE = 30.0  # seconds until a message that this account can't carry looks for another one
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
        name = secrets.token_hex(8)
        self._tickets = {stream: Ticket(f"{name}:{stream}") for stream in Stream}
        self._settling = Settling(store, settings.store)
        self._in_flight: set[asyncio.Task[None]] = set()
        self._held = 0  # slots of claims on their way
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
            self._freed.set()

    def stop(self) -> None:
        """Claim nothing more; what is in flight goes on."""
        self._stopped.set()
        self._freed.set()

    async def drain(self) -> None:
        """Wait until everything in flight is answered and settled; hand the rest over.

        A ring that this process took as it stopped may have ended with it: ring again, last.
        """
        while self._again or self._in_flight:
            self._freed.clear()
            await self._freed.wait()
        await self._settling.flush()
        for stream, ticket in self._tickets.items():
            if ticket.answered < ticket.turn:
                await self._claim(stream, 0)  # takes back what the lost answer had opened
            await self._ring(stream)

    async def _serve(self, stream: Stream) -> int:
        end = time.monotonic() + self._settings.worker.slice
        claimed = 0
        while not self._over(end):
            room = min(await self._room(stream), self._settings.worker.batch)
            if self._over(end):
                break
            self._again[stream] = False
            begun = time.monotonic()
            found = await self._claim(stream, room)
            if found is None:
                await self._reconnect(end)
                continue
            claimed += self._start(found, begun)
            if found.pause:
                await self._pause(min(found.pause, end - time.monotonic()))
            elif not found.left and not self._again[stream]:
                return claimed
        while True:
            self._again[stream] = False
            await self._ring(stream)
            if self._stopped.is_set() or not self._again[stream]:
                return claimed  # else a ring came meanwhile, and would have ended here

    def _over(self, end: float) -> bool:
        return self._stopped.is_set() or time.monotonic() > end

    async def _room(self, stream: Stream) -> int:
        """Wait for free slots; the last ones are otp's."""
        worker = self._settings.worker
        most = worker.in_flight - (0 if stream is Stream.OTP else worker.reserve)
        # Never so many that a few slow answers hold up everything else.
        least = 1 if stream is Stream.OTP else max(1, min(_LEAST, most // 8))
        while not self._stopped.is_set():
            room = most - len(self._in_flight) - self._held
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
        self._held += most
        try:
            return await self._store.run(
                acts.claim(
                    stream,
                    most,
                    self._packed[stream],
                    evade=evade,
                    ticket=self._tickets[stream],
                )
            )
        except StoreError as error:
            log.warning("store.lost", act="claim", stream=str(stream), error=str(error))
            return None
        finally:
            self._held -= most
            self._freed.set()

    async def _reconnect(self, end: float) -> None:
        """Wait until Redis answers again; asked with what changes nothing, not with a claim."""
        while not self._over(end):
            await self._pause(_RECONNECT)
            with contextlib.suppress(StoreError):
                await self._store.run(acts.find(["-"]))
                return

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
        try:
            outgoing = self._outgoing(vendor, message_id, record)
            if isinstance(outgoing, str):
                self._refuse(message_id, record, outgoing)
                return
            group: object = vendor.group(outgoing) if self._batch[vendor.name] > 1 else message_id
            groups[vendor.name, group].append(_Attempt(message_id, record, outgoing))
        except Exception as error:  # noqa: BLE001 - one odd message must not end a whole claim
            _log_broken(vendor, error)
            attempt = _Attempt(message_id, record, Outgoing(id=message_id, number=""))
            self._conclude(attempt, _failed(error))

    def _outgoing(self, vendor: Vendor, message_id: str, record: Record) -> Outgoing | str:
        """Return a message as this account would carry it, or the rule that forbids it."""
        said = content(record)
        template = self._settings.templates.get(said.template) if said.template else None
        if said.template and template is None:
            return f"template {said.template} is not in the settings"
        try:
            outgoing = vendor.outgoing(message_id, record.to, said, template)
        except KeyError as error:
            return f"parameter {error} of the template is missing"
        return vendor.refuse(outgoing) or outgoing

    def _refuse(self, message_id: str, record: Record, rule: str) -> None:
        """Pass on what this account can't carry, or end it; no vendor is asked."""
        attempt = _Attempt(message_id, record, Outgoing(id=message_id, number=""))
        submission = Submission(Outcome.REJECTED, reason=rule, alarm=True)
        others = self._others(record)
        if not others:
            self._conclude(attempt, submission)
            return
        wait = 0.0 if any(name not in record.avoid for name in others) else _ELSEWHERE
        self._carry_out(attempt, submission, policy.Again(wait=wait, counts=False, avoid=True))

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._freed.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("submit.broken", error=type(error).__name__, trace=_trace(error))

    async def _submit(self, vendor: Vendor, attempts: list[_Attempt], begun: float) -> None:
        submissions = await self._answer(vendor, attempts, begun)
        if all(submission.split for submission in submissions):
            submissions = self._smaller(vendor, submissions)
        for attempt, submission in zip(attempts, submissions, strict=True):
            self._conclude(attempt, submission)

    def _smaller(self, vendor: Vendor, submissions: list[Submission]) -> list[Submission]:
        """A whole call had too many numbers: halve the account's batch, once a size."""
        half = len(submissions) // 2
        if not half:  # one number cannot be split: never ask at once for ever
            return [replace(submission, split=False) for submission in submissions]
        self._batch[vendor.name] = min(self._batch[vendor.name], half)
        log.warning("batch.halved", account=vendor.name, batch=self._batch[vendor.name])
        return submissions

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
        except Exception as error:  # noqa: BLE001 - nothing has left yet
            _log_broken(vendor, error)
            return [_failed(error)] * everyone
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
        except Exception as error:  # noqa: BLE001 - whatever it is, bytes may have left
            _log_broken(vendor, error)
            reason = f"the answer broke the adapter ({type(error).__name__})"
            return [Submission(Outcome.UNKNOWN, reason=reason, alarm=True)] * everyone
        if len(submissions) != everyone:
            log.error("adapter.broken", account=vendor.name, asked=everyone, got=len(submissions))
            return [Submission(Outcome.UNKNOWN, reason="answers don't match")] * everyone
        return submissions

    def _conclude(self, attempt: _Attempt, submission: Submission) -> None:
        """Decide what follows, and hand it to the settling."""
        record = attempt.record
        verdict = policy.decide(
            submission,
            record,
            attempts=self._settings.streams[record.stream].attempts,
            windows=self._vendors[record.account].windows.get(submission.code, ()),
            alternatives=submission.outcome is Outcome.SUSPENDED and self._alternatives(record),
            random=self._chance,
        )
        self._carry_out(attempt, submission, verdict)

    def _carry_out(
        self, attempt: _Attempt, submission: Submission, verdict: policy.Verdict
    ) -> None:
        record = attempt.record
        if isinstance(verdict, policy.Final):
            self._settling.settle(
                Settled(
                    id=attempt.id,
                    attempt=record.attempt,
                    status=verdict.status,
                    vendor_message_id=submission.vendor_message_id,
                    code=submission.code,
                    reason=submission.reason,
                    windows=self._windows[record.account],
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
                    windows=self._windows[record.account],
                )
            )
        _log_submission(attempt, submission)

    def _alternatives(self, record: Record) -> bool:
        """Return whether another account could carry it that has not turned it down yet."""
        return any(name not in record.avoid for name in self._others(record))

    def _others(self, record: Record) -> list[str]:
        """Return the other accounts of the route that could carry a message."""
        return [
            name
            for name in self._settings.route(record.stream)
            if name != record.account and self._fits(self._vendors[name], record)
        ]

    def _fits(self, vendor: Vendor, record: Record) -> bool:
        if not limits.carries(vendor.name, self._settings, vendor, record):
            return False
        try:
            return isinstance(self._outgoing(vendor, "", record), Outgoing)
        except Exception:  # noqa: BLE001 - an adapter that fails on it does not carry it
            return False


def _failed(error: Exception) -> Submission:
    """Return what an adapter that failed before anything left comes to."""
    reason = f"the adapter failed ({type(error).__name__})"
    return Submission(Outcome.REFUSED, reason=reason, alarm=True)


def _log_broken(vendor: Vendor, error: Exception) -> None:
    log.error(
        "adapter.broken", account=vendor.name, error=type(error).__name__, trace=_trace(error)
    )


def _trace(error: BaseException) -> str:
    """Return where an error came from, without its text, which may quote a message."""
    return "".join(traceback.format_tb(error.__traceback__))


def _log_submission(attempt: _Attempt, submission: Submission) -> None:
    if submission.alarm:
        level = logging.WARNING
    else:
        level = logging.DEBUG if submission.outcome is Outcome.SUBMITTED else logging.INFO
    if not _PLAIN.isEnabledFor(level):  # one a message, and usually nobody wants to see it
        return
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
