"""Health: is the process alive, and is what it needs there."""

from typing import Any

from aiohttp import web

from producers.gateway.gateway import GATEWAY, Gateway
from producers.gateway.responses import answer
from worker.contract import jobs, keys
from worker.contract.errors import StoreError
from worker.store.client import AsyncStore


async def alive(request: web.Request) -> web.Response:
    """Say that the process answers, whatever it needs."""
    del request
    return answer({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Say whether messages and callbacks can be stored now; the rest is for people."""
    gateway = request.app[GATEWAY]
    try:
        # Writes nothing, and is refused where any write would be: a replica, a full memory.
        await gateway.store.command("SET", keys.message("ready"), "", "XX")
    except StoreError as error:
        return answer({"status": "unavailable", "redis": str(error)}, 503)
    behind: dict[str, Any]
    try:
        behind = {"worker": await _worker(gateway.store), "polls": await _polls(gateway)}
    except StoreError as error:
        behind = {"worker": None, "polls": [], "note": str(error)}
    return answer({"status": "ready", "redis": "ok", **behind})


async def metrics(request: web.Request) -> web.Response:
    gateway = request.app[GATEWAY]
    return await gateway.metrics.page(gateway.store)


async def _worker(store: AsyncStore) -> dict[str, Any]:
    """Return the signs of a worker: an idle one waits at its queues, and takes ticks at once."""
    clients = await store.command("INFO", "clients")
    waiting = clients.get("blocked_clients", 0) if isinstance(clients, dict) else None
    ticks = await store.command("LLEN", jobs.TICKS)
    return {"seen": bool(waiting), "ticks": ticks}


async def _polls(gateway: Gateway) -> list[dict[str, Any]]:
    """Return how many seconds ago each endpoint was polled; None: not yet."""
    seconds, micros = await gateway.store.command("TIME")
    now = int(seconds) + int(micros) / 1e6
    found = []
    for vendor in gateway.vendors.values():
        for kind in vendor.polls():
            at = await gateway.store.command("GET", f"{keys.POLLED}{vendor.name}:{kind}")
            age = round(max(0.0, now - int(at) / 1000), 1) if at else None
            found.append({"account": vendor.name, "kind": kind, "age": age})
    return found
