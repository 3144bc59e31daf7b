"""A vendor that costs nothing: answers every POST after a fixed time with Zhenzi's success.

A bare asyncio protocol, so that the endpoint is not what a bench measures. Run it as
``python -m producers.bench.endpoint PORT LATENCY_MS``.
"""

import asyncio
import sys

_BODY = '{"code":0,"data":"发送成功"}'.encode()
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY)
    + _BODY
)


class _Endpoint(asyncio.Protocol):
    """One connection; requests come one after the other on it."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        while (head := self._got.find(b"\r\n\r\n")) >= 0:
            lines = self._got[:head].lower()
            found = lines.find(b"content-length:")
            length = int(lines[found + 15 :].split(b"\r\n", 1)[0]) if found >= 0 else 0
            if len(self._got) < head + 4 + length:
                return
            self._got = self._got[head + 4 + length :]
            asyncio.get_running_loop().call_later(self._latency, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(_ANSWER)


async def serve(port: int, latency: float) -> None:
    """Serve until cancelled; ``latency`` in seconds."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Endpoint(latency), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
