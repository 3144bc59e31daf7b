"""Pages that never change: the description of the API, and where to find it."""

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from aiohttp import web

from worker import __version__

_INDEX = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Xinshi 信使</title>
<h1>Xinshi 信使</h1>
<p>The HTTP gateway of an SMS delivery worker.
Its API is described in <a href="/openapi.json">/openapi.json</a>.</p>
</html>
"""


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


async def index(request: web.Request) -> web.Response:
    del request
    return web.Response(text=_INDEX, content_type="text/html")
