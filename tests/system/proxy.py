"""A TCP proxy on loopback that stops what flows through it at a named point, and a gate.

They are how a process is held still at one point of its work without a line of test code in it:
what it asked for does not go on, or what it waits for does not come.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_CHUNK = 65536
_SYN_SENT = "02"  # /proc/net/tcp


class _Link:
    """One client's connection and ours to the target."""

    def __init__(self, client: asyncio.StreamWriter, target: asyncio.StreamWriter) -> None:
        self.client, self.target = client, target
        self.deaf = False  #: its requests go nowhere from here on
        self.mute = False  #: its answers go nowhere from here on

    def cut(self) -> None:
        self.client.transport.abort()
        self.target.transport.abort()


class Proxy:
    """Forwards to a port of loopback, which may change; a context manager.

    ``hold_requests(word)``: a connection on which the word is asked is deaf from then on: the
    server never hears it. ``hold_answers(word)``: it hears it, and its answer does not come back.
    ``pause()``: nothing flows in either direction until ``resume()``, or ``cut()`` drops it.
    ``tls``: clients speak TLS to it, and it speaks plain to the target.
    """

    def __init__(self, target: int, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.target, self.port, self._tls = target, port, tls
        self.held = 0  #: connections that stopped at the word
        self._word, self._answers = b"", False
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._flows.set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def hold_requests(self, word: str) -> None:
        self._word, self._answers, self.held = word.encode(), False, 0

    def hold_answers(self, word: str) -> None:
        self._word, self._answers, self.held = word.encode(), True, 0

    def pause(self) -> None:
        self._loop.call_soon_threadsafe(self._flows.clear)

    def resume(self) -> None:
        self._loop.call_soon_threadsafe(self._flows.set)

    def cut(self) -> None:
        """Close every connection, drop what was on its way, and hold nothing any more."""
        self._run(self._cut())

    async def _cut(self) -> None:
        self._word = b""
        for link in list(self._links):
            link.cut()
        self._flows.set()

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        await self._cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, target = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, target)
        self._links.add(link)
        flows = [
            asyncio.create_task(self._requests(link, reader)),
            asyncio.create_task(self._back(link, answers)),
        ]
        await asyncio.wait(flows, return_when=asyncio.FIRST_COMPLETED)
        link.cut()  # whichever side went: the other one is told, and its flow ends too
        await asyncio.wait(flows)
        self._links.discard(link)

    async def _requests(self, link: _Link, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                if self._word and self._word in data:
                    self.held += 1
                    link.deaf, link.mute = not self._answers, self._answers
                await self._flows.wait()
                if not link.deaf and not link.target.is_closing():
                    link.target.write(data)
                    await link.target.drain()

    async def _back(self, link: _Link, answers: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while data := await answers.read(_CHUNK):
                await self._flows.wait()
                if not link.mute and not link.client.is_closing():
                    link.client.write(data)
                    await link.client.drain()


class Gate:
    """A port at which nobody is let in: who knocks neither gets a connection nor a refusal.

    Its queue of one is full, so the system drops each SYN. Linux; see ``knocking``.
    """

    def __init__(self) -> None:
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(0)
        self.port: int = self._listening.getsockname()[1]
        self._filling = socket.create_connection(("127.0.0.1", self.port))

    def knocking(self) -> int:
        """Return how many wait for a connection, none of whose bytes can have left."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(row[2].endswith(f":{self.port:04X}") and row[3] == _SYN_SENT for row in rows)

    def close(self) -> None:
        self._filling.close()
        self._listening.close()
