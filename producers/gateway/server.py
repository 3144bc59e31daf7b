"""The gateway as a server: it listens until it is told to end, and then finishes what runs."""

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping

import structlog
from aiohttp import web

from producers.gateway.app import create_app
from producers.gateway.gateway import GATEWAY
from worker.contract.gateway import Role
from worker.contract.settings import Settings
from worker.vendors import unprotected
from worker.vendors.base import Vendor

log = structlog.get_logger("xinshi.gateway")

_KEEP_ALIVE = 75.0  # seconds: longer than the proxies in front of us keep a connection
_LINE = 32 * 1024  # bytes of a request line: ChuangRui may push hundreds of numbers in the query
_LINGER = 2.0  # seconds in which the rest of a request that is refused may still arrive
_BACKLOG = 1024


async def serve(
    settings: Settings,
    *,
    listen: tuple[str, int] | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. Port 0 takes a free one; ``ready`` is told the address."""
    app = create_app(settings)
    runner = _runner(app, settings.gateway.timeout)
    await runner.setup()
    try:
        address = await _listen(runner, *(listen or settings.gateway.listen))
        _warn(settings, app[GATEWAY].vendors)
        log.info("gateway.started", address=address, accounts=list(app[GATEWAY].vendors))
        if ready:
            ready(address)
        await _told_to_end()
        log.info("gateway.stopping")
    finally:
        await runner.cleanup()
    log.info("gateway.stopped")


def _runner(app: web.Application, patience: float) -> web.AppRunner:
    return web.AppRunner(
        app,
        access_log=None,
        logger=_quiet(),
        shutdown_timeout=patience,
        keepalive_timeout=_KEEP_ALIVE,
        lingering_time=_LINGER,
        max_line_size=_LINE,
    )


async def _listen(runner: web.AppRunner, host: str, port: int) -> str:
    site = web.TCPSite(runner, host, port, backlog=_BACKLOG)
    await site.start()
    name, taken = runner.addresses[0][:2]
    return f"http://[{name}]:{taken}" if ":" in name else f"http://{name}:{taken}"


async def _told_to_end() -> None:
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    await end.wait()


def _warn(settings: Settings, vendors: Mapping[str, Vendor]) -> None:
    if not any(each.role is Role.APP for each in settings.gateway.api_keys.values()):
        log.warning("gateway.no_api_keys", effect="every request to /v1 is refused")
    for name, vendor in vendors.items():
        if unprotected(vendor):
            log.warning(
                "callback.unprotected",
                account=name,
                effect="anybody may call it back",
                advice=f"set callback_token or callback_addresses in [vendors.{name}]",
            )


def _quiet() -> logging.Logger:
    """Return the logger for what is no HTTP at all: its lines would quote what came in."""
    logger = logging.getLogger("xinshi.gateway.http")
    logger.setLevel(logging.CRITICAL)
    return logger
