"""Bodies: read to a bound, and what a form says whatever alphabet its sender writes."""

import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from producers.gateway.problems import Problem

_ALPHABETS = ("utf-8", "gb18030")  # Chinese vendors write either
_HIGH = re.compile(rb"[\x80-\xff]")


async def read(request: web.Request, most: int) -> bytes:
    """Return the body; raise Problem where it is more than ``most`` bytes, also unpacked."""
    if (request.content_length or 0) > most:
        raise _too_large(most)
    parts, size = [], 0
    try:
        async for part in request.content.iter_any():
            size += len(part)
            if size > most:
                raise _too_large(most)
            parts.append(part)
    except (HttpProcessingError, web.RequestPayloadError, ConnectionError) as error:
        raise Problem("bad-request", "the body ends early or is wrongly encoded") from error
    return b"".join(parts)


def _too_large(most: int) -> Problem:
    return Problem("too-large", f"at most {most} bytes")


def decode(body: bytes) -> Any:
    """Return what a JSON body says; raise Problem."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Problem("bad-json", "it must be valid JSON in UTF-8") from error


def text(body: bytes) -> str:
    """Return a body as text; what is no text in any alphabet keeps what can be read."""
    for alphabet in _ALPHABETS:
        try:
            return body.decode(alphabet)
        except UnicodeDecodeError:
            continue
    return body.decode(errors="replace")


def fields(form: bytes, most: int) -> dict[str, str]:
    """Return the fields of a form or query, the first of each name; raise Problem."""
    if form.count(b"&") >= most:
        raise Problem("too-large", f"at most {most} fields")
    plain = _HIGH.sub(lambda found: b"%%%02X" % found[0][0], form).decode()
    for alphabet in _ALPHABETS:
        try:
            return _fields(plain, alphabet, "strict")
        except UnicodeDecodeError:
            continue
    return _fields(plain, "utf-8", "replace")


def _fields(plain: str, alphabet: str, errors: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(plain, keep_blank_values=True, encoding=alphabet, errors=errors):
        found.setdefault(name, value)
    return found
