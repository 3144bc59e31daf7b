"""A web app's endpoint on loopback: a real server that answers by a script and remembers."""

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from producers import webhooks
from worker.contract.settings import parse
from worker.contract.webhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"the first secret of this app").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret of this app..").decode()


@dataclass(frozen=True)
class Came:
    """One request as it came."""

    id: str
    body: bytes
    headers: dict[str, str]
    method: str
    path: str

    def verified(self, secret: str = SECRET) -> webhooks.Webhook:
        return webhooks.verify(self.body, self.headers, secret)


Script = Callable[[Came], Awaitable[web.StreamResponse]]


async def takes(_: Came) -> web.StreamResponse:
    return web.Response(status=204)


def says(status: int, **headers: str) -> Script:
    """A script: always this status, with these headers (an underscore is a dash)."""

    async def script(_: Came) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, headers=named)

    return script


@dataclass
class App:
    """The endpoint; its script may change at any time."""

    script: Script = takes
    came: list[Came] = field(default_factory=list)
    port: int = 0
    open: int = 0  #: requests that are not answered
    most_open: int = 0
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/sms?token=hidden"

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.came]

    def times(self) -> Counter[str]:
        return Counter(self.ids)

    def settings(self, **more: object) -> Webhook:
        plain = {"url": self.url, "secret": SECRET, "allow_private": True}
        return parse({"webhooks": {"app": {**plain, **more}}}).webhooks["app"]

    async def silent(self, _: Came) -> web.StreamResponse:
        """A script: answers when the test is over."""
        await self.ending.wait()
        return web.Response(status=500)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = dict(request.headers)
        id_ = headers.get("webhook-id", "")
        came = Came(id_, body, headers, request.method, request.path_qs)
        self.came.append(came)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            return await self.script(came)
        finally:
            self.open -= 1


@asynccontextmanager
async def running(script: Script = takes, port: int = 0) -> AsyncIterator[App]:
    """Serve an endpoint on loopback."""
    app = App(script)
    server = web.Application()
    server.router.add_route("*", "/{tail:.*}", app.handle)
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    app.port = runner.addresses[0][1]
    try:
        yield app
    finally:
        app.ending.set()
        await runner.cleanup()
