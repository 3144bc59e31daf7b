"""Messages: found by id or number, and explained.

    POST /console/api/search          {"find": an id, or a number in any form}; in the body, for
                                      addresses are written to logs
    GET  /console/api/messages/{id}   its life, as ``xinshi explain --json`` prints it

There is no index by number. So what is looked at is: the last message that each account took to it
within three days; those whose answers were lost; the newest dead letters; what waits, and what is
ready. ``complete`` is false where one of these lists was longer than was looked at, or a shard did
not answer; ``away`` says why.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from producers.gateway import bodies
from producers.gateway.gateway import GATEWAY, Gateway
from producers.gateway.problems import Problem
from producers.gateway.responses import answer
from producers.snapshot import Snapshot
from worker.contract import keys, recipient
from worker.contract.errors import MessageError, StoreError
from worker.contract.record import Record
from worker.contract.status import Stream
from worker.store import acts
from worker.store.client import AsyncStore
from worker.store.shards import AsyncShards

LOOKED_AT = 2000  #: ids of each list
_AT_ONCE = 500  # records a script reads
_LARGEST = 4096  # bytes of a request
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_DIGITS = re.compile(r"[+0-9 -]+")

Found = tuple[str, Record]


@dataclass(frozen=True, slots=True)
class _Looked:
    found: list[Found]
    complete: bool = True  #: all was looked at
    away: Sequence[StoreError] = ()


async def search(request: web.Request) -> web.Response:
    gateway, wanted = request.app[GATEWAY], _wanted(await _body(request))
    if _ID.fullmatch(wanted) and not _DIGITS.fullmatch(wanted):
        looked = await _of_id(gateway, wanted.lower())
    else:
        looked = await _of_number(gateway, _number(wanted))
    rows = sorted(looked.found, key=lambda pair: pair[1].created, reverse=True)
    messages = [Snapshot.of(*pair).to_dict() for pair in rows]
    away = [str(each) for each in looked.away]
    return answer({"messages": messages, "complete": looked.complete, "away": away})


async def explain(request: web.Request) -> web.Response:
    life = await request.app[GATEWAY].client.explain(request.match_info["id"])
    return answer(life.to_dict())


async def _body(request: web.Request) -> Any:
    return bodies.decode(await bodies.read(request, _LARGEST))


def _wanted(body: Any) -> str:
    found = body.get("find") if isinstance(body, dict) else None
    if not isinstance(found, str) or not found.strip():
        raise Problem("invalid-parameter", "must be an id or a number", field="find")
    return found.strip()


def _number(text: str) -> str:
    try:
        return recipient.parse(text)
    except MessageError as error:
        rule = "is neither the id of a message nor a mainland China mobile number"
        raise Problem("invalid-parameter", rule, field="find") from error


async def _of_id(gateway: Gateway, message_id: str) -> _Looked:
    (record,) = await gateway.shards.find([message_id])
    return _Looked([(message_id, record)] if record else [])


async def _of_number(gateway: Gateway, number: str) -> _Looked:
    shards, alias = gateway.shards, gateway.settings.privacy.aliases.number(number)

    async def look(place: int) -> tuple[list[Found], bool]:
        with shards.naming(place):
            ids, complete = await _candidates(shards.all[place], alias)
        return await _read(shards, place, list(dict.fromkeys(ids))), complete

    every, away = await shards.reach(look)
    found = [pair for some, _ in every.values() for pair in some if pair[1].to == number]
    complete = not away and all(each for _, each in every.values())
    return _Looked(found, complete, away)


async def _candidates(store: AsyncStore, alias: str) -> tuple[list[str], bool]:
    accounts = sorted(_text(each) for each in await store.command("SMEMBERS", keys.ACCOUNTS))
    lasts = [f"{keys.LAST}{each}:{alias}" for each in accounts]
    known = await store.command("MGET", *lasts) if lasts else []
    found = [_text(each).partition(" ")[0] for each in known if each]
    lists = [
        (await store.command("ZRANGE", keys.DEAD, -LOOKED_AT - 1, -1))[::-1],
        await store.command("ZRANGE", keys.WAITING, 0, LOOKED_AT),
        *[await store.command("LRANGE", keys.ready(each), 0, LOOKED_AT) for each in Stream],
    ]
    for each in accounts:
        found += await store.command("ZRANGE", f"{keys.LOST}{each}:{alias}", -LOOKED_AT, -1)
    found += [each for ids in lists for each in ids[:LOOKED_AT]]
    complete = all(len(ids) <= LOOKED_AT for ids in lists)
    return [_text(each) for each in found if each], complete


async def _read(shards: AsyncShards, place: int, ids: list[str]) -> list[Found]:
    found: list[Found] = []
    for first in range(0, len(ids), _AT_ONCE):
        some = ids[first : first + _AT_ONCE]
        records = await shards.ask(place, acts.find(some))
        found += [(each, rec) for each, rec in zip(some, records, strict=True) if rec]
    return found


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()
