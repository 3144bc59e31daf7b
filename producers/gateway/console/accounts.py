"""The accounts and the worker processes, as the console shows them.

``places``: of the shards that answer. A shard that is away says nothing of its part.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from producers import funds, promptness
from producers.commands.vendors import describe, row
from producers.conditions import condition
from producers.gateway.console import outside
from producers.gateway.gateway import Gateway
from producers.steps import plain
from worker.contract.runway import Point
from worker.store import balances, care, presence, totals
from worker.store.balances import Stored
from worker.store.presence import Worker

_POINTS = 60  # of a balance's history: an inch of line

Lately = Mapping[str, Mapping[str, Any]]  #: what each account did within the last minute


async def told(gateway: Gateway, lately: Lately, now: int, places: Sequence[int]) -> dict[str, Any]:
    """Return all that is told of them, and of what lies outside; raise StoreError.

    ``now``: ms since 1970.
    """
    described = [describe(gateway.settings, vendor) for vendor in gateway.vendors.values()]
    counted = await gateway.shards.everywhere(promptness.asked(described), places)
    prompt = promptness.known(gateway.settings, counted)
    names = gateway.shards.names
    return {
        "accounts": await _accounts(gateway, described, prompt, lately, places),
        "workers": await _workers(gateway, places),
        "shards": [names[place] for place in places] if len(names) > 1 else [],
        "runway_alarms": gateway.settings.alarms.runway,
        "reports_silent": promptness.all_silent(prompt),
        "polls": await outside.stale_polls(gateway) if 0 in places else [],
        "webhooks": await outside.failing_webhooks(gateway, now, places),
    }


async def _accounts(
    gateway: Gateway,
    described: Sequence[Mapping[str, Any]],
    prompt: Mapping[str, promptness.Prompt],
    lately: Lately,
    places: Sequence[int],
) -> list[dict[str, Any]]:
    names = tuple(gateway.vendors)
    states = totals.states(await gateway.shards.everywhere(care.states(names), places))
    return [
        row(
            each,
            condition(state, states.now, each["limits"]["concurrency"]),
            funds.known(stored),
            prompt.get(each["name"]),
        )
        | {
            "suspended": _suspended(state.suspended),
            "strikes": state.strikes,
            "points": points(stored.points),
            "lately": lately.get(each["name"], {"counts": {}, "answer": None}),
        }
        for each, state, stored in zip(
            described, states.accounts, await _left(gateway, names, places), strict=True
        )
    ]


async def _left(gateway: Gateway, names: Sequence[str], places: Sequence[int]) -> Iterable[Stored]:
    """Read the balances, which stand on the first shard."""
    if 0 not in places:
        return [Stored(name) for name in names]
    return (await gateway.store.run(balances.read(names))).accounts


def _suspended(said: str) -> dict[str, str] | None:
    """Return what an account said of itself when it became unusable."""
    code, _, reason = said.partition("\n")
    return {"code": plain(code), "reason": plain(reason)} if said else None


def points(found: Sequence[Point]) -> list[tuple[int, float]]:
    """Return some of the points evenly, the newest among them: [ms since 1970, amount]."""
    step = -(-len(found) // _POINTS) or 1
    chosen = found[::-1][::step][::-1]
    return [(each.at, float(each.amount)) for each in chosen]


async def _workers(gateway: Gateway, places: Sequence[int]) -> list[dict[str, Any]]:
    """Return the worker processes that beat lately, with the shard that each serves."""
    names = gateway.shards.names
    every = await gateway.shards.everywhere(presence.workers(), places)
    return [
        _worker(each, found.now, names[place] if len(names) > 1 else None)
        for place, found in zip(places, every, strict=True)
        for each in found.all
    ]


def _worker(each: Worker, now: int, shard: str | None) -> dict[str, Any]:
    vitals = each.vitals
    return {
        "name": plain(each.name),
        "shard": shard,
        "alive": each.alive,
        "age": round(each.age, 1),
        "version": plain(vitals.version) if vitals else None,
        "up": max(0, now - vitals.started) // 1000 if vitals and vitals.started else None,
        "in_flight": vitals.in_flight if vitals else None,
        "queues": [plain(queue) for queue in vitals.queues] if vitals else [],
    }
