"""Lists: dead letters, inbound messages, suppressed numbers. Numbers are masked, texts not shown.

GET  /console/api/dead           ?account=&reason=: those that match, the newest first
POST /console/api/dead/replay    {"ids": [...]}: each is sent again as a new message, once
GET  /console/api/inbound        ?before=ID: inbound messages, the newest first
GET  /console/api/suppression    ?scope=: the scopes and how many numbers each has; some of one
POST /console/api/suppression    {"act": "check", "add" or "remove", "number", "scope"}

``away`` of an answer: what is wrong with shards whose part is not in it.
"""

import asyncio
from itertools import islice
from typing import Any

import structlog
from aiohttp import web

from producers.gateway import bodies
from producers.gateway.console.door import SESSION
from producers.gateway.gateway import Gateway
from producers.gateway.problems import Problem
from producers.gateway.reading import place
from producers.gateway.responses import answer
from producers.letters import Filter, Letter, Replayed, Replayer, pages
from producers.snapshot import Snapshot, moment
from producers.steps import plain
from worker.contract import recipient
from worker.contract.errors import MessageError, StoreError
from worker.contract.recipient import mask
from worker.store.inbox import Received
from worker.store.shards import Shards
from worker.store.suppression import EVERYWHERE, Suppressions

log = structlog.get_logger("xinshi.console")

SHOWN = 200  #: rows of a list
_LARGEST = 32_768  # bytes of a request
_ID = 64  # characters


class Lists:
    """The handlers. What they share with the command blocks, so it runs in threads."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        settings = gateway.settings
        self._shards = Shards(settings)
        self._suppression = Suppressions(self._shards)

    def close(self) -> None:
        self._shards.close()

    async def dead(self, request: web.Request) -> web.Response:
        query = request.query
        wanted = Filter(reason=query.get("reason", "").strip(), account=query.get("account", ""))
        found, away = await asyncio.to_thread(self._letters, wanted)
        return answer(
            {
                "messages": [_letter(each) for each in found[:SHOWN]],
                "more": len(found) > SHOWN,
                "away": [str(each) for each in away],
            }
        )

    def _letters(self, wanted: Filter) -> tuple[list[Letter], list[StoreError]]:
        """Return those that match, and what is wrong with shards whose part is not in it."""
        away: list[StoreError] = []
        every = (letter for page in pages(self._shards, wanted, away) for letter in page)
        found = list(islice(every, SHOWN + 1))
        if len(away) == len(self._shards):
            raise away[0]
        return found, away

    async def replay(self, request: web.Request) -> web.Response:
        ids = _ids(await _object(request))
        replayer = Replayer(self._shards, self._gateway.settings, dry=False)
        found = await asyncio.to_thread(lambda: list(replayer.replay(ids)))
        done = [each.new_id for each in found if each.new_id and not each.before]
        log.info("console.replayed", api_key=request[SESSION].operator, count=len(done), ids=done)
        return answer({"replayed": [_replayed(each) for each in found]})

    async def inbound(self, request: web.Request) -> web.Response:
        before = place(request.query.get("before", ""), "before")
        found = await self._gateway.inbox.latest(before, SHOWN)
        more = found.next if len(found.letters) == SHOWN else None
        rows = [_inbound(each) for each in found.letters]
        return answer({"messages": rows, "next": more, "away": [str(each) for each in found.away]})

    async def suppressed(self, request: web.Request) -> web.Response:
        scope = request.query.get("scope", EVERYWHERE)
        return answer(await asyncio.to_thread(self._suppressed, scope))

    def _suppressed(self, scope: str) -> dict[str, Any]:
        sizes = self._sizes()
        some = islice(self._suppression.numbers(scope), SHOWN) if scope in sizes else ()
        return {
            "scopes": [{"scope": name, "count": count} for name, count in sizes.items()],
            "scope": scope,
            "numbers": sorted(mask(each) for each in some),
        }

    def _sizes(self) -> dict[str, int]:
        return self._suppression.sizes(self._gateway.vendors)

    async def suppress(self, request: web.Request) -> web.Response:
        body = await _object(request)
        act, scope, number = body.get("act"), body.get("scope", EVERYWHERE), _number(body)
        if act == "check":
            listing = self._suppression.listing
            held = await asyncio.to_thread(listing, number, self._gateway.vendors)
            return answer({"number": mask(number), "scopes": held})
        if not isinstance(scope, str) or not await asyncio.to_thread(self._is_scope, scope):
            rule = "must be all, an account, or a list that there is"
            raise Problem("invalid-parameter", rule, field="scope")
        if act not in ("add", "remove"):
            raise Problem("invalid-parameter", "must be check, add or remove", field="act")
        change = self._suppression.add if act == "add" else self._suppression.remove
        changed = bool(await asyncio.to_thread(change, [number], scope))
        log.info(
            "console.suppression",
            api_key=request[SESSION].operator,
            act=act,
            number=mask(number),
            scope=scope,
            changed=changed,
        )
        return answer({"number": mask(number), "scope": scope, "changed": changed})

    def _is_scope(self, scope: str) -> bool:
        """Only of a signature the store knows whether there is a list; see Suppression."""
        fixed = scope == EVERYWHERE or scope in self._gateway.vendors
        return fixed or scope in self._sizes()


async def _object(request: web.Request) -> dict[str, Any]:
    found = bodies.decode(await bodies.read(request, _LARGEST))
    if not isinstance(found, dict):
        raise Problem("bad-json", "must be an object")
    return found


def _ids(body: dict[str, Any]) -> list[str]:
    found = body.get("ids")
    if (
        not isinstance(found, list)
        or not 0 < len(found) <= SHOWN
        or not all(isinstance(each, str) and 0 < len(each) <= _ID for each in found)
    ):
        raise Problem("invalid-parameter", f"must be a list of 1 to {SHOWN} ids", field="ids")
    return list(dict.fromkeys(found))


def _number(body: dict[str, Any]) -> str:
    try:
        return recipient.parse(body.get("number"), "number")
    except MessageError as error:
        raise Problem("invalid-parameter", error.rule, field="number") from error


def _letter(letter: Letter) -> dict[str, Any]:
    """Return a dead letter; without its text it cannot be sent again."""
    return Snapshot.of(*letter).to_dict() | {"replayable": bool(letter[1].content)}


def _replayed(each: Replayed) -> dict[str, Any]:
    return {
        "id": each.id,
        "replayed_as": each.new_id or None,
        "before": each.before,
        "error": each.refusal or None,
    }


def _inbound(found: Received) -> dict[str, Any]:
    letter = found.letter
    return {
        "id": found.id,
        "received_at": moment(found.received_at).isoformat(),
        "account": letter.account,
        "from": mask(letter.sender),
        "extension": plain(letter.extension),
        "message_id": letter.message_id or None,
        "opted_out": letter.opted_out,
    }
