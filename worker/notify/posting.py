"""Posting: one signed event to one endpoint, over aiohttp, and what the answer means.

The address that a connection is really made to decides whether it may be made: whatever a name
stood for a moment ago, however an address is written. So no endpoint leads into our own network.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver
from yarl import URL

from worker import __version__
from worker.contract import addresses, signing
from worker.contract.webhooks import Webhook
from worker.notify.patience import retry_after

_KEEP_ALIVE = 1.0  # seconds; shorter than any server's, or we write into closed connections
_READ = 4096  # bytes of an answer's body that are read, so that its connection can be used again
_DRAIN = 1.0  # seconds that this may take
_HEADERS = {"Content-Type": "application/json", "User-Agent": f"Xinshi/{__version__}"}
_GONE, _ASKING = 410, (429, 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one post."""

    status: int = 0  #: 0: there was no answer
    reason: str = ""  #: why the event was not taken; empty: it was
    gone: bool = False  #: the endpoint wants no more at all
    asked: float = 0.0  #: seconds for which it asks to be left alone


class PrivateAddressError(OSError):
    """An address that no public endpoint has."""


class Poster:
    """The connections to one endpoint; open it on the loop that uses it."""

    def __init__(
        self,
        webhook: Webhook,
        *,
        now: Callable[[], float] = time.time,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._webhook = webhook
        self._keys = webhook.keys
        self._now = now
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        connector = aiohttp.TCPConnector(
            limit=self._webhook.concurrency,
            keepalive_timeout=_KEEP_ALIVE,
            resolver=self._resolver,
            socket_factory=None if self._webhook.allow_private else public_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._webhook.timeout),
            skip_auto_headers=("Accept-Encoding",),
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, event_id: str, body: bytes) -> Answer:
        """Post one event; an error is an answer too."""
        assert self._session is not None, "open() comes first"
        try:
            async with self._session.post(
                URL(self._webhook.url, encoded=True),
                data=body,
                headers=self._signed(event_id, body),
                allow_redirects=False,
            ) as answer:
                await _drain(answer)
                return self._meaning(answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, the event was not taken
            return Answer(reason=_reason(error))

    def _signed(self, event_id: str, body: bytes) -> dict[str, str]:
        webhook_id, timestamp = f"evt_{event_id}", str(int(self._now()))
        signatures = (signing.sign(key, webhook_id, timestamp, body) for key in self._keys)
        return _HEADERS | {
            signing.ID: webhook_id,
            signing.TIMESTAMP: timestamp,
            signing.SIGNATURE: " ".join(signatures),
        }

    def _meaning(self, answer: aiohttp.ClientResponse) -> Answer:
        status, asked = answer.status, 0.0
        if status // 100 == 2:  # noqa: PLR2004
            return Answer(status=status)
        if status in _ASKING:
            asked = retry_after(answer.headers.get("Retry-After", ""), self._now())
        why = "; redirects are not followed" if status // 100 == 3 else ""  # noqa: PLR2004
        reason = f"HTTP {status}{why}"
        return Answer(status=status, reason=reason, gone=status == _GONE, asked=asked)


def payload(event_type: str, timestamp: str, data: object) -> bytes:
    """Return a webhook's body; ``timestamp``: when it happened, ISO 8601."""
    return msgspec.json.encode({"type": event_type, "timestamp": timestamp, "data": data})


def public_socket(info: tuple[Any, ...]) -> socket.socket:
    """Return a socket for an address that was looked up; raise PrivateAddressError."""
    family, kind, protocol, _, (host, *_) = info
    address = addresses.literal(host)
    if address is None or not addresses.is_public(address):
        raise PrivateAddressError("no public address; allow_private = true allows it")
    return socket.socket(family, kind, protocol)


async def _drain(answer: aiohttp.ClientResponse) -> None:
    """Read a small body; a larger or a slower one costs its connection, and means nothing."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(_DRAIN):
            left = _READ
            while left > 0 and (part := await answer.content.read(left)):
                left -= len(part)


# The first that fits. No text of aiohttp's is told: it may quote the address with its query.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "no connection in time"),
    (TimeoutError, "no answer in time"),
    (aiohttp.ClientConnectorCertificateError, "the certificate is not valid"),
    (aiohttp.ClientSSLError, "TLS failed"),
    (aiohttp.ClientConnectorDNSError, "the host name is not found"),
    (aiohttp.ClientConnectorError, "no connection"),
    (aiohttp.InvalidURL, "the address is not valid"),
    (aiohttp.ClientResponseError, "the answer is no HTTP"),
)


def _reason(error: Exception) -> str:
    if isinstance(error.__cause__, PrivateAddressError):
        return str(error.__cause__)
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return f"the connection broke ({type(error).__name__})"
