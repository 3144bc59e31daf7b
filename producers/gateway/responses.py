"""Answers in JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)
