"""Transport: carry out an adapter's Call over one aiohttp session. The only HTTP client here.

It draws the line on which everything rests: NotSent where no byte of the request can have left,
Lost where the vendor may have acted and the answer is missing or unreadable. Neither drags the
error behind it along, not even as its context: aiohttp's texts quote the address with its query.
"""

from functools import cache
from typing import TypeVar
from urllib.parse import urlencode

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from worker.contract.settings import Timeouts
from worker.vendors.base import Call, Response, Unreadable

T = TypeVar("T")

MAX_BODY = 4 * 1024 * 1024  # a report page of 10,000 rows is about 2 MB
_KEEP_ALIVE = 10.0  # seconds; shorter than vendors' servers, or we write into closed connections
_CONNECTING = 0.9  # of the total time-out: so that a connection never made is known as such
_FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


class NotSent(Exception):  # noqa: N818 - it reads as a verdict
    """No byte of the request left: the vendor cannot have acted on it."""


class Lost(Exception):  # noqa: N818 - it reads as a verdict
    """The request may have been acted on; the answer is missing or unreadable."""


class Transport:
    """One HTTP session for a process; open it on the loop that uses it."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=_Connector(limit=0, keepalive_timeout=_KEEP_ALIVE, ttl_dns_cache=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            auto_decompress=True,
            trust_env=False,
        )
        # aiohttp sends a GET again by itself when a reused connection breaks; the first one may
        # have been taken (largesms submits by GET). A test holds that it does not.
        if not hasattr(self._session, "_retry_connection"):
            raise RuntimeError("this aiohttp resends requests in a way that we cannot switch off")
        self._session._retry_connection = False  # noqa: SLF001

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(self, call: Call[T], timeouts: Timeouts) -> T:
        """Carry out a call; raise NotSent or Lost."""
        response = await self._exchange(call, timeouts)
        try:
            return call.read(response)
        except Unreadable as error:
            raise Lost(f"HTTP {response.status}, unreadable: {error}") from error

    async def _exchange(self, call: Call[T], timeouts: Timeouts) -> Response:
        assert self._session is not None, "open() comes first"
        verdict: NotSent | Lost
        try:
            url, body = _written(call)
        except ValueError as error:
            verdict = NotSent(f"the request cannot be written ({type(error).__name__})")
        else:
            try:
                return await _ask(self._session, call, url, body, timeouts)
            except Exception as error:  # noqa: BLE001 - whatever it is, bytes may have left
                verdict = _verdict(error)
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


def _written(call: Call[T]) -> tuple[URL, bytes | None]:
    """Return the address with its query and the body; raise ValueError."""
    url = _address(call.url)
    if call.query:
        url = URL(f"{call.url}?{urlencode(call.query)}", encoded=True)
    return url, urlencode(call.form).encode() if call.form else None


@cache
def _address(text: str) -> URL:
    """Return an account's address, read once; raise ValueError."""
    url = URL(text, encoded=True)
    if not url.raw_host or not url.port:  # it is only looked at when it is asked for
        raise ValueError("no host or no port")
    return url


@cache
def _limits(timeouts: Timeouts) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=timeouts.total, connect=min(timeouts.connect, timeouts.total * _CONNECTING)
    )


async def _ask(
    session: aiohttp.ClientSession,
    call: Call[T],
    url: URL,
    body: bytes | None,
    timeouts: Timeouts,
) -> Response:
    async with session.request(
        call.method,
        url,
        data=body,
        headers={**(_FORM if body is not None else {}), **call.headers},
        timeout=_limits(timeouts),
        allow_redirects=False,
    ) as answer:
        text = _text(await _body(answer), answer)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status, text, headers)


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    first = await answer.content.readany()
    if answer.content.at_eof():
        return first  # what the buffer holds is far below the bound
    chunks, size = [first], len(first)
    async for chunk in answer.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY:
            raise Lost(f"HTTP {answer.status}, the body is over {MAX_BODY} bytes")
    return b"".join(chunks)


def _text(body: bytes, answer: aiohttp.ClientResponse) -> str:
    """Decode a body; UTF-8 where it names a charset that nobody knows, for JSON is that."""
    try:
        return body.decode(answer.charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")


# Only these prove that no byte left: they come before a connection stands. The first that fits.
_NOT_SENT: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "no connection in time"),
    (aiohttp.ClientConnectorCertificateError, "the certificate is not valid"),
    (aiohttp.ClientSSLError, "TLS failed"),
    (aiohttp.ClientConnectorDNSError, "the host name is not found"),
    (aiohttp.ClientConnectorError, "no connection"),
    (aiohttp.InvalidURL, "the address is not valid"),
)


def _verdict(error: Exception) -> NotSent | Lost:
    """Turn aiohttp's many errors into the two that matter; no address, no query in the text."""
    if isinstance(error, Lost):
        return error
    for kind, reason in _NOT_SENT:
        if isinstance(error, kind):
            return NotSent(reason)
    if isinstance(error, TimeoutError):
        return Lost("no answer in time")
    return Lost(f"the connection broke, or the answer cannot be read ({type(error).__name__})")
