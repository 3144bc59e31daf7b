"""Transport: carry out an adapter's Call over aiohttp's connections. The only HTTP client here.

It draws the line on which everything rests: NotSent where no byte of the request can have left,
Lost where the vendor may have acted and the answer is missing or unreadable. Neither drags the
error behind it along, not even as its context: aiohttp's texts quote the address with its query.

aiohttp gives what is hard: the pool, name look-up, TLS and the parser of answers. Its session is
left out: it costs as much again, and would follow redirects, keep cookies and send some requests
a second time, none of which may happen here (docs/decisions/0012).
"""

import asyncio
import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawResponseMessage
from aiohttp.streams import StreamReader
from aiohttp.tracing import Trace
from yarl import URL

from worker.contract.settings import Timeouts
from worker.vendors.base import Call, Response, Unreadable

T = TypeVar("T")

MAX_BODY = 4 * 1024 * 1024  # a report page of 10,000 rows is about 2 MB
_KEEP_ALIVE = 10.0  # seconds; shorter than vendors' servers, or we write into closed connections
_CONNECTING = 0.9  # of the total time-out: so that a connection never made is known as such
_FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
_UNFIT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # what would begin another header
_INTERIM = range(100, 200)
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s\";]+)", re.IGNORECASE)


class NotSent(Exception):  # noqa: N818 - it reads as a verdict
    """No byte of the request left: the vendor cannot have acted on it."""


class Lost(Exception):  # noqa: N818 - it reads as a verdict
    """The request may have been acted on; the answer is missing or unreadable."""


class Transport:
    """One pool of connections for a process; open it on the loop that uses it."""

    def __init__(self) -> None:
        self._connector: _Connector | None = None
        self._targets: dict[str, _Target] = {}

    def open(self) -> None:
        self._connector = _Connector(limit=0, keepalive_timeout=_KEEP_ALIVE, ttl_dns_cache=60)

    async def close(self) -> None:
        if self._connector is not None:
            await self._connector.close()

    async def call(self, call: Call[T], timeouts: Timeouts) -> T:
        """Carry out a call; raise NotSent or Lost."""
        response = await self._exchange(call, timeouts)
        try:
            return call.read(response)
        except Unreadable as error:
            raise Lost(f"HTTP {response.status}, unreadable: {error}") from error

    async def _exchange(self, call: Call[T], timeouts: Timeouts) -> Response:
        assert self._connector is not None, "open() comes first"
        verdict: NotSent | Lost
        connection: Connection | None = None
        try:
            target = self._targets.get(call.url) or self._targets.setdefault(
                call.url, _target(call.url)
            )
            request = _written(call, target)
            async with asyncio.timeout(timeouts.total):
                connection = await self._connector.connect(target.request, [], _limits(timeouts))
                return await _ask(connection, request)
        except Lost as error:
            verdict = error
        except Exception as error:  # noqa: BLE001 - whatever it is, bytes may have left
            verdict = _lost(error) if connection else _not_sent(error)
        raise verdict


class _Connector(aiohttp.TCPConnector):
    """Gives no connection on which something was said while nobody asked.

    aiohttp would take it for the answer to the next request: a server's 408 to an idle client, or
    an answer that came twice, would become the verdict on another message. A test holds it.
    """

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (found := await super()._get(key, traces)) is not None:
            if found.protocol is not None and not found.protocol.should_close:
                return found
            found.close()
        return None


class _Target(NamedTuple):
    """An account's address, read once."""

    request: aiohttp.ClientRequest  #: names host, port and TLS to the pool; never sent
    path: str
    host: str


def _target(address: str) -> _Target:
    """Return an account's address, read once; raise ValueError."""
    url = URL(address, encoded=True)
    path, host = url.raw_path_qs, url.host_port_subcomponent
    if url.scheme not in ("http", "https") or not url.raw_host or not url.port or not host:
        raise ValueError("no host or no port")
    if not path.isascii() or not path.isprintable() or " " in path:
        raise ValueError("a path that cannot be written")
    return _Target(aiohttp.ClientRequest("GET", url, loop=asyncio.get_running_loop()), path, host)


def _written(call: Call[T], target: _Target) -> bytes:
    """Return the whole request; raise ValueError."""
    path = f"{target.path}?{urlencode(call.query)}" if call.query else target.path
    headers = {"Host": target.host}
    body = b""
    if call.form:
        headers |= _FORM
        body = urlencode(call.form).encode()
    if call.form or call.method != "GET":
        headers["Content-Length"] = str(len(body))
    return _head(f"{call.method} {path} HTTP/1.1", {**headers, **call.headers}) + body


def _head(line: str, headers: Mapping[str, str]) -> bytes:
    lines = [line, *(f"{name}: {value}" for name, value in headers.items())]
    if any(map(_UNFIT.search, lines)):
        raise ValueError("a header with a control character")
    return "\r\n".join([*lines, "\r\n"]).encode()


@cache
def _limits(timeouts: Timeouts) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=timeouts.total, connect=min(timeouts.connect, timeouts.total * _CONNECTING)
    )


async def _ask(connection: Connection, request: bytes) -> Response:
    """Send one request and read its answer; the connection is free or closed afterwards."""
    try:
        protocol = connection.protocol
        assert protocol is not None
        assert protocol.transport is not None
        protocol.set_response_params(read_until_eof=True)
        protocol.transport.write(request)
        message, payload = await _answer(protocol)
        body = await _body(message.code, payload)
    except BaseException:
        connection.close()
        raise
    connection.release()
    headers = {name.lower(): value for name, value in message.headers.items()}
    return Response(message.code, _text(body, headers), headers)


async def _answer(protocol: ResponseHandler) -> tuple[RawResponseMessage, StreamReader]:
    while True:
        message, payload = await protocol.read()
        if message.code not in _INTERIM:
            return message, payload


async def _body(status: int, payload: StreamReader) -> bytes:
    first = await payload.readany()
    if payload.at_eof():
        return first  # what the buffer holds is far below the bound
    chunks, size = [first], len(first)
    async for chunk in payload.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY:
            raise Lost(f"HTTP {status}, the body is over {MAX_BODY} bytes")
    return b"".join(chunks)


def _text(body: bytes, headers: Mapping[str, str]) -> str:
    """Decode a body; UTF-8 where it names a charset that nobody knows, for JSON is that."""
    named = _CHARSET.search(headers.get("content-type", ""))
    try:
        return body.decode(named.group(1) if named else "utf-8", "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")


# What keeps a connection from being made, and so proves that no byte left. The first that fits.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "no connection in time"),
    (aiohttp.ClientConnectorCertificateError, "the certificate is not valid"),
    (aiohttp.ClientSSLError, "TLS failed"),
    (aiohttp.ClientConnectorDNSError, "the host name is not found"),
    (aiohttp.ClientConnectorError, "no connection"),
    (aiohttp.InvalidURL, "the address is not valid"),
)


def _not_sent(error: Exception) -> NotSent:
    """Return what an error before the first byte comes to; no address, no query in the text."""
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return NotSent(reason)
    return NotSent(f"the request cannot be made ({type(error).__name__})")


def _lost(error: Exception) -> Lost:
    """Return what an error after it comes to."""
    if isinstance(error, TimeoutError):
        return Lost("no answer in time")
    if isinstance(error, HttpProcessingError):
        return Lost("the answer is no HTTP")
    return Lost(f"the connection broke, or the answer cannot be read ({type(error).__name__})")
