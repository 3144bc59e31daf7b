"""The acts on webhooks: what waits to be posted to an endpoint, and how that endpoint does.

Every event stands here from before it leaves the stream of events until its endpoint took it, or
until it is given up. Taking one out to be posted hides it for a while, so a worker that is killed
in the middle loses none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from worker.contract import keys
from worker.store import scripts
from worker.store.acts import Act
from worker.store.client import AsyncStore, Store

DAY = 86400.0  #: seconds from when an event is held until it is given up
MOST = 100_000  #: events that may wait for one endpoint; beyond, those due first are dropped

_FORGOTTEN = 2 * DAY  # seconds after which what waits is gone where no worker comes for it
_FAILURES = 5  # in a row, after which an endpoint rests
_REST, _LONGEST = 5.0, 900.0  # seconds that it rests at first, and at the most
_REASON = 200  # characters of a reason
_NUMBERS = (
    *("delivered", "failed", "given_up", "dropped", "lost"),
    *("last_success", "last_failure", "rest", "gone"),
)
_UNDERWAY = 60.0  # seconds within which what is due may be on its way


@dataclass(frozen=True, slots=True)
class Due:
    """One event to be posted."""

    id: str
    tries: int  #: before this one
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Drawn:
    now: int  #: Redis's clock, ms
    pause: float  #: seconds until there may be more
    given_up: int
    events: list[Due]


@dataclass(frozen=True, slots=True)
class Missed:
    given_up: bool
    rest: float  #: seconds that the endpoint rests from now on; 0: it does not


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How an endpoint does. Times in ms since 1970, 0: never."""

    known: bool = False  #: a worker has worked for it
    served: bool = False  #: one does so now
    waiting: int = 0
    oldest: int = 0  #: when the first of them was due, or will be
    delivered: int = 0
    failed: int = 0  #: tries
    given_up: int = 0  #: events, after a day
    dropped: int = 0  #: events, beyond what may wait
    lost: int = 0  #: when one of the last two happened
    last_success: int = 0
    last_failure: int = 0
    reason: str = ""  #: of the last failure
    rest: int = 0  #: until when it is left alone; past: the next event tells whether it is well
    gone: int = 0  #: when it answered that it wants no more


def hold(endpoint: str, events: Sequence[tuple[str, bytes]], *, most: int = MOST) -> Act[int]:
    """Hold events, ids and bodies, until they are posted; returns how many were dropped for it."""
    flat: list[str | bytes | int] = [endpoint, most, int(_FORGOTTEN * 1000)]
    for event_id, body in events:
        flat += (event_id, body)
    return Act(scripts.load("hold"), flat, int)


def due(endpoint: str, most: int, *, busy: int, hidden: float, settings: str) -> Act[Drawn]:
    """Draw events to post.

    ``busy``: posts that are open; ``hidden``: seconds after which a post that nobody tells of is
    due again; ``settings``: a digest of the endpoint's, to notice a change.
    """

    def read(answer: list[Any]) -> Drawn:
        rows = zip(answer[3::3], answer[4::3], answer[5::3], strict=True)
        events = [Due(event_id.decode(), tries, body) for event_id, tries, body in rows]
        return Drawn(answer[0], answer[1] / 1000, answer[2], events)

    args = (endpoint, most, busy, int(hidden * 1000), int(DAY * 1000), settings)
    return Act(scripts.load("due"), args, read)


def posted(endpoint: str, event_id: str) -> Act[bool]:
    """Note that an endpoint took an event; returns whether that ended its rest."""
    return Act(scripts.load("posted"), (endpoint, event_id), lambda answer: answer == 1)


def missed(
    endpoint: str,
    event: Due,
    *,
    wait: float,
    began: int,
    reason: str,
    gone: bool = False,
    asked: float = 0.0,
) -> Act[Missed]:
    """Note that an endpoint did not take an event.

    ``wait``: seconds until the event is tried again; ``began``: when the try began, ms by Redis's
    clock; ``gone``: the endpoint wants no more at all; ``asked``: seconds for which it asks to be
    left alone.
    """
    args = (
        *(endpoint, event.id, event.tries, int(wait * 1000), int(DAY * 1000), began),
        *(reason[:_REASON], "gone" if gone else int(asked * 1000)),
        *(_FAILURES, int(_REST * 1000), int(_LONGEST * 1000)),
    )
    return Act(
        scripts.load("missed"), args, lambda answer: Missed(answer[0] == 1, answer[1] / 1000)
    )


def resume(endpoint: str) -> Act[tuple[bool, int]]:
    """End an endpoint's rest, and make due what waits for a later try.

    Returns whether it rested, and how many events are due sooner.
    """
    args = (endpoint, int(_UNDERWAY * 1000))
    return Act(scripts.load("resume"), args, lambda answer: (answer[0] == 1, answer[1]))


def look(store: Store, endpoint: str) -> Condition:
    """Return how an endpoint does; raise StoreError."""
    return _condition(*[store.command(*words) for words in _questions(endpoint)])


async def look_async(store: AsyncStore, endpoint: str) -> Condition:
    """The same for an event loop."""
    return _condition(*[await store.command(*words) for words in _questions(endpoint)])


def _questions(endpoint: str) -> Sequence[tuple[str | int, ...]]:
    return (
        ("HGETALL", keys.WEBHOOKS + endpoint),
        ("ZRANGE", keys.WEBHOOK_DUE + endpoint, 0, 0, "WITHSCORES"),
        ("ZCARD", keys.WEBHOOK_DUE + endpoint),
        ("EXISTS", keys.WEBHOOK_LEASE + endpoint),
    )


def _condition(flat: Any, first: Any, waiting: int, served: int) -> Condition:
    pairs = flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)
    found = {name.decode(): value.decode() for name, value in pairs}
    if first and isinstance(first[0], list | tuple):  # redis-py pairs them
        first = first[0]
    return Condition(
        known="settings" in found,
        served=bool(served),
        waiting=waiting,
        oldest=int(float(first[1])) if first else 0,
        reason=found.get("reason", ""),
        **{name: int(float(found[name])) for name in _NUMBERS if name in found},
    )
