"""The accounts and the worker processes, as the console shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from producers import funds, promptness
from producers.commands.vendors import describe, row
from producers.conditions import condition
from producers.gateway.gateway import Gateway
from producers.steps import plain
from worker.contract.runway import Point
from worker.store import balances, care, presence, totals
from worker.store.presence import Worker

_POINTS = 60  # of a balance's history: an inch of line


async def accounts(
    gateway: Gateway, lately: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the accounts; ``lately``: what each did within the last minute. Raises StoreError."""
    described = [describe(gateway.settings, vendor) for vendor in gateway.vendors.values()]
    names = tuple(gateway.vendors)
    states = totals.states(await gateway.shards.everywhere(care.states(names)))
    left = await gateway.store.run(balances.read(names))
    counted = await gateway.shards.everywhere(promptness.asked(described))
    told = promptness.known(gateway.settings, counted)
    return [
        row(
            each,
            condition(state, states.now, each["limits"]["concurrency"]),
            funds.known(stored),
            told.get(each["name"]),
        )
        | {
            "suspended": _suspended(state.suspended),
            "strikes": state.strikes,
            "points": points(stored.points),
            "lately": lately.get(each["name"], {"counts": {}, "answer": None}),
        }
        for each, state, stored in zip(described, states.accounts, left.accounts, strict=True)
    ]


def _suspended(said: str) -> dict[str, str] | None:
    """Return what an account said of itself when it became unusable."""
    code, _, reason = said.partition("\n")
    return {"code": plain(code), "reason": plain(reason)} if said else None


def points(found: Sequence[Point]) -> list[tuple[int, float]]:
    """Return some of the points evenly, the newest among them: [ms since 1970, amount]."""
    step = -(-len(found) // _POINTS) or 1
    chosen = found[::-1][::step][::-1]
    return [(each.at, float(each.amount)) for each in chosen]


async def workers(gateway: Gateway) -> list[dict[str, Any]]:
    """Return the worker processes that beat lately. Raises StoreError."""
    found = totals.workers(await gateway.shards.everywhere(presence.workers()))
    return [_worker(each, found.now) for each in found.all]


def _worker(each: Worker, now: int) -> dict[str, Any]:
    vitals = each.vitals
    return {
        "name": plain(each.name),
        "alive": each.alive,
        "age": round(each.age, 1),
        "version": plain(vitals.version) if vitals else None,
        "up": max(0, now - vitals.started) // 1000 if vitals and vitals.started else None,
        "in_flight": vitals.in_flight if vitals else None,
        "queues": [plain(queue) for queue in vitals.queues] if vitals else [],
    }
