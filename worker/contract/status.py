"""The life of one message, and which status may follow which."""

from enum import StrEnum


class Stream(StrEnum):
    """What kind of traffic a message is: its own queue, route and patience."""

    OTP = "otp"  #: one-time codes: short validity, served first
    NOTICE = "notice"  #: transactional notices
    MARKETING = "marketing"  #: bulk with consent: quiet hours, opt-out


class Status(StrEnum):
    ACCEPTED = "accepted"  #: stored by us and ready for a worker
    SCHEDULED = "scheduled"  #: waits for its time: asked for, throttled or backing off
    SUBMITTING = "submitting"  #: an attempt is open; bytes may have left
    UNKNOWN = "unknown"  #: the answer was lost: the vendor may have taken it
    SUBMITTED = "submitted"  #: the vendor took it
    DELIVERED = "delivered"  #: the handset confirmed it
    UNDELIVERED = "undelivered"  #: the network gave up
    REJECTED = "rejected"  #: the vendor or the operator refused it for good
    EXPIRED = "expired"  #: its validity ran out before a vendor took it
    SUPPRESSED = "suppressed"  #: the recipient opted out
    CANCELLED = "cancelled"  #: taken back by the producer in time


FINAL = frozenset(
    {
        Status.DELIVERED,
        Status.UNDELIVERED,
        Status.REJECTED,
        Status.EXPIRED,
        Status.SUPPRESSED,
        Status.CANCELLED,
    }
)

_BEFORE_A_VENDOR = {Status.REJECTED, Status.EXPIRED, Status.SUPPRESSED, Status.CANCELLED}
_REPORTED = {Status.DELIVERED, Status.UNDELIVERED, Status.REJECTED}

#: From each status, those that may follow. The way back from an open attempt to waiting exists
#: only on proof that the vendor did not take the message. The store's scripts enforce this table.
FOLLOWS: dict[Status, frozenset[Status]] = {
    Status.ACCEPTED: frozenset({Status.SCHEDULED, Status.SUBMITTING} | _BEFORE_A_VENDOR),
    Status.SCHEDULED: frozenset({Status.ACCEPTED} | _BEFORE_A_VENDOR),
    Status.SUBMITTING: frozenset(
        {Status.ACCEPTED, Status.SCHEDULED, Status.EXPIRED, Status.UNKNOWN, Status.SUBMITTED}
        | _REPORTED
    ),
    Status.UNKNOWN: frozenset(
        {Status.ACCEPTED, Status.SCHEDULED, Status.EXPIRED, Status.SUBMITTED} | _REPORTED
    ),
    Status.SUBMITTED: frozenset(_REPORTED),
    **dict.fromkeys(FINAL, frozenset()),
}
