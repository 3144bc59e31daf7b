"""What lies outside: whether the vendors are polled with success, and the web apps take events.

Only what needs somebody is told: the console is no second ``xinshi doctor``.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from producers.gateway import health
from producers.gateway.gateway import Gateway
from producers.steps import plain
from worker.store import totals, webhooks
from worker.store.webhooks import Condition

_LATE = 300_000  # ms past its time at which an event should have been posted


async def stale_polls(gateway: Gateway) -> list[dict[str, Any]]:
    """Return what was not fetched of vendors for too long; raise StoreError.

    ``age``: seconds since it was; None: it never was.
    """
    patience = gateway.settings.alarms.poll_age
    polls = await health.polls(gateway) if patience else []
    return [each for each in polls if each["age"] is None or each["age"] > patience]


async def failing_webhooks(
    gateway: Gateway, now: int, places: Sequence[int]
) -> list[dict[str, Any]]:
    """Return the endpoints that do not take their events; raise StoreError.

    ``now``: ms since 1970; ``places``: of the shards that answer.
    """
    found: list[dict[str, Any]] = []
    for name in gateway.settings.webhooks:
        every = [await webhooks.look_async(gateway.shards.all[place], name) for place in places]
        found += _failing(name, totals.endpoint(every), now)
    return found


def _failing(name: str, found: Condition, now: int) -> Iterator[dict[str, Any]]:
    late = bool(found.waiting and found.oldest and now - found.oldest > _LATE)
    if found.gone or found.rest or late:
        yield {"name": name, "waiting": found.waiting, "reason": plain(found.reason)}
