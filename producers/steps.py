"""The steps of a message's life, each as a sentence. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from producers.snapshot import moment
from worker.contract import record as records
from worker.contract.record import Record
from worker.contract.status import Status

_REPLAYED, _REPLAY_OF = "replayed", "replay of "
_RESENT = "resent"  # the word of worker.rounds.resolve
_LOST_CLAIM = "the claim was not answered"  # the words of _ticket.lua
_CAPPED = "the number has had enough there for now"  # the words of claim.lua


@dataclass(frozen=True, slots=True)
class Step:
    """One step."""

    at: datetime
    event: str  #: the status that began, or another word
    account: str
    code: str  #: the vendor's, as it came
    reason: str  #: ours
    until: datetime | None  #: how long a wait was meant to last
    attempt: int  #: its number, where one begins; else 0
    text: str  #: all of it in plain words

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "at": iso(self.at),
            "event": self.event,
            "account": self.account,
            "code": self.code,
            "reason": self.reason,
            "until": iso(self.until),
            "attempt": self.attempt or None,
            "text": self.text,
        }


def told(record: Record) -> list[Step]:
    """Return the steps of a record, the acceptance first."""
    kept = records.steps(record)
    numbers = _numbers(kept, record.attempt)
    if not kept or not kept[0].reason.startswith(_REPLAY_OF):
        kept.insert(0, records.Step(record.created, Status.ACCEPTED, "", "", "", 0))
        numbers.insert(0, 0)
    found, before = [], ""
    for step, number in zip(kept, numbers, strict=True):
        text = plain(_sentence(step, before, number))
        code, reason = plain(step.code), plain(step.reason)
        at, until = moment(step.at), moment(step.until) if step.until else None
        found.append(Step(at, step.event, step.account, code, reason, until, number, text))
        before = step.event
    return found


def replayed_as(record: Record) -> str:
    """Return the id of the message that a dead letter was replayed as, or nothing."""
    found = (step for step in records.steps(record) if step.event == _REPLAYED)
    return next((plain(step.reason.removeprefix("as ")) for step in found), "")


def resent(record: Record) -> bool:
    """Return whether it was submitted again without proof: that happens once a message."""
    return any(step.reason == _RESENT for step in records.steps(record))


def _numbers(kept: list[records.Step], last: int) -> list[int]:
    """Return each attempt's number, counted from the last: steps in the middle may be gone."""
    found, left = [], last
    for step in reversed(kept):
        found.append(left if step.event == Status.SUBMITTING else 0)
        left -= step.event == Status.SUBMITTING
    found.reverse()
    if kept and kept[0].event == Status.SUBMITTING:
        found[0] = 1  # the first step is always kept
    return found


def _sentence(step: records.Step, before: str, number: int) -> str:
    if step.event == Status.SUBMITTING:
        return f"submitted to {step.account}, attempt {number}"
    tell = _SENTENCES.get(step.event)
    return tell(step, before) if tell else f"{step.event} {_words(step)}".rstrip()


def _waiting(step: records.Step, before: str) -> str:
    if step.reason == _LOST_CLAIM:
        return f"taken back: {_LOST_CLAIM}, so nothing had left"
    if before == Status.UNKNOWN:
        return f"to be submitted again{_until(step)}: {_words(step)}"
    if before == Status.SUBMITTING:
        again = f"at {clock(step.until, step.at)}" if step.until else "at once"
        return f"{step.account} did not take it{_said(step)}; again {again}"
    return _ready(step, before) if step.event == Status.ACCEPTED else _aside(step)


def _ready(step: records.Step, before: str) -> str:
    if before:
        return "ready again"
    return f"accepted, as a {step.reason}" if step.reason else "accepted"


def _aside(step: records.Step) -> str:
    if not step.reason:
        return f"waits{_until(step)}, as was asked for"
    if step.reason == _CAPPED:
        return f"put aside{_until(step)}: the number has had enough at {step.account} for now"
    return f"put aside{_until(step)}: {_words(step)}"


def _unknown(step: records.Step, before: str) -> str:
    if before == Status.UNKNOWN:
        asked = f"asked {step.account}: " if step.reason.startswith("the vendor") else ""
        return f"{asked}{_words(step) or 'still not known'}"
    if before in (Status.ACCEPTED, Status.SCHEDULED):
        return f"too late to be submitted again, and may have been taken before: {_words(step)}"
    return f"lost the answer of {step.account}{_said(step)}"


def _expired(step: records.Step, before: str) -> str:
    if before == Status.SUBMITTING:
        return f"{step.account} did not take it{_said(step)}; too late to try again: expired"
    if before == Status.UNKNOWN:
        return f"too late to be submitted again ({_words(step)}): expired"
    if step.reason == "validity is over":
        return "expired: its validity is over"
    return f"expired: it would have to wait longer than it is valid, for {_words(step)}"


def _rejected(step: records.Step, before: str) -> str:
    if before == Status.SUBMITTING:
        return f"rejected at {step.account}{_said(step)}"
    if before in (Status.SUBMITTED, Status.UNKNOWN):
        return f"rejected, says the report of {step.account}{_said(step)}"
    return f"rejected: {_words(step)}"


def _suppressed(step: records.Step, _: str) -> str:
    return f"suppressed: {_words(step)}"


def _submitted(step: records.Step, before: str) -> str:
    if before == Status.SUBMITTED:
        return f"the report of {step.account} does not say how it ended{_said(step)}"
    return f"{step.account} took it{_said(step)}"


def _delivered(step: records.Step, _: str) -> str:
    return f"delivered, says the report of {step.account}{_said(step)}"


def _undelivered(step: records.Step, _: str) -> str:
    return f"not delivered, says the report of {step.account}{_said(step)}"


_SENTENCES: Mapping[str, Callable[[records.Step, str], str]] = {
    Status.ACCEPTED: _waiting,
    Status.SCHEDULED: _waiting,
    Status.UNKNOWN: _unknown,
    Status.EXPIRED: _expired,
    Status.REJECTED: _rejected,
    Status.SUPPRESSED: _suppressed,
    Status.SUBMITTED: _submitted,
    Status.DELIVERED: _delivered,
    Status.UNDELIVERED: _undelivered,
}


def _words(step: records.Step) -> str:
    return " ".join(part for part in (step.code, step.reason) if part)


def _said(step: records.Step) -> str:
    """Return what the vendor said and what that means, to be put behind a sentence."""
    if step.code:
        return f": it said {step.code}" + (f" ({step.reason})" if step.reason else "")
    return f": {step.reason}" if step.reason else ""


def _until(step: records.Step) -> str:
    return f" until {clock(step.until, step.at)}" if step.until else ""


def clock(milliseconds: int, near: int) -> str:
    """Return a time in Asia/Shanghai; with its date unless that is the day of ``near``."""
    found = moment(milliseconds)
    day = "" if found.date() == moment(near).date() else f"{found:%Y-%m-%d} "
    return f"{day}{found:%H:%M:%S}"


def iso(time: datetime | None) -> str | None:
    return time.isoformat(timespec="milliseconds") if time else None


def plain(text: str) -> str:
    """Return a text that cannot upset a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
