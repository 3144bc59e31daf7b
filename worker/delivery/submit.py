"""Submit: one message, or one call's worth of them, to one vendor, and what follows from it.

The answer becomes one Submission a message, whatever happens on the way; policy decides, and the
verdict goes to the settling.
"""

import logging
import time
import traceback
from collections.abc import Callable, Iterable, Mapping

import msgspec
import structlog

from worker.contract.errors import SealError
from worker.contract.recipient import mask
from worker.contract.record import Record, content
from worker.contract.settings import Settings
from worker.delivery import limits, policy
from worker.delivery.care import Care
from worker.delivery.groups import Attempt, Batch, Groups
from worker.delivery.health import Health
from worker.delivery.settling import Settling
from worker.store.acts import Deferred, Settled
from worker.store.sealing import Seal
from worker.telemetry import tracing
from worker.telemetry.metrics import Counts
from worker.transport import Lost, NotSent, Transport
from worker.vendors.base import Call, Outcome, Outgoing, Submission, Vendor

log = structlog.get_logger("xinshi.submit")
_PLAIN = logging.getLogger("xinshi.submit")

_FAILED = frozenset({Outcome.UNAVAILABLE, Outcome.UNKNOWN, Outcome.REFUSED, Outcome.SUSPENDED})
_MOVABLE = frozenset({Outcome.SUSPENDED, Outcome.REJECTED})
_ELSEWHERE = 30.0  # seconds until a message that this account can't carry looks for another one


class Submitter:
    """Submits what was claimed, on the process's event loop."""

    def __init__(
        self,
        settings: Settings,
        vendors: Mapping[str, Vendor],
        transport: Transport,
        *,
        settling: Settling,
        health: Health,
        care: Care,
        chance: Callable[[], float],
        counts: Counts,
    ) -> None:
        self._settings = settings
        self._vendors = vendors
        self._transport = transport
        self._settling = settling
        self._health = health
        self._care = care
        self._chance = chance
        self._counts = counts
        self._windows = {
            name: limits.pack_windows(limits.windows(vendor, settings.vendors[name]))
            for name, vendor in vendors.items()
        }
        self._groups = Groups()
        self.bounds = self._groups.bounds  #: of calls; a claim tells those that others learned
        self._seal = Seal(settings.privacy.text_keys)

    def calls(self, messages: Iterable[tuple[str, Record]], begun: float) -> list[Batch]:
        """Return the calls that these claimed messages make, or fill up.

        Where the vendor takes many recipients in one call, what does not fill one stays for the
        next claim, or for ``rest``. ``begun``: the monotonic time at which the claim was sent.
        """
        full = []
        for message_id, record in messages:
            vendor = self._vendors[record.account]
            if attempt := self._prepared(vendor, message_id, record):
                full += self._groups.add(vendor, attempt, begun)
        return full

    def rest(self) -> list[Batch]:
        """Return the calls that are not full, and keep none."""
        return self._groups.take()

    @property
    def waiting(self) -> int:
        """How many calls are not full yet."""
        return len(self._groups)

    def _prepared(self, vendor: Vendor, message_id: str, record: Record) -> Attempt | None:
        """Return a message ready to be submitted; None where it is concluded already."""
        try:
            record.content = self._seal.open(record.content)
            outgoing = self._outgoing(vendor, message_id, record)
            if isinstance(outgoing, str):
                self._refuse(message_id, record, outgoing)
                return None
            group = vendor.group(outgoing) if vendor.batch > 1 else None
            return Attempt(message_id, record, outgoing, group)
        except SealError as error:  # no other account could read it: a dead letter, for a replay
            submission = Submission(Outcome.REJECTED, reason=f"its text {error.rule}", alarm=True)
        except Exception as error:  # noqa: BLE001 - one odd message must not end a whole claim
            _log_broken(vendor, error)
            submission = _failed(error)
        self._conclude(Attempt(message_id, record, Outgoing(id=message_id, number="")), submission)
        return None

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
        attempt = Attempt(message_id, record, Outgoing(id=message_id, number=""))
        submission = Submission(Outcome.REJECTED, reason=rule, alarm=True)
        others = self._others(record)
        if not others:
            self._conclude(attempt, submission)
            return
        wait = 0.0 if any(name not in record.avoid for name in others) else _ELSEWHERE
        self._carry_out(attempt, submission, policy.Again(wait=wait, counts=False, never=True))

    async def submit(self, batch: Batch) -> None:
        """Submit one call."""
        vendor, attempts = batch.vendor, batch.attempts
        submissions = await self._answer(vendor, attempts, batch.begun)
        if all(submission.split for submission in submissions):
            submissions = self._smaller(vendor, submissions)
        for attempt, submission in zip(attempts, submissions, strict=True):
            self._conclude(attempt, submission)

    def _note(
        self, account: str, attempts: list[Attempt], submissions: list[Submission], seconds: float
    ) -> None:
        """Let metrics, health and care know what one call came to."""
        self._counts.called(account, seconds)
        failed = all(submission.outcome in _FAILED for submission in submissions)
        self._health.note(account, failed=failed, seconds=seconds, now=time.monotonic())
        self._care.note(account, submissions, attempts[0].record.updated)

    def _smaller(self, vendor: Vendor, submissions: list[Submission]) -> list[Submission]:
        """A whole call had too many numbers: halve the account's batch, once a size."""
        half = len(submissions) // 2
        if not half:  # one number cannot be split: never ask at once for ever
            return [msgspec.structs.replace(submission, split=False) for submission in submissions]
        if self.bounds.learn(vendor.name, half):
            self._care.bound(vendor.name, half)
        return submissions

    async def _answer(
        self, vendor: Vendor, attempts: list[Attempt], begun: float
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
        started = time.monotonic()
        for attempt in attempts:
            self._counts.begun(attempt.record, started - begun)
        spans = tracing.submits(attempts)
        if spans:
            call = spans.asking(call)
        submissions = await self._exchange(vendor, call, everyone)
        if spans:
            spans.end(submissions)
        self._note(vendor.name, attempts, submissions, time.monotonic() - started)
        return submissions

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

    def _conclude(self, attempt: Attempt, submission: Submission) -> None:
        """Decide what follows, and hand it to the settling."""
        record = attempt.record
        stream = self._settings.streams[record.stream]
        verdict = policy.decide(
            submission,
            record,
            attempts=stream.attempts,
            windows=self._vendors[record.account].windows.get(submission.code, ()),
            alternatives=submission.outcome in _MOVABLE and self._alternatives(record),
            failover_rejected=stream.failover_rejected,
            random=self._chance,
        )
        self._carry_out(attempt, submission, verdict)

    def _carry_out(self, attempt: Attempt, submission: Submission, verdict: policy.Verdict) -> None:
        record = attempt.record
        self._counts.answered(record, submission.outcome)
        if isinstance(verdict, policy.Final):
            self._settling.settle(
                Settled(
                    id=attempt.id,
                    attempt=record.attempt,
                    status=verdict.status,
                    vendor_message_id=submission.vendor_message_id,
                    code=submission.code,
                    reason=verdict.reason or submission.reason,
                    windows=self._windows[record.account],
                    barred=submission.outcome is Outcome.BARRED,
                    last=not self._vendors[record.account].reported,
                )
            )
        else:
            self._counts.waits(record.stream, submission.outcome)
            self._settling.defer(
                Deferred(
                    id=attempt.id,
                    attempt=record.attempt,
                    wait=str(int(verdict.wait * 1000)),
                    counts=verdict.counts,
                    avoid=verdict.avoid,
                    never=verdict.never,
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
            if name != record.account
            and f"!{name}" not in record.avoid
            and self._fits(self._vendors[name], record)
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
    log.error("adapter.broken", account=vendor.name, error=type(error).__name__, trace=trace(error))


def trace(error: BaseException) -> str:
    """Return where an error came from, without its text, which may quote a message."""
    return "".join(traceback.format_tb(error.__traceback__))


def _log_submission(attempt: Attempt, submission: Submission) -> None:
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
