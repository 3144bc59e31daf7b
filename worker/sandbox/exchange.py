"""One request as a dialect sees it, and what it answers: nothing of aiohttp beyond this file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

JSON = "application/json;charset=UTF-8"
TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
FORM = "application/x-www-form-urlencoded"

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Incoming:
    """A request, its parameters decoded once."""

    method: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    headers: Mapping[str, str]  #: names in any case
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        headers = {"Content-Type": self.content_type, **self.headers}
        return web.Response(body=self.body, status=self.status, headers=headers)


def json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer compact JSON, Chinese as it is."""
    return Answer(_encode(value), status, JSON, headers or {})


async def read(request: web.Request) -> Incoming:
    """Read a request.

    Queries come raw, as some of the vendors' samples send them: Chinese unencoded, a bare ``?``.
    """
    kind = request.headers.get("Content-Type", "")
    body = await request.read() if request.body_exists else b""
    query = request.rel_url.raw_query_string
    readable = body and (not kind or kind.startswith(FORM))
    return Incoming(
        request.method,
        request.path,
        _pairs(query) if query else {},
        _pairs(body.decode("utf-8", "replace")) if readable else {},
        request.headers,
        kind if body else "",
    )


def _pairs(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True, errors="replace"))
