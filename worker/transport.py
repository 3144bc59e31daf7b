"""Transport: carry out an adapter's Call over one aiohttp session. The only HTTP client here.

It draws the line on which everything rests: NotSent where no byte of the request can have left,
Lost where the vendor may have acted and the answer is missing or unreadable.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from worker.contract.settings import Timeouts
from worker.vendors.base import Call, Response, Unreadable

T = TypeVar("T")

MAX_BODY = 4 * 1024 * 1024  # a report page of 10,000 rows is about 2 MB
_KEEP_ALIVE = 10.0  # seconds; shorter than vendors' servers, or we write into closed connections
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
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=_KEEP_ALIVE, ttl_dns_cache=60
            ),
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
        target = f"{call.url}?{urlencode(call.query)}" if call.query else call.url
        body = urlencode(call.form).encode() if call.form else None
        limits = aiohttp.ClientTimeout(
            total=timeouts.total, connect=min(timeouts.connect, timeouts.total)
        )
        request = self._session.request(
            call.method,
            URL(target, encoded=True),
            data=body,
            headers={**(_FORM if body is not None else {}), **call.headers},
            timeout=limits,
            allow_redirects=False,
        )
        async with _verdicts(), request as answer:
            text = (await _body(answer)).decode(answer.charset or "utf-8", "replace")
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status, text, headers)


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    first = await answer.content.readany()
    if answer.content.at_eof():
        return first
    chunks, size = [first], len(first)
    async for chunk in answer.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY:
            raise Lost(f"HTTP {answer.status}, the body is over {MAX_BODY} bytes")
    return b"".join(chunks)


@contextlib.asynccontextmanager
async def _verdicts() -> AsyncIterator[None]:
    """Turn aiohttp's many errors into the two that matter; no address, no query in the text."""
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise NotSent(_connect_reason(error)) from None
    except aiohttp.InvalidURL:
        raise NotSent("the address is not valid") from None
    except (TimeoutError, aiohttp.ServerTimeoutError):
        raise Lost("no answer in time") from None
    except (aiohttp.ClientError, OSError) as error:
        raise Lost(f"the connection broke ({type(error).__name__})") from None
    except (LookupError, ValueError) as error:  # a charset that nobody knows, broken headers
        raise Lost(f"the answer cannot be decoded ({type(error).__name__})") from None


def _connect_reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no connection in time"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the certificate is not valid"
    if isinstance(error, aiohttp.ClientSSLError):
        return "TLS failed"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host name is not found"
    return "no connection"
