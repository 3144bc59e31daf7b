"""Live: the watch as server-sent events.

    GET /console/live    text/event-stream, until the session ends

    history   {"span": ms of a slot, "events": are any kept, "steps": [step, ...]}, at first
    step      {"slot": ms since 1970 / span, "counts": {status: messages}, "taken", "answer" and
              "report": [median, 95th percentile] in ms or null, "ready": {stream: messages},
              "age": {stream: seconds}, "waiting": messages}, as each slot is over
    now       how much lies where, once a second; "redis": which shards are not in it, and why, or
              null; where none answers there is nothing else
    accounts  {"accounts": [...], "workers": [...], "shards": names of those that answer, none where
              there is but one, "runway_alarms": [hours], "reports_silent": whether the reports of
              all accounts stay away, "polls" and "webhooks": those that fail}, each five seconds

``taken``: from when a message might go until a vendor had it. ``answer``: the vendor's part of it.
``report``: from then until the handset had it. They are measured on some messages of each second.
"""

import asyncio
import contextlib

from aiohttp import web

from producers.gateway.console.door import SESSION, Door
from producers.gateway.console.watch import Viewer, Watch

PATH = "/console/live"
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep it back
}
_RETRY = b"retry: 1000\n\n"  # ms after which a browser comes again
_STALLED = 30.0  # seconds in which a browser takes nothing, after which it is left


class Live:
    """The handler."""

    def __init__(self, door: Door, watch: Watch) -> None:
        self._door = door
        self._watch = watch

    async def stream(self, request: web.Request) -> web.StreamResponse:
        viewer = self._watch.join()
        try:
            response = web.StreamResponse(headers=_HEADERS)
            with contextlib.suppress(ConnectionError, TimeoutError):  # gone: nothing to tell it
                await response.prepare(request)
                await response.write(_RETRY)
                await self._pass_on(request, viewer, response)
            return response
        finally:
            self._watch.leave(viewer)

    async def _pass_on(
        self, request: web.Request, viewer: Viewer, response: web.StreamResponse
    ) -> None:
        while (message := await viewer.next()) is not None:
            if self._door.sessions.left(request[SESSION]) <= 0:
                return
            async with asyncio.timeout(_STALLED):
                await response.write(message)
