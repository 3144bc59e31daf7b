"""sentinel: what a sentinel:// address says, and connections that ask the Sentinels for the master.

    sentinel://[user:password@]host[:26379][,host2:port2]/SERVICE[/DB][?option=value&...]

User and password are the server's; the Sentinels' own are ``sentinel_username`` and
``sentinel_password``; ``tls=true`` means TLS to both, with the ``ssl_`` options of rediss://.
Each new connection asks anew, so that a failover needs nothing but that the old ones break.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

SCHEME = "sentinel"
#: What redis-py raises where no Sentinel answers, or none names a master.
NO_MASTER = (redis.sentinel.MasterNotFoundError, redis.asyncio.sentinel.MasterNotFoundError)
_PORT = 26379  # where a Sentinel listens unless it is told otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinels:
    """An address, read."""

    hosts: tuple[tuple[str, int], ...]
    service: str  #: the name under which the Sentinels know the master
    tls: bool
    server: Mapping[str, Any] = field(repr=False)  #: redis-py's options for the server
    own: Mapping[str, Any] = field(repr=False)  #: and for the Sentinels


def parse(url: str) -> Sentinels:
    """Read an address; raise ValueError, which does not quote it."""
    parts = urlsplit(url)
    who, at, listed = parts.netloc.rpartition("@")
    service, _, db = parts.path.removeprefix("/").partition("/")
    if not service or (db and not db.isdecimal()):
        raise ValueError("no service, or a database that is no number")
    query = {name: said[0] for name, said in parse_qs(parts.query).items()}
    names = {name: f"sentinel_{name}" for name in ("username", "password")}
    own = {name: query.pop(said) for name, said in names.items() if said in query}
    tls = query.pop("tls", "false")
    if tls not in ("true", "false"):
        raise ValueError("tls is neither true nor false")
    query.setdefault("db", db or "0")
    server = parse_url(f"redis://{who}{at}?{urlencode(query)}")  # type: ignore[no-untyped-call]
    return Sentinels(
        hosts=tuple(_host(each) for each in listed.split(",")),
        service=unquote(service),
        tls=tls == "true",
        server=server,
        own=own | {name: said for name, said in server.items() if name.startswith("ssl_")},
    )


def _host(said: str) -> tuple[str, int]:
    found = urlsplit(f"//{said}")
    if not found.hostname:
        raise ValueError("a host is missing")
    return found.hostname, found.port or _PORT


def pool(url: str, timeout: float, options: Mapping[str, Any]) -> "Pool":
    """Return a pool of connections to the master; ``options``: redis-py's; raise ValueError."""
    found = parse(url)
    asked = _asked(found, timeout, Retry(NoBackoff(), 0))
    return Pool(  # type: ignore[no-untyped-call]
        found.service,
        _Sentinel(found.hosts, sentinel_kwargs=asked),  # type: ignore[no-untyped-call]
        **{**options, **found.server},
        ssl=found.tls,
    )


def async_pool(url: str, timeout: float, options: Mapping[str, Any]) -> "AsyncPool":
    """Return the same for an event loop."""
    found = parse(url)
    asked = _asked(found, timeout, AsyncRetry(NoBackoff(), 0))
    return AsyncPool(  # type: ignore[no-untyped-call]
        found.service,
        _AsyncSentinel(found.hosts, sentinel_kwargs=asked),  # type: ignore[no-untyped-call]
        **{**options, **found.server},
        ssl=found.tls,
    )


def _asked(found: Sentinels, timeout: float, retry: Retry | AsyncRetry) -> dict[str, Any]:
    """Return the options for the Sentinels: each is asked, and the server, within the time-out."""
    each = timeout / (len(found.hosts) + 1)
    times = {"socket_timeout": each, "socket_connect_timeout": each, "retry": retry}
    return {**times, **found.own, "ssl": found.tls}


class _Sentinel(redis.sentinel.Sentinel):
    def discover_master(self, service_name: str) -> tuple[str, int]:
        # redis-py moves the one that knew it to the front, by two writes: done by two threads at
        # once, another one may be gone from the list for ever.
        mine = copy.copy(self)
        mine.sentinels = list(self.sentinels)
        found: tuple[str, int] = super(_Sentinel, mine).discover_master(service_name)  # type: ignore[no-untyped-call]
        self.sentinels = mine.sentinels
        return found


class _AsyncSentinel(redis.asyncio.sentinel.Sentinel):
    async def discover_master(self, service_name: str) -> tuple[str, int]:
        mine = copy.copy(self)  # as above: two coroutines may ask at once
        mine.sentinels = list(self.sentinels)
        found: tuple[str, int]
        found = await super(_AsyncSentinel, mine).discover_master(service_name)
        self.sentinels = mine.sentinels
        return found


class Pool(redis.sentinel.SentinelConnectionPool, redis.BlockingConnectionPool):
    """A pool that waits for a free connection, and closes those to the Sentinels with its own."""

    def disconnect(self, inuse_connections: bool = True) -> None:
        if inuse_connections:
            super().disconnect()
            for each in self.sentinel_manager.sentinels:
                each.close()
            return
        for each in list(self.pool.queue):  # redis-py 6's own pool that waits can't tell them apart
            if each is not None:
                each.disconnect()


class AsyncPool(
    redis.asyncio.sentinel.SentinelConnectionPool, redis.asyncio.BlockingConnectionPool
):
    """The same for an event loop."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections=inuse_connections)
        if inuse_connections:
            for each in self.sentinel_manager.sentinels:
                await each.aclose()
