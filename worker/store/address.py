"""address: the one place that turns redis_url into redis-py's clients, sync and async.

``redis://``, ``rediss://`` (TLS; the certificate is verified) and ``unix://`` are redis-py's own
forms, with its options in the query (``ssl_ca_certs``, ``ssl_certfile``, ...);
``sentinel://`` is that of worker.store.sentinel.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.contract.errors import SettingsError
from worker.store import sentinel

_KEY = "redis_url"
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


def client(url: str, *, timeout: float, connections: int) -> "redis.Redis":
    """Return a client, which connects when it is needed; raise SettingsError.

    ``timeout``: seconds for one answer, and for a free connection while all are busy.
    """
    options = _options(url, timeout) | {
        "retry": Retry(NoBackoff(), 0),
        "max_connections": connections,
        "timeout": timeout,
    }
    with _readable(url):
        # A pool that waits: the usual one refuses the call that finds every connection busy.
        pool = (
            sentinel.pool(url, timeout, options)
            if is_sentinel(url)
            else redis.BlockingConnectionPool.from_url(url, **options)
        )
        pool.connection_class(**pool.connection_kwargs)  # knows its options, and connects later
        _there(pool.connection_kwargs)
    return redis.Redis.from_pool(pool)


def async_client(url: str, *, timeout: float, connections: int) -> "redis.asyncio.Redis":
    """Return the same for an event loop; the caller bounds the wait for a connection."""
    options = _options(url, timeout) | {
        "retry": AsyncRetry(NoBackoff(), 0),
        "max_connections": connections,
        "timeout": None,
    }
    with _readable(url):
        pool = (
            sentinel.async_pool(url, timeout, options)
            if is_sentinel(url)
            else redis.asyncio.BlockingConnectionPool.from_url(url, **options)
        )
        pool.connection_class(**pool.connection_kwargs)
        _there(pool.connection_kwargs)
    return redis.asyncio.Redis.from_pool(pool)


def is_sentinel(url: str) -> bool:
    return urlsplit(url).scheme == sentinel.SCHEME


def untrusted(error: BaseException | None) -> str:
    """Return why a certificate is not trusted, "" if that is not what an error is about."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return ""


def _options(url: str, timeout: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        **({} if urlsplit(url).scheme == "unix" else {"socket_keepalive": True}),
        "encoding_errors": "replace",  # a verdict is worth more than a letter of the vendor's code
    }


@contextmanager
def _readable(url: str) -> Iterator[None]:
    """Turn redis-py's complaint about an address, which may quote a password, into ours."""
    like = "redis://host:6379/0"
    if url.startswith(f"{sentinel.SCHEME}:"):
        like = "sentinel://host:26379,host2:26379/SERVICE/0"
    try:
        yield
    except (ValueError, TypeError, redis.RedisError) as error:
        # TypeError and RedisError: an option it does not know, or a value that is none
        rule = f"not an address like {like}, with options that redis-py knows"
        raise SettingsError(_KEY, rule) from error


def _there(options: dict[str, Any]) -> None:
    for name in _FILES:
        named = options.get(name)
        if named and not Path(named).is_file():
            raise SettingsError(_KEY, f"{name}: no file {named}")
