"""The edge: what every request passes: the clock, the key, the count, the line in the log."""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from producers.gateway import problems
from producers.gateway.gateway import CALLER, GATEWAY
from producers.gateway.problems import Problem

log = structlog.get_logger("xinshi.gateway")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_API = "/v1/"
_UNSTORED = (_API, "/console/api/")  # what is answered there is for nobody else
_LASTING = frozenset({"/console/live"})  # answers that go on for hours
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OFTEN = frozenset({"/healthz", "/readyz", "/metrics"})  # asked every few seconds
_UNMATCHED = "unmatched"


@web.middleware
async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer, count and log one request. Neither path nor query is logged: they may say much."""
    begun = time.monotonic()
    response = await _answered(request, handler)
    method = request.method if request.method in _METHODS else "other"
    route, seconds = _route(request), time.monotonic() - begun
    if route not in _LASTING:
        request.app[GATEWAY].metrics.answered(method, route, response.status, seconds)
    say = log.debug if route in _OFTEN else log.info
    say(
        "request",
        method=method,
        route=route,
        status=response.status,
        ms=round(seconds * 1000, 1),
        **_who(request),
    )
    return response


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    patience = request.app[GATEWAY].settings.gateway.timeout
    try:
        async with asyncio.timeout(None if request.path in _LASTING else patience):
            if request.path.startswith(_API):
                _admit(request)
            return await handler(request)
    except Exception as error:  # noqa: BLE001 - the outermost boundary: every end is a problem
        return (problems.of(error) or _bug(error)).response()


def _admit(request: web.Request) -> None:
    keyring = request.app[GATEWAY].keyring
    caller = keyring.authorize(request.headers.get("Authorization"))
    request[CALLER] = caller
    keyring.admit(caller)


def _bug(error: Exception) -> Problem:
    """Log where it happened; the error's own words may quote the message."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    log.error("request.failed", error=type(error).__name__, where=where)
    return Problem("internal", "it is logged; send again with the same Idempotency-Key")


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else _UNMATCHED


def _who(request: web.Request) -> dict[str, str]:
    if caller := request.get(CALLER):
        return {"api_key": caller.name}
    account = request.match_info.get("account", "")
    return {"account": account} if account in request.app[GATEWAY].vendors else {}


async def sign(request: web.Request, response: web.StreamResponse) -> None:
    """Put on every answer what holds for all of them."""
    response.headers["Server"] = "xinshi"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if request.path.startswith(_UNSTORED):
        response.headers["Cache-Control"] = "no-store"
