"""Deliveries: messages handed in by the hundred, what was refused, and where they stand."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from producers.client import Client
from producers.commands.rows import Fields
from worker.contract import recipient
from worker.contract.errors import BatchError, MessageError, StoreError
from worker.contract.status import Status
from worker.store.shards import Shards

T = TypeVar("T")
CHUNK = 500  # messages handed in, or looked up, at once: what the client stores in one step
MOVING = frozenset({Status.ACCEPTED, Status.SCHEDULED, Status.SUBMITTING})
ARRIVED = frozenset({Status.SUBMITTED, Status.DELIVERED})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5  # seconds between two looks


@dataclass(slots=True)
class Delivery:
    """One message, as far as this command has brought it."""

    place: int  #: of the number on the command line, or the line in the file, from 1
    to: str  #: masked
    in_file: bool = False
    id: str | None = None
    status: Status | None = None
    reason: str = ""  #: why it stands there, where that is known
    error: MessageError | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        found: dict[str, Any] = {"id": self.id, "status": self.status, "to": self.to}
        if self.in_file:
            found["line"] = self.place
        if self.reason:
            found["reason"] = self.reason
        return found | ({"error": str(self.error)} if self.error else {})


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Cut an iterable into lists."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


def _masked(fields: Fields | MessageError) -> str:
    try:
        return recipient.mask(recipient.parse(fields["to"]))  # type: ignore[index]
    except (MessageError, KeyError, TypeError):
        return "****"


def deliver(
    client: Client, chunk: Sequence[tuple[int, Fields | MessageError]], *, in_file: bool
) -> list[Delivery]:
    """Hand in messages; those that were refused carry their error. Raises StoreError."""
    found = [Delivery(place, _masked(fields), in_file) for place, fields in chunk]
    good: list[tuple[Delivery, Fields]] = []
    for delivery, (_, fields) in zip(found, chunk, strict=True):
        if isinstance(fields, MessageError):
            delivery.error = fields
        else:
            good.append((delivery, fields))
    ids: Sequence[str | None]
    try:
        ids, errors = client.send_many([fields for _, fields in good]), {}
    except BatchError as error:
        ids, errors = error.ids, error.errors
    for at, (delivery, fields) in enumerate(good):
        delivery.id, delivery.error = ids[at], errors.get(at)
        if delivery.id:
            delivery.status = Status.SCHEDULED if "send_at" in fields else Status.ACCEPTED
    return found


def look(shards: Shards, deliveries: Iterable[Delivery]) -> None:
    """Bring statuses up to date; where Redis does not answer they stay as they were."""
    for chunk in chunks(delivery for delivery in deliveries if delivery.id):
        try:
            records = shards.find([delivery.id or "" for delivery in chunk])
        except StoreError:
            return
        for delivery, record in zip(chunk, records, strict=True):
            if record:
                delivery.status, delivery.reason = record.status, record.reason


def wait(
    shards: Shards,
    deliveries: Sequence[Delivery],
    seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Look until nothing moves any more, or the time is over."""
    end, pause = clock() + seconds, _FIRST_PAUSE
    moving = [delivery for delivery in deliveries if delivery.id]
    while True:
        look(shards, moving)
        moving = [delivery for delivery in moving if delivery.status in MOVING]
        left = end - clock()
        if not moving or left <= 0:
            return
        sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
