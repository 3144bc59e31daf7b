"""What may be read: inbound messages, and the accounts."""

from typing import Any

from aiohttp import web

from producers import funds, promptness
from producers.commands.vendors import describe, row
from producers.conditions import condition
from producers.gateway.gateway import GATEWAY
from producers.gateway.problems import Problem
from producers.gateway.responses import answer
from producers.replies import fields
from worker.store import balances, care, totals
from worker.store.inbox import Received
from worker.store.inboxes import is_place

_MOST, _USUAL = 1000, 100


async def inbound(request: web.Request) -> web.Response:
    """List inbound messages behind a place, the oldest first."""
    after, limit = (
        place(request.query.get("after", ""), "after"),
        _limit(request.query.get("limit")),
    )
    found = await request.app[GATEWAY].inbox.list(after, limit)
    return answer(
        {"messages": [_letter(each) for each in found.letters], "next": found.next or None}
    )


def place(text: str, field: str) -> str:
    """Return a place among the inbound messages, as a query names it; raise Problem."""
    if not is_place(text):
        rule = "must be the next of an earlier answer, or the id of an inbound message"
        raise Problem("invalid-parameter", rule, field=field)
    return text


def _limit(text: str | None) -> int:
    if text is None:
        return _USUAL
    short = text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST))
    if not short or not 1 <= int(text) <= _MOST:
        rule = f"must be a whole number from 1 to {_MOST}"
        raise Problem("invalid-parameter", rule, field="limit")
    return int(text)


def _letter(received: Received) -> dict[str, Any]:
    letter = received.letter
    return fields(received, sender=letter.sender) | {"text": letter.text}


async def vendors(request: web.Request) -> web.Response:
    """List the accounts: what the settings say, how they do, what they have left."""
    gateway = request.app[GATEWAY]
    found = [describe(gateway.settings, vendor) for vendor in gateway.vendors.values()]
    names = tuple(gateway.vendors)
    states = totals.states(await gateway.shards.everywhere(care.states(names)))
    left = await gateway.store.run(balances.read(names))
    counted = await gateway.shards.everywhere(promptness.asked(found))
    told = promptness.known(gateway.settings, counted)
    rows = [
        row(
            each,
            condition(state, states.now, each["limits"]["concurrency"]),
            funds.known(stored),
            told.get(each["name"]),
        )
        for each, state, stored in zip(found, states.accounts, left.accounts, strict=True)
    ]
    return answer({"vendors": rows})
