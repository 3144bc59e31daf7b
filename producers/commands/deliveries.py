"""Deliveries: messages handed in by the hundred, what was refused, and where they stand."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import redis

from producers.client import Client
from producers.commands.rows import Fields
from worker.contract import keys, recipient, record
from worker.contract.errors import BatchError, MessageError, StoreError
from worker.contract.status import Status
from worker.store.client import Store

T = TypeVar("T")
CHUNK = 500  # messages handed in, or looked up, at once
MOVING = frozenset({Status.ACCEPTED, Status.SCHEDULED, Status.SUBMITTING})
ARRIVED = frozenset({Status.SUBMITTED, Status.DELIVERED})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5  # seconds between two looks


@dataclass(slots=True)
class Delivery:
    """One message, as far as this command has brought it."""

    place: int  #: of the number on the command line, or the line in the file, from 1
    to: str  #: masked
    id: str | None = None
    status: Status | None = None
    error: MessageError | None = None


@dataclass(slots=True)
class Tally:
    """What all of them came to."""

    stored: int = 0
    refused: int = 0
    statuses: Counter[str] = field(default_factory=Counter)


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Cut an iterable into lists."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


def masked(fields: object) -> str:
    """Return the recipient of a message's fields as it may be shown."""
    number = fields.get("to") if isinstance(fields, dict) else None
    try:
        return recipient.mask(recipient.parse(number))
    except MessageError:
        return "****"


def deliver(client: Client, chunk: Sequence[tuple[int, Fields | MessageError]]) -> list[Delivery]:
    """Hand in messages; those that were refused carry their error. Raises StoreError.

    A StoreError's ``ids`` then say which of the chunk are surely stored.
    """
    found = [Delivery(place, masked(fields)) for place, fields in chunk]
    good = []
    for delivery, (_, fields) in zip(found, chunk, strict=True):
        if isinstance(fields, MessageError):
            delivery.error = fields
        else:
            good.append((delivery, fields))
    ids: Sequence[str | None]
    try:
        ids, errors = client.send_many(fields for _, fields in good), {}
    except BatchError as error:
        ids, errors = error.ids, error.errors
    for at, (delivery, fields) in enumerate(good):
        delivery.id, delivery.error = ids[at], errors.get(at)
        if delivery.id:
            delivery.status = Status.SCHEDULED if fields.get("send_at") else Status.ACCEPTED
    return found


def surely_stored(error: StoreError) -> int:
    """Return how many of the messages handed in last are in the store all the same."""
    return sum(1 for message_id in error.ids if message_id)


def look(store: Store, deliveries: Iterable[Delivery]) -> None:
    """Bring statuses up to date; where Redis does not answer they stay as they were."""
    for chunk in chunks(delivery for delivery in deliveries if delivery.id):
        names = [keys.message(delivery.id or "") for delivery in chunk]
        try:
            packed = store.redis.mget(names)
        except (redis.RedisError, OSError):
            return
        for delivery, one in zip(chunk, packed, strict=True):
            if one:
                delivery.status = record.decode(one).status


def wait(
    store: Store,
    deliveries: Sequence[Delivery],
    seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Look until nothing moves any more, or the time is over."""
    end, pause = clock() + seconds, _FIRST_PAUSE
    moving = [delivery for delivery in deliveries if delivery.status in MOVING]
    while True:
        look(store, moving)
        moving = [delivery for delivery in moving if delivery.status in MOVING]
        left = end - clock()
        if not moving or left <= 0:
            return
        sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
