"""Endpoint: one endpoint's turn. It takes events out of the stream and posts them, in parallel.

Two loops. One moves events from the stream to what waits for the endpoint, which is kept apart
from all others'. The other draws what is due there and posts it. Whoever holds the endpoint's lease
does so, one process at a time, so that no more posts are open than the settings say.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable

import structlog

from worker.contract import happenings, keys
from worker.contract.errors import StoreError
from worker.contract.happenings import Event
from worker.contract.webhooks import Webhook
from worker.notify.patience import backoff
from worker.notify.posting import Answer, Poster, payload
from worker.store import webhooks
from worker.store.client import AsyncStore
from worker.store.feed import Feed
from worker.store.lease import Lease
from worker.store.webhooks import Due

log = structlog.get_logger("xinshi.webhooks")

_LEASE = 15.0  # seconds that a killed process keeps the others from its endpoint
_WAIT = 1.0  # seconds that a loop waits for something to do before it looks at the rest
_BATCH = 200  # events taken at once
_IDLE = 10.0  # seconds after which events that were taken, and not held, are taken again
_QUIET = 60.0  # seconds between two lines about dropped events: they come by the thousand
_MARGIN = 10.0  # seconds above its time-out after which a post that nobody told of is due again


class Endpoint:
    """One endpoint of the settings, as long as one lease is held."""

    def __init__(
        self,
        name: str,
        webhook: Webhook,
        store: AsyncStore,
        *,
        poster: Poster | None = None,
        shard: int = 0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._webhook = webhook
        self._store = store
        self._shard = shard
        self._poster = poster or Poster(webhook)
        self._chance = chance
        self._lease = Lease(store, keys.WEBHOOK_LEASE + name, _LEASE)
        self._feed = Feed(store, f"webhook:{name}", "notifier", idle=_IDLE)
        self._wake = asyncio.Event()
        self._ending = False
        self._busy = 0  # posts that are open
        self._dropped, self._complain = 0, 0.0  # what was not told yet, and when it may be

    def stop(self) -> None:
        """Draw nothing more; posts that are open may end."""
        self._ending = True
        self._wake.set()

    async def run(self) -> bool:
        """Post until stopped, or until the lease is another's; returns whether it was ours.

        Raises StoreError where Redis does not answer: all that was not told comes again.
        """
        if not await self._lease.take():
            return False
        self._poster.open()
        try:
            await self._feed.open("newest")
            async with asyncio.TaskGroup() as group:
                group.create_task(self._collect())
                group.create_task(self._send(group))
        except ExceptionGroup as found:
            lost, other = found.split(StoreError)
            raise (other or lost or found).exceptions[0] from None
        finally:
            await self._poster.close()
            with contextlib.suppress(StoreError):  # it ends by itself
                await self._lease.release()
        return True

    async def _collect(self) -> None:
        """Move events from the stream to what waits for this endpoint."""
        while not self._ending:
            if not await self._lease.take():
                log.warning("webhook.lease_lost", endpoint=self._name)
                self.stop()
                return
            events = await self._feed.take(_BATCH, wait=_WAIT)
            wanted = [each for each in events if each.type in self._webhook.events]
            if wanted:
                await self._hold(wanted)
            await self._feed.done(events)

    async def _hold(self, events: list[Event]) -> None:
        told = (happenings.of_shard(each, self._shard) for each in events)
        packed = [(each.id, body(found)) for each, found in zip(events, told, strict=True)]
        dropped = await self._store.run(webhooks.hold(self._name, packed))
        self._dropped += dropped
        if self._dropped and time.monotonic() >= self._complain:
            log.error("webhook.dropped", endpoint=self._name, events=self._dropped)
            self._dropped, self._complain = 0, time.monotonic() + _QUIET
        self._wake.set()

    async def _send(self, group: asyncio.TaskGroup) -> None:
        """Post what is due, as much at once as the settings say."""
        while not self._ending:
            self._wake.clear()
            pause = _WAIT
            if self._busy < self._webhook.concurrency:
                pause = await self._draw(group)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    async def _draw(self, group: asyncio.TaskGroup) -> float:
        """Begin as many posts as may be open; returns the seconds until there may be more."""
        act = webhooks.due(
            self._name,
            self._webhook.concurrency - self._busy,
            busy=self._busy,
            hidden=self._webhook.timeout + _MARGIN,
            settings=self._webhook.digest,
        )
        drawn = await self._store.run(act)
        if drawn.given_up:
            log.error("webhook.given_up", endpoint=self._name, events=drawn.given_up)
        for event in drawn.events:
            self._busy += 1
            group.create_task(self._post(event, drawn.now))
        return min(drawn.pause, _WAIT)

    async def _post(self, event: Due, began: int) -> None:
        try:
            known_by = happenings.place_of(event.id, self._shard)
            answer = await self._poster.post(known_by, event.body)
            if answer.reason:
                await self._missed(event, answer, began)
            elif await self._store.run(webhooks.posted(self._name, event.id)):
                log.warning("webhook.restored", endpoint=self._name)
        finally:
            self._busy -= 1
            self._wake.set()

    async def _missed(self, event: Due, answer: Answer, began: int) -> None:
        act = webhooks.missed(
            self._name,
            event,
            wait=max(backoff(event.tries, self._chance()), answer.asked),
            began=began,
            reason=answer.reason,
            gone=answer.gone,
            asked=answer.asked,
        )
        found = await self._store.run(act)
        about = {"endpoint": self._name, "reason": answer.reason}
        log.info("webhook.failed", event_id=event.id, tries=event.tries + 1, **about)
        if found.given_up:
            log.error("webhook.given_up", event_id=event.id, events=1, **about)
        if answer.gone:
            log.error("webhook.gone", **about)
        elif found.rest:
            log.warning("webhook.resting", seconds=found.rest, **about)


def body(event: Event) -> bytes:
    """Return what is posted of an event: the same bytes in every try."""
    said = event.to_dict()
    return payload(event.type, str(said["at"]), event.data)
