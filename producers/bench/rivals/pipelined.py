"""A Redis connection that pipelines by itself: all commands of one turn of the loop in one write.

Only what the job needs: answers are one line each.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Mapping
from urllib.parse import urlsplit


class Pipelined(asyncio.Protocol):
    """One connection; it looks like redis-py's client where the job asks it."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._asked: deque[asyncio.Future[bytes]] = deque()
        self._words: list[bytes] = []
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        for line in lines:
            asked = self._asked.popleft()
            if line.startswith(b"-"):
                asked.set_exception(RuntimeError(line.decode()))
            else:
                asked.set_result(line[1:])

    def _send(self, *words: str | bytes | int) -> "asyncio.Future[bytes]":
        loop = asyncio.get_running_loop()
        if not self._words:
            loop.call_soon(self._flush)
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self._words.append(b"*%d\r\n" % len(parts))
        self._words += [b"$%d\r\n%s\r\n" % (len(part), part) for part in parts]
        asked: asyncio.Future[bytes] = loop.create_future()
        self._asked.append(asked)
        return asked

    def _flush(self) -> None:
        self._transport.write(b"".join(self._words))
        self._words.clear()

    async def script_load(self, script: str) -> str:
        """Connect, and return the script's digest."""
        loop = asyncio.get_running_loop()
        host, port = self._url.hostname or "127.0.0.1", self._url.port or 6379
        await loop.create_connection(lambda: self, host, port)
        length = self._send("SCRIPT", "LOAD", script)
        digest: asyncio.Future[bytes] = loop.create_future()
        self._asked.append(digest)  # this answer has two lines
        await asyncio.gather(length, digest)
        return hashlib.sha1(script.encode()).hexdigest()  # noqa: S324 - as EVALSHA wants it

    async def evalsha(self, digest: str, count: int, *words: str) -> int:
        return int(await self._send("EVALSHA", digest, count, *words))

    async def hset(self, key: str, mapping: Mapping[str, str | int]) -> int:
        words = [word for pair in mapping.items() for word in pair]
        return int(await self._send("HSET", key, *words))
