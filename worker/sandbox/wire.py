"""Bytes as they come in: raw Chinese in a request line is let through.

Chuangxin's PHP sample writes its query without encoding it, which aiohttp's parser refuses and the
vendors' gateways take. A request line is expected within the first segment read.
"""

import asyncio
import re
from collections.abc import Callable

_HIGH = re.compile(rb"[\x80-\xff]")
_REQUEST = re.compile(rb"[A-Z]+ [^\r\n]+ HTTP/1\.[01]\Z")


def _percent(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]


class Lenient(asyncio.Protocol):
    """Passes everything on to the HTTP protocol behind it, the request line percent-encoded."""

    def __init__(self, behind: asyncio.Protocol) -> None:
        self._behind = behind
        self._received = behind.data_received

    def data_received(self, data: bytes) -> None:
        if not data.isascii():
            line, end, rest = data.partition(b"\r\n")
            if not line.isascii() and _REQUEST.match(line):
                data = _HIGH.sub(_percent, line) + end + rest
        self._received(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._behind.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._behind.connection_lost(exc)

    def eof_received(self) -> bool | None:
        return self._behind.eof_received()

    def pause_writing(self) -> None:
        self._behind.pause_writing()

    def resume_writing(self) -> None:
        self._behind.resume_writing()


def lenient(behind: Callable[[], asyncio.Protocol]) -> Callable[[], Lenient]:
    """Return the protocol factory that puts Lenient before each of ``behind``'s."""
    return lambda: Lenient(behind())
