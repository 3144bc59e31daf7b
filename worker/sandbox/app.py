"""The sandbox as a web application, and as a server of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from worker.sandbox.control import Control
from worker.sandbox.front import Front
from worker.sandbox.inputs import checked
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.wire import lenient

# Longer than any client keeps one: a server that closes an idle connection while a request is on
# its way would look like an answer lost.
_KEEP_ALIVE = 3600.0
_BACKLOG = 4096


def create_app(sandbox: Sandbox | None = None) -> web.Application:
    """Return the vendors' side: their own paths under any prefix, ``/_sandbox``, and the page."""
    played = sandbox or Sandbox()
    app = web.Application()
    for route in (*Control(played).routes(), *Front(played).routes()):
        app.router.add_route(route.method, route.path, checked(route.handler))
    app.router.add_route("*", "/{path:.*}", played.handle)
    app.cleanup_ctx.append(_running(played))
    app.on_shutdown.append(_released(played))
    return app


def _running(sandbox: Sandbox) -> Callable[[web.Application], AsyncIterator[None]]:
    """Open and close what lives as long as the application does."""

    async def context(app: web.Application) -> AsyncIterator[None]:  # noqa: ARG001 - aiohttp's form
        await sandbox.state.pusher.open()
        yield
        await sandbox.state.pusher.close()
        sandbox.state.ledger.close()

    return context


def _released(sandbox: Sandbox) -> Callable[[web.Application], Awaitable[None]]:
    """Let hanging requests go before the server waits for its connections."""

    async def release(app: web.Application) -> None:  # noqa: ARG001 - aiohttp's form
        sandbox.release()

    return release


async def serve(
    host: str,
    port: int,
    sandbox: Sandbox | None = None,
    *,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until cancelled. Port 0 takes a free one; ``ready`` is told the address."""
    runner = web.AppRunner(
        create_app(sandbox), access_log=None, keepalive_timeout=_KEEP_ALIVE, shutdown_timeout=1.0
    )
    await runner.setup()
    try:
        await _listen(runner, host, port, ready)
    finally:
        await runner.cleanup()


async def _listen(
    runner: web.AppRunner, host: str, port: int, ready: Callable[[str], None] | None
) -> None:
    behind = runner.server
    assert behind is not None, "the runner is set up"
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lenient(behind), host, port, backlog=_BACKLOG)
    try:
        if ready:
            name, taken = server.sockets[0].getsockname()[:2]
            ready(f"http://[{name}]:{taken}" if ":" in name else f"http://{name}:{taken}")
        await asyncio.Event().wait()
    finally:
        server.close()
