"""What tests send to the sandbox, read strictly: an error names the field."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from worker.sandbox.exchange import json
from worker.sandbox.faults import InputError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_PLACE = re.compile(r"(.*?) - at `\$\.?(.*)`", re.DOTALL)
_INNER = re.compile(r"(?:unknown|required) field `(.+?)`")


def checked(handler: Handler) -> Handler:
    """Answer 422 for input that makes no sense."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except InputError as error:
            return json({"field": error.field, "error": error.rule}, 422).response()
        except msgspec.ValidationError as error:
            field, rule = _named(str(error))
            return json({"field": field, "error": rule}, 422).response()

    return answer


def _named(text: str) -> tuple[str, str]:
    """Split msgspec's words into the field's path and what is wrong with it."""
    found = _PLACE.fullmatch(text)
    rule, place = (found[1], found[2]) if found else (text, "")
    if inner := _INNER.search(rule):
        place = f"{place}.{inner[1]}" if place else inner[1]
    return place or "body", rule


async def body(request: web.Request) -> Any:
    try:
        return msgspec.json.decode(await request.read())
    except msgspec.DecodeError as error:
        raise InputError("body", f"not valid JSON: {error}") from error


def whole(request: web.Request, name: str, default: int) -> int:
    """Return a whole number of the query."""
    value = request.query.get(name, "")
    if value and not (value.isascii() and value.isdigit()):
        raise InputError(name, "must be a whole number")
    return int(value) if value else default
