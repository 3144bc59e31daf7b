"""The gateway as a web application: its routes."""

from collections.abc import AsyncIterator

from aiohttp import web

from producers.gateway import health, messages, pages, reading
from producers.gateway.callbacks import Callbacks
from producers.gateway.console import Console
from producers.gateway.edge import edge, sign
from producers.gateway.gateway import GATEWAY, Gateway
from worker.contract.settings import Settings


def create_app(settings: Settings) -> web.Application:
    """Return the application; raise SettingsError. It connects to Redis when it first must."""
    app = web.Application(middlewares=[edge])
    app.add_routes(_routes(Callbacks()))
    app[GATEWAY] = gateway = Gateway.of(settings)
    Console(gateway).add_to(app)
    app.on_response_prepare.append(sign)
    app.cleanup_ctx.append(_closing)
    return app


def _routes(callbacks: Callbacks) -> list[web.RouteDef]:
    return [
        web.post("/v1/messages", messages.send),
        web.get("/v1/messages/{id}", messages.status),
        web.delete("/v1/messages/{id}", messages.cancel),
        web.get("/v1/inbound", reading.inbound),
        web.get("/v1/vendors", reading.vendors),
        web.post("/callbacks/{account}/report", callbacks.report),
        web.post("/callbacks/{account}/inbound", callbacks.inbound),
        # Which method Zhenzi calls with is documented nowhere.
        web.get("/callbacks/{account}/report", callbacks.report, allow_head=False),
        web.get("/callbacks/{account}/inbound", callbacks.inbound, allow_head=False),
        web.get("/healthz", health.alive),
        web.get("/readyz", health.ready),
        web.get("/metrics", health.metrics),
        web.get("/openapi.json", pages.openapi),
    ]


async def _closing(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[GATEWAY].close()
