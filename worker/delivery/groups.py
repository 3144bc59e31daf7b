"""Groups: claimed messages on their way into calls that carry many recipients.

A campaign of one text comes in claims of some size, and a vendor's call has another one: what does
not fill a call waits a moment for the next claim.
"""

from collections.abc import Hashable

import msgspec

from worker.contract.record import Record
from worker.delivery.bounds import Bounds
from worker.vendors.base import Outgoing, Vendor


class Attempt(msgspec.Struct, frozen=True):
    """One claimed message with what it takes to submit it."""

    id: str
    record: Record
    outgoing: Outgoing
    group: Hashable = None  #: what it must share with the others of its call


class Batch(msgspec.Struct):
    """What goes into one call."""

    vendor: Vendor
    attempts: list[Attempt]
    begun: float  #: the monotonic time at which the first one's claim was sent


class Groups:
    """The calls of one process that are not full yet."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, Hashable], Batch] = {}
        self.bounds = Bounds()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, vendor: Vendor, attempt: Attempt, begun: float) -> list[Batch]:
        """Add a message to its call; returns that call if it is full now."""
        most = self.bounds.of(vendor.name, vendor.batch)
        if most == 1:
            return [Batch(vendor, [attempt], begun)]
        key = vendor.name, attempt.group
        batch = self._open.setdefault(key, Batch(vendor, [], begun))
        batch.attempts.append(attempt)
        return [self._open.pop(key)] if len(batch.attempts) >= most else []

    def take(self) -> list[Batch]:
        """Return every call as it is, and begin anew."""
        taken, self._open = list(self._open.values()), {}
        return taken
