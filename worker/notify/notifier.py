"""Notifier: the endpoints of one process, each at work in the background of its loop."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog

from worker.contract.settings import Settings
from worker.contract.webhooks import Webhook
from worker.notify.endpoint import Endpoint
from worker.store.client import AsyncStore
from worker.telemetry.trouble import apart

log = structlog.get_logger("xinshi.webhooks")

_GRACE = 5.0  # seconds that open posts may take when the worker stops; the others come again
_CONNECTIONS = 8  # to Redis, and for each endpoint two: one of them only waits for events

Make = Callable[[str, Webhook, AsyncStore], Endpoint]


def _part(webhook: Webhook, many: int) -> Webhook:
    """Return an endpoint as one of many shards is to post to it."""
    return webhook if many == 1 else replace(webhook, concurrency=-(-webhook.concurrency // many))


class Notifier:
    """Has connections of its own, so that nobody's messages wait for a webhook's."""

    def __init__(
        self, settings: Settings, *, make: Make | None = None, grace: float = _GRACE
    ) -> None:
        shard, many = settings.served(), len(settings.cells)
        self._webhooks = {name: _part(each, many) for name, each in settings.webhooks.items()}
        self._make = make or partial(Endpoint, shard=shard)
        self._grace = grace
        self._store = AsyncStore(
            settings.cells[shard].url,
            timeout=settings.store.timeout,
            connections=_CONNECTIONS + 2 * len(settings.webhooks),
        )
        self._running: dict[str, tuple[Endpoint, asyncio.Task[None]]] = {}
        self._stopped = False

    async def tick(self) -> int:
        """Start the endpoints that nobody in this process works for; returns how many.

        Returns at once: one that another process works for ends by itself.
        """
        idle = [name for name in self._webhooks if name not in self._running]
        if self._stopped:
            return 0
        for name in idle:
            endpoint = self._make(name, self._webhooks[name], self._store)
            task = asyncio.create_task(self._run(name, endpoint))
            self._running[name] = (endpoint, task)
        return len(idle)

    async def _run(self, name: str, endpoint: Endpoint) -> None:
        try:
            with apart("webhooks", broken="webhook.broken", endpoint=name):
                if await endpoint.run():
                    log.info("webhook.left", endpoint=name)
        finally:  # the next tick begins again
            del self._running[name]

    def stop(self) -> None:
        """Draw nothing more from now on."""
        self._stopped = True
        for endpoint, _ in self._running.values():
            endpoint.stop()

    async def close(self) -> None:
        """End; posts that are open have a few seconds, what is not told by then comes again."""
        self.stop()
        tasks = [task for _, task in self._running.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._store.close()
