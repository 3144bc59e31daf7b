"""The description of the API: a page that never changes."""

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from aiohttp import web

from worker import __version__


@cache
def description() -> dict[str, Any]:
    """Return the OpenAPI description."""
    source = files("producers.gateway").joinpath("openapi.json").read_bytes()
    found: dict[str, Any] = msgspec.json.decode(source)
    found["info"]["version"] = __version__
    return found


@cache
def _description() -> bytes:
    return msgspec.json.encode(description())


async def openapi(request: web.Request) -> web.Response:
    del request
    return web.Response(body=_description(), content_type="application/json")
