"""Callbacks: a vendor calls, is verified, and hears yes only when the spool has what it said."""

import time
from typing import Literal

import structlog
from aiohttp import web

from producers.gateway import bodies, callers
from producers.gateway.gateway import GATEWAY, Gateway
from producers.gateway.problems import Problem
from worker.contract.errors import StoreError
from worker.contract.events import Kind, Raw
from worker.contract.settings import GatewaySettings
from worker.vendors.base import Vendor

log = structlog.get_logger("xinshi.gateway")

_JSON = ("{", "[")
_QUIET = 60.0  # seconds between two lines about refusals of one account


class Callbacks:
    """The handlers of both kinds."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    async def report(self, request: web.Request) -> web.Response:
        return await self._take(request, "report")

    async def inbound(self, request: web.Request) -> web.Response:
        return await self._take(request, "inbound")

    async def _take(self, request: web.Request, kind: Kind) -> web.Response:
        gateway = request.app[GATEWAY]
        vendor = gateway.vendors.get(request.match_info["account"])
        if vendor is None:
            raise Problem("not-found", "no such account in the gateway's settings")
        raw = await _raw(request, kind, gateway.settings.gateway)
        if not vendor.verify(raw):
            _count(gateway, vendor, kind, "refused")
            self._tell(vendor.name, raw)
            rule = "it does not carry what was agreed: see callback_* of the account's settings"
            raise Problem("not-verified", rule)
        try:
            await gateway.spool.put(vendor.name, raw)
        except StoreError:
            _count(gateway, vendor, kind, "unavailable")
            raise
        _count(gateway, vendor, kind, "accepted")
        return web.Response(text=vendor.acknowledge(), content_type="text/plain")

    def _tell(self, account: str, raw: Raw) -> None:
        now = time.monotonic()
        if now - self._told.get(account, -_QUIET) >= _QUIET:
            self._told[account] = now
            log.warning("callback.refused", account=account, kind=raw.kind, address=raw.address)


def _count(
    gateway: Gateway,
    vendor: Vendor,
    kind: Kind,
    result: Literal["accepted", "refused", "unavailable"],
) -> None:
    gateway.metrics.callbacks.labels(vendor.name, kind, result).inc()


async def _raw(request: web.Request, kind: Kind, limits: GatewaySettings) -> Raw:
    body = await bodies.read(request, limits.max_callback)
    said = bodies.text(body)
    query = request.raw_path.partition("?")[2].encode(errors="surrogateescape")
    params = bodies.fields(query, limits.max_params)
    if not _other_than_form(request, said):
        # The query is the address that the vendor was given, secret included: it stands first.
        params = bodies.fields(body, limits.max_params) | params
    headers = {name.lower(): callers.printable(value) for name, value in request.headers.items()}
    return Raw(kind, said, params, headers, callers.address(request, limits.trusted_proxies))


def _other_than_form(request: web.Request, said: str) -> bool:
    """Return whether a body is surely no form; what names no type at all is read as one."""
    return (
        "json" in request.content_type
        or request.content_type.startswith("multipart/")
        or said.lstrip("\ufeff \t\r\n").startswith(_JSON)
    )
