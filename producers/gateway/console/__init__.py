"""The console: one page for whoever looks after the worker, at / of the gateway.

An API key whose role is ``operator`` signs in (``door``); without one nothing is shown but how to
set it. The page is static files (``front``), everything else is JSON under /console/api and one
stream of events: ``live``, ``messages`` and ``lists`` say what each path takes and gives. None of
it is part of the public API. No text of a message is shown anywhere, and every number is masked.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from producers.gateway.console import front, messages
from producers.gateway.console.door import Door
from producers.gateway.console.lists import Lists
from producers.gateway.console.live import PATH, Live
from producers.gateway.console.watch import Watch
from producers.gateway.gateway import Gateway

__all__ = ["CONSOLE", "Console"]


class Console:
    """The console of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._door = Door(gateway)
        self.watch = Watch(gateway)
        self._lists = Lists(gateway)

    def add_to(self, app: web.Application) -> None:
        app[CONSOLE] = self
        app.add_routes([*front.routes(), *self._door.routes(), *self._routes()])
        app.cleanup_ctx.append(self._working)
        app.on_shutdown.append(self._ending)

    def _routes(self) -> list[web.RouteDef]:
        reads, changes, lists = self._door.reads, self._door.changes, self._lists
        return [
            web.get(PATH, reads(Live(self._door, self.watch).stream), allow_head=False),
            web.post("/console/api/search", changes(messages.search)),
            web.get("/console/api/messages/{id}", reads(messages.explain)),
            web.get("/console/api/dead", reads(lists.dead)),
            web.post("/console/api/dead/replay", changes(lists.replay)),
            web.get("/console/api/inbound", reads(lists.inbound)),
            web.get("/console/api/suppression", reads(lists.suppressed)),
            web.post("/console/api/suppression", changes(lists.suppress)),
        ]

    async def _working(self, app: web.Application) -> AsyncIterator[None]:
        """Watch while the application lives, if there is anybody who could look."""
        del app
        watching = asyncio.create_task(self.watch.run()) if self._door.sessions else None
        yield
        if watching:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        self._lists.close()

    async def _ending(self, app: web.Application) -> None:
        del app
        self.watch.close()


CONSOLE = web.AppKey("console", Console)
