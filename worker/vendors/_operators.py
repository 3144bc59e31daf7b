"""What the operators' own status words mean, where a vendor passes them on.

Platforms map them freely: only the words and the two letters in front are relied on, never the
four digits behind, but for the two blacklist codes that everyone knows.
"""

from dataclasses import dataclass

from worker.contract.status import Status


@dataclass(frozen=True, slots=True)
class State:
    """What one status word of a delivery report means to us."""

    status: Status
    reason: str = ""
    barred: bool = False


DELIVERED = State(Status.DELIVERED)
BLACKLIST = State(Status.REJECTED, "the number is on a blacklist", barred=True)
FAILED = State(Status.UNDELIVERED, "failed, and the report does not say why")
_OFF = State(Status.UNDELIVERED, "the handset stayed out of reach until the validity ended")
_DELETED = State(Status.UNDELIVERED, "deleted at the operator")
_UNREACHABLE = State(Status.UNDELIVERED, "the number cannot be reached")
_WAITING = State(Status.SUBMITTED, "taken by the operator, not final")
_UNKNOWN = State(Status.UNKNOWN, "the operator does not know")
_REFUSED = State(Status.REJECTED, "refused by the operator")
_LINK = State(Status.UNDELIVERED, "trouble between the operator's systems")

WORDS = {
    "DELIVRD": DELIVERED,
    "EXPIRED": _OFF,
    "DELETED": _DELETED,
    "UNDELIV": _UNREACHABLE,
    "ACCEPTD": _WAITING,
    "UNKNOWN": _UNKNOWN,
    "REJECTD": _REFUSED,
    "IB:0069": BLACKLIST,
    "8": State(Status.UNDELIVERED, "flow control at the operator"),
    "9": State(Status.REJECTED, "the operator does not serve the number"),
    "69": BLACKLIST,
    "72": State(Status.REJECTED, "no route to the number"),
}
PREFIXES = {
    "MI": _OFF,
    "MJ": _DELETED,
    "MK": _UNREACHABLE,
    "ML": _WAITING,
    "MM": _UNKNOWN,
    "MN": _REFUSED,
    "MA": _LINK,
    "MB": State(Status.UNDELIVERED, "the operator's message centre failed"),
    "CA": _LINK,
    "CB": State(Status.UNDELIVERED, "refused by the operator's prepaid system"),
    "DA": _LINK,
    "DB": State(Status.UNDELIVERED, "refused by the operator's service platform"),
    "IA": _LINK,
    "IB": _LINK,
    "IC": _LINK,
}


def state(word: str) -> State:
    """Return what a status word means; one never seen is a failure, never a delivery."""
    found = WORDS.get(word)
    if found is None and word[2:3] == ":":
        found = PREFIXES.get(word[:2])
    return found or FAILED
