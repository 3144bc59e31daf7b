"""How a submit is refused and how a message that was taken ends, in words no vendor owns."""

from dataclasses import dataclass
from enum import StrEnum

from worker.sandbox.faults import Spoil


class Refusal(StrEnum):
    """Why a submit is refused; each dialect has its own code for it, or none."""

    NUMBER = "number"
    CONTENT = "content"
    SIGNATURE = "signature"
    SYSTEM = "system"
    OTHER = "other"
    UNLISTED = "unlisted"
    BALANCE = "balance"
    CREDENTIALS = "credentials"
    BLACKLIST = "blacklist"
    NUMBER_THROTTLE = "number-throttle"
    ACCOUNT_THROTTLE = "account-throttle"
    GATEWAY_THROTTLE = "gateway-throttle"


class Ending(StrEnum):
    """How a message that was taken ends."""

    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    EXPIRED = "expired"
    REFUSED = "refused"  #: by the operator
    UNKNOWN = "unknown"
    BUSY = "busy"
    REVIEW = "review"  #: a human at the vendor said no
    NETWORK = "network"  #: a code of the operator's own
    BLACKLISTED = "blacklisted"
    BARRED_BY_CUSTOMER = "barred-by-customer"
    BARRED_BY_CHANNEL = "barred-by-channel"
    THROTTLED = "throttled"
    INVALID = "invalid"  #: no such number


class Timing(StrEnum):
    """When, and how often, its report comes."""

    ONCE = "once"
    NEVER = "never"
    TWICE = "twice"
    LATE = "late"
    EARLY = "early"  #: before the answer to the submit
    CHANGED = "changed"  #: first undelivered, then the ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    ending: Ending = Ending.DELIVERED
    refusal: Refusal | None = None
    spoil: Spoil | None = None
    timing: Timing = Timing.ONCE
    first: int = 0  #: only for so many submits, then delivered; 0: for every one

    def reports(self, delay: float, late: float) -> list[tuple[float, Ending]]:
        """Return the delivery reports to come: after how many seconds, saying what."""
        once = (delay, self.ending)
        if self.timing is Timing.ONCE:
            return [once]
        plans: dict[Timing, list[tuple[float, Ending]]] = {
            Timing.NEVER: [],
            Timing.TWICE: [once, once],
            Timing.LATE: [(delay + late, self.ending)],
            Timing.EARLY: [(0.0, self.ending)],
            Timing.CHANGED: [(delay, Ending.UNDELIVERED), once],
        }
        return plans[self.timing]


DELIVERED = Fate()

#: What a vendor reports when it cannot refuse at submit.
INSTEAD = {
    Refusal.NUMBER: Ending.INVALID,
    Refusal.BLACKLIST: Ending.BLACKLISTED,
    Refusal.NUMBER_THROTTLE: Ending.THROTTLED,
    Refusal.ACCOUNT_THROTTLE: Ending.THROTTLED,
    Refusal.GATEWAY_THROTTLE: Ending.THROTTLED,
    Refusal.CONTENT: Ending.REVIEW,
    Refusal.SIGNATURE: Ending.REVIEW,
}

#: What the reasons of a throttle or suspended fault stand for.
REASONS = {
    "credentials": Refusal.CREDENTIALS,
    "balance": Refusal.BALANCE,
    "account": Refusal.ACCOUNT_THROTTLE,
    "number": Refusal.NUMBER_THROTTLE,
    "gateway": Refusal.GATEWAY_THROTTLE,
}
