"""The life of one message, for people: every step in plain words, and what comes next. Pure.

No text of the message is in it, and the number is masked.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from producers import steps
from producers.snapshot import Snapshot, moment
from producers.steps import Step
from worker.contract.record import KEPT
from worker.contract.settings import Resend, Settings
from worker.contract.status import FINAL, Status
from worker.store.care import Circumstances


@dataclass(frozen=True, slots=True)
class Next:
    """What happens next, if nothing comes between."""

    event: str  #: submit, wait, answer, look, report or nothing
    text: str
    at: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {"event": self.event, "at": steps.iso(self.at), "text": self.text}


@dataclass(frozen=True, slots=True)
class Life:
    """One message from its acceptance to now."""

    snapshot: Snapshot
    pin: str  #: the one account it may use, or empty
    steps: list[Step]
    complete: bool  #: no step between the first and the others was forgotten
    next: Next

    @classmethod
    def of(
        cls,
        message_id: str,
        found: Circumstances,
        settings: Settings,
        *,
        reported: bool,
    ) -> "Life":
        """Tell a life; ``reported``: its last account sends delivery reports."""
        record = found.record
        return cls(
            snapshot=Snapshot.of(message_id, record),
            pin=record.pin,
            steps=steps.told(record),
            complete=len(record.trail) < KEPT,
            next=_next(message_id, found, settings, reported=reported),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON: times in ISO 8601 with their zone."""
        return {
            **self.snapshot.to_dict(),
            "pin": self.pin,
            "complete": self.complete,
            "steps": [step.to_dict() for step in self.steps],
            "next": self.next.to_dict(),
        }


def _next(message_id: str, found: Circumstances, settings: Settings, *, reported: bool) -> Next:
    record = found.record
    match record.status:
        case Status.ACCEPTED:
            return _submit(found, settings)
        case Status.SCHEDULED:
            return _wait(found)
        case Status.SUBMITTING:
            at = moment(record.deadline)
            until = steps.clock(record.deadline, found.now)
            text = f"{record.account} is to answer; without an answer by {until} it counts as lost"
            return Next("answer", text, at)
        case Status.UNKNOWN:
            return _look(found, settings)
        case Status.SUBMITTED:
            return _report(found, settings, reported=reported)
        case status:
            assert status in FINAL
            return Next("nothing", _end(message_id, found))


def _never_after(found: Circumstances) -> str:
    expires = found.record.expires
    if expires <= found.now:
        return "its validity is over: it expires instead"
    return f"never submitted after {steps.clock(expires, found.now)}"


def _submit(found: Circumstances, settings: Settings) -> Next:
    record = found.record
    names = (record.pin,) if record.pin else settings.route(record.stream)
    waits = [(*found.down[name], name) for name in names if name in found.down]
    if names and len(waits) == len(names):
        until, why, name = min(waits)
        back = steps.clock(until, found.now)
        text = f"waits for an account: {name} is left alone until {back} ({why})"
        return Next("wait", f"{text}; {_never_after(found)}", moment(until))
    text = "is submitted as soon as a worker has a free slot for it"
    return Next("submit", f"{text}; {_never_after(found)}")


def _wait(found: Circumstances) -> Next:
    record = found.record
    why = f": {steps.plain(record.reason)}" if record.reason else ", as was asked for"
    due = steps.clock(record.due, found.now)
    text = f"waits until {due}{why}"
    if record.due <= found.now:
        text = f"was due at {due}: beat and a worker make it ready again"
    return Next("wait", f"{text}; {_never_after(found)}", moment(record.due))


def _look(found: Circumstances, settings: Settings) -> Next:
    record = found.record
    if not found.look:
        text = "stays unknown until a report says more; it is not sent again by itself"
        return Next("report", text)
    stream = settings.streams[record.stream]
    resend = Resend.NEVER if steps.resent(record) else stream.resend_unknown
    then = {
        Resend.NEVER: "it stays unknown and is not sent again",
        Resend.SAME_ACCOUNT: f"{record.account} gets it once more",
        Resend.ANY: "any account gets it once more",
    }[resend]
    hold = f"if nothing is known {stream.hold:g} s after the answer was lost, {then}"
    at = steps.clock(found.look, found.now)
    return Next("look", f"is looked at again at {at}; {hold}", moment(found.look))


def _report(found: Circumstances, settings: Settings, *, reported: bool) -> Next:
    record = found.record
    if not reported:
        return Next("nothing", f"nothing: {record.account} sends no reports")
    until = record.updated + int(settings.store.reports * 1000)
    at = steps.clock(until, found.now)
    if until <= found.now:
        return Next("nothing", f"nothing: no report came until {at}")
    return Next("report", f"a report is expected until {at}", moment(until))


def _end(message_id: str, found: Circumstances) -> str:
    replayed = steps.replayed_as(found.record)
    if replayed:
        return f"nothing: it is final, and was replayed as {replayed}"
    if found.dead and found.record.content:
        return f"nothing: it is final; xinshi dead replay {message_id} sends it again"
    return "nothing: it is final"
