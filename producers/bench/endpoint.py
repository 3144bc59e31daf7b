"""A vendor that costs nothing: it answers after a fixed time, counts, and notes when.

A bare asyncio protocol in a process of its own, so that the endpoint is not what a bench
measures. It speaks Zhenzi, and by the path Tencent's product (``/smssend``) and ChuangRui
(``/chuangrui``). Run it as ``python -m producers.bench.endpoint PORT LATENCY_MS [EVERY TAIL_MS]``:
each EVERY-th answer takes TAIL_MS instead.

Numbers that begin with 138 are only counted; of others the time of the first call is kept.
``GET /counts``, ``GET /times`` and ``GET /arrivals`` tell.
"""

import asyncio
import json
import sys
import time
from array import array
from collections.abc import Callable

COUNTED = b"138"  #: the prefix of numbers of which only the count is kept
_STEPS = 100  # parts in which /times cuts the calls
_OK = '{"code":0,"data":"发送成功"}'.encode()
_PAGE = b'{"status":"0","list":[]}'


class Taken:
    """What the vendor took: how often each number, and when."""

    def __init__(self) -> None:
        self._seen = bytearray(10**8)  # untouched pages of it cost nothing
        self.arrivals: dict[str, float] = {}
        self.times = array("d")
        self.doubled = 0
        self.calls = 0

    def take(self, numbers: list[bytes]) -> None:
        """Note one call; monotonic time is the same in every process of a machine."""
        now = time.monotonic()
        self.calls += 1
        for number in numbers:
            self.times.append(now)
            if number.startswith(COUNTED):
                place = int(number[3:])
                self.doubled += self._seen[place]
                self._seen[place] = 1
            elif (name := number.decode()) in self.arrivals:
                self.doubled += 1
            else:
                self.arrivals[name] = now

    def tell(self, path: bytes) -> object:
        """Return the answer to a GET."""
        if path == b"/arrivals":
            return self.arrivals
        last = len(self.times) - 1
        if path == b"/times" and last >= 0:
            return [self.times[last * step // _STEPS] for step in range(_STEPS + 1)]
        return {"taken": last + 1, "doubled": self.doubled, "calls": self.calls}


def _numbers(body: bytes) -> list[bytes]:
    """Return the numbers of a form, under either name."""
    at = max(body.find(b"number="), body.find(b"mobile="))
    return body[at + 7 :].split(b"&", 1)[0].replace(b"%2C", b",").split(b",") if at >= 0 else []


def _tencent(numbers: list[bytes], serial: int) -> bytes:
    rows = b",".join(
        b'{"mid":"%x-%x","mobile":"%s","result":0}' % (serial, place, number)
        for place, number in enumerate(numbers)
    )
    return b'{"status":"0","balance":0,"list":[%s]}' % rows


def _answer(path: bytes, numbers: list[bytes], serial: int) -> bytes:
    if path.endswith(b"/smssend"):
        return _tencent(numbers, serial)
    if path.endswith((b"/smsreport", b"/smsmo")):
        return _PAGE
    if path.endswith(b"/chuangrui"):
        return b"0,%d,0,%d,0," % (serial, len(numbers))
    return _OK


def _http(body: bytes, kind: bytes = b"application/json") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
    return head % (kind, len(body)) + body


class Endpoint(asyncio.Protocol):
    """One connection; requests come one after the other on it. ``delay`` gives each its time."""

    def __init__(self, taken: Taken, delay: Callable[[], float]) -> None:
        self._taken = taken
        self._delay = delay
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
            method, path, _ = self._got[:head].split(b" ", 2)
            self._serve(method, path, self._got[head + 4 : head + 4 + length])
            self._got = self._got[head + 4 + length :]

    def _serve(self, method: bytes, path: bytes, body: bytes) -> None:
        if method == b"GET":
            self._write(_http(json.dumps(self._taken.tell(path)).encode()))
            return
        if numbers := _numbers(body):
            self._taken.take(numbers)
        answer = _http(_answer(path, numbers, len(self._taken.times)))
        asyncio.get_running_loop().call_later(self._delay(), self._write, answer)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def delays(latency: float, every: int = 0, tail: float = 0.0) -> Callable[[], float]:
    """Return what gives each answer its seconds: each ``every``-th takes ``tail``."""
    asked = 0

    def delay() -> float:
        nonlocal asked
        asked += 1
        return tail if every and asked % every == 0 else latency

    return delay


async def serve(port: int, delay: Callable[[], float]) -> None:
    """Serve until cancelled."""
    loop, taken = asyncio.get_running_loop(), Taken()
    server = await loop.create_server(
        lambda: Endpoint(taken, delay), "127.0.0.1", port, backlog=4096
    )
    await server.serve_forever()


if __name__ == "__main__":
    port, latency, every, tail = (float(word) for word in [*sys.argv[1:], "0", "0"][:4])
    asyncio.run(serve(int(port), delays(latency / 1000, int(every), tail / 1000)))
