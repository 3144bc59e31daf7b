"""Policy: the one table that decides what follows from an outcome. Pure; randomness handed in.

| outcome     | taken | next                                                        | counts |
|-------------|-------|-------------------------------------------------------------|--------|
| SUBMITTED   | yes   | submitted; wait for the report                              | yes    |
| REJECTED    | no    | rejected, final; a stream may let another account try       | yes    |
| BARRED      | no    | rejected, final                                             | yes    |
| CAPPED      | no    | the number is blocked there until the window ends           | no     |
| THROTTLED   | no    | again after a short wait; after two, rather another account | no     |
| UNAVAILABLE | no    | back off; after two here, rather another account            | yes    |
| SUSPENDED   | no    | another account at once; the same one after a while         | no     |
| REFUSED     | no    | once more here, then rather another account                 | yes    |
| UNKNOWN     | maybe | unknown: never resent and never failed over by itself       | yes    |

A resend of an unknown message, without proof, that is CAPPED at the same account is evidence that
the first one was taken: the message is submitted, presumably. One that fails for good otherwise
says nothing about the first: the message is unknown again, unless its text or number was refused
where the first went too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from worker.contract.durations import Window
from worker.contract.record import Record, steps
from worker.contract.status import Status
from worker.vendors.base import Outcome, Submission

_BACKOFF, _BACKOFF_MOST = 1.0, 60.0  # seconds; doubles with each attempt, full jitter
_THROTTLED = 1.0  # seconds, with as much jitter
_SUSPENDED = 1.0  # seconds, with as much jitter; the account's breaker decides when it goes on
_CAPPED = 60.0  # seconds, for a throttle code whose window nobody tells

RESENT = "resent"  #: without proof that the submit before was not taken; the store's word for it
PROVEN = "not found twice: it was not taken"  #: likewise, with proof


@dataclass(frozen=True, slots=True)
class Final:
    """The attempt settles the message, for good or until a report."""

    status: Status
    reason: str = ""  #: said instead of the submission's own


@dataclass(frozen=True, slots=True)
class Again:
    """The vendor proved that it did not take the message: it waits for another try."""

    wait: float = 0.0  #: seconds
    counts: bool = True
    avoid: bool = False  #: prefer another account from now on
    never: bool = False  #: this account is not to get it any more
    blocked: str = ""  #: ms or "day" for which the number is blocked at this account


Verdict = Final | Again

_FINAL = {
    Outcome.SUBMITTED: Status.SUBMITTED,
    Outcome.REJECTED: Status.REJECTED,
    Outcome.BARRED: Status.REJECTED,
    Outcome.UNKNOWN: Status.UNKNOWN,
}


def decide(  # noqa: PLR0911 - a return a row of the table
    submission: Submission,
    record: Record,
    *,
    attempts: int,
    windows: Sequence[str],
    alternatives: bool,
    failover_rejected: bool = False,
    random: Callable[[], float],
) -> Verdict:
    """Return what follows.

    ``attempts``: the stream's bound; ``windows``: how long the vendor's code blocks a number, at
    the first hit, the second, ...; ``alternatives``: whether another account could carry it;
    ``failover_rejected``: whether one may, of what was rejected; ``random``: a number from 0 to 1.
    """
    bound = record.attempts < attempts
    match submission.outcome:
        case Outcome.CAPPED if in_doubt(record) == record.account:
            return Final(Status.SUBMITTED, "presumed: its resend was refused as one too many")
        case Outcome.CAPPED if windows:
            return Again(counts=False, blocked=_block(submission, record, windows))
        case Outcome.CAPPED:  # nobody tells for how long: nothing to learn, a plain wait
            return Again(wait=_CAPPED, counts=False)
        case Outcome.THROTTLED:
            wait = 0.0 if submission.split else _THROTTLED * (1 + random())
            avoid = not submission.split and _turned_down(record, record.account)
            return Again(wait=wait, counts=False, avoid=avoid)
        case Outcome.SUSPENDED:
            wait = 0.0 if alternatives else _SUSPENDED * (1 + random())
            return Again(wait=wait, counts=False, avoid=True)
        case Outcome.REJECTED if failover_rejected and alternatives and bound:
            return Again(never=True)
        case Outcome.UNAVAILABLE | Outcome.REFUSED if bound:
            wait = min(_BACKOFF_MOST, _BACKOFF * 2 ** min(record.attempts, 16)) * random()
            return Again(wait=wait, avoid=_turned_down(record, record.account))
        case outcome:
            final = _FINAL.get(outcome, Status.REJECTED)
            if final is Status.REJECTED and _says_nothing_of_the_first(outcome, record):
                return Final(Status.UNKNOWN, "resent in vain; the first may have been taken")
            return Final(final)


def _block(submission: Submission, record: Record, windows: Sequence[str]) -> str:
    """Return for how long the number is blocked: the window that this hit names."""
    hits = sum(
        1
        for step in steps(record)
        if step.account == record.account and step.code == submission.code
    )
    span = Window.parse(f"1/{windows[min(hits, len(windows) - 1)]}").seconds
    return str(int(span * 1000)) if span else "day"


def in_doubt(record: Record) -> str:
    """Return the account that may have taken it before, in an attempt whose answer was lost."""
    for step in reversed(steps(record)):
        if step.reason == RESENT:
            return step.account
        if step.reason == PROVEN:
            break
    return ""


def _says_nothing_of_the_first(outcome: Outcome, record: Record) -> bool:
    account = in_doubt(record)
    refused = outcome in (Outcome.REJECTED, Outcome.BARRED)
    return account != "" and not (refused and account == record.account)


def _turned_down(record: Record, account: str) -> bool:
    """Return whether this account had an earlier attempt, which then came back."""
    tries = sum(1 for step in record.trail if step[1] == Status.SUBMITTING and step[2] == account)
    return tries > 1
