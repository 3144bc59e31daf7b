"""Health: is the process alive, and is what it needs there."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from producers.gateway.gateway import GATEWAY, Gateway
from producers.gateway.problems import Problem
from producers.gateway.responses import answer
from worker.contract import jobs, keys
from worker.contract.errors import StoreError
from worker.store import presence, totals
from worker.store.client import AsyncStore
from worker.store.shards import AsyncShards

_WORKER = "worker"


async def alive(request: web.Request) -> web.Response:
    """Say that the process answers, whatever it needs."""
    del request
    return answer({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Say whether messages can be stored, and sent, now; how old the polls are is for people.

    With ``?exclude=worker`` a worker is not asked for: what is stored waits for one.
    """
    gateway, needed = request.app[GATEWAY], _needed(request)
    there, away = await _servers(gateway.shards)
    if not there:
        return _unavailable({"redis": away[0]}, "redis")
    try:
        worker = await _worker(there)
        polled = await polls(gateway) if gateway.store in there else []
    except StoreError as error:
        return _unavailable({"redis": str(error)}, "redis")
    found = {"redis": "; ".join(away) or "ok", "worker": worker, "polls": polled}
    if _WORKER in needed and not worker["alive"]:
        return _unavailable(found, _WORKER)
    return answer({"status": "ready", "missing": [], **found})


def _needed(request: web.Request) -> set[str]:
    """Return what is asked for besides Redis; raise Problem."""
    excluded = set(request.query.getall("exclude", []))
    if excluded - {_WORKER}:
        raise Problem("invalid-parameter", f"may be {_WORKER} only", field="exclude")
    return {_WORKER} - excluded


def _unavailable(found: Mapping[str, Any], missing: str) -> web.Response:
    return answer({"status": "unavailable", "missing": [missing], **found}, 503)


async def metrics(request: web.Request) -> web.Response:
    gateway = request.app[GATEWAY]
    return gateway.metrics.page(await gateway.gauges.read())


async def _servers(shards: AsyncShards) -> tuple[list[AsyncStore], list[str]]:
    """Return the servers that take messages now, and what is wrong with the others."""
    there, away = [], []
    for place, store in enumerate(shards.all):
        try:
            with shards.naming(place):
                # Writes nothing, and is refused where any write would be: a replica, a full memory.
                await store.command("SET", keys.message("ready"), "", "XX")
        except StoreError as error:
            away.append(str(error))
        else:
            there.append(store)
    return there, away


async def _worker(stores: Sequence[AsyncStore]) -> dict[str, Any]:
    """Return how many processes are alive, how many seconds ago the last beat, and the ticks left.

    Their names are for ``xinshi doctor``: anybody may ask here.
    """
    found = totals.workers([await each.run(presence.workers()) for each in stores])
    age = round(found.all[0].age, 1) if found.all else None
    return {
        "alive": len(found.alive),
        "age": age,
        "ticks": sum([await each.command("LLEN", jobs.TICKS) for each in stores]),
    }


async def polls(gateway: Gateway) -> list[dict[str, Any]]:
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
