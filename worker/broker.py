"""broker: redis_url in kombu's words, for Celery and for what reads Celery's settings (Flower)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from worker.contract.errors import SettingsError
from worker.store import sentinel
from worker.store.address import is_sentinel

_SENTINEL = 0.5  # seconds for one Sentinel's answer, before the next one is asked


@dataclass(frozen=True, slots=True)
class Broker:
    """What ``broker_url``, ``broker_transport_options`` and ``broker_use_ssl`` are to be."""

    url: str = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    ssl: Mapping[str, Any] | None = None


def broker(url: str) -> Broker:
    """Return redis-py's address as kombu reads it; raise SettingsError.

    kombu verifies no certificate of rediss:// unless it is told to, has its own words for unix://
    and Sentinel, and breaks on most of what redis-py takes after the question mark.
    """
    try:
        return _sentinel(url) if is_sentinel(url) else _single(url)
    except ValueError as error:
        raise SettingsError("redis_url", "not an address like redis://host:6379/0") from error


def _single(url: str) -> Broker:
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query))
    if parts.scheme == "unix":
        socket = f"redis+socket://{parts.netloc}{parts.path}"
        return Broker(f"{socket}?{urlencode({'virtual_host': given.get('db', '0')})}")
    ssl = _ssl(parse_url(url)) if parts.scheme == "rediss" else None  # type: ignore[no-untyped-call]
    path = f"/{given['db']}" if "db" in given else parts.path
    return Broker(parts._replace(path=path, query="").geturl(), ssl=ssl)


def _sentinel(url: str) -> Broker:
    """Return each Sentinel as an address of its own, with the server's user in it."""
    found = sentinel.parse(url)
    who, at, _ = urlsplit(url).netloc.rpartition("@")
    each = (_bracketed(host) + f":{port}" for host, port in found.hosts)
    ssl = _ssl(found.server) if found.tls else None
    asked = {
        "socket_timeout": _SENTINEL,
        "socket_connect_timeout": _SENTINEL,
        "retry": Retry(NoBackoff(), 0),
        **found.own,
        **({"ssl": True, **ssl} if ssl is not None else {}),
    }
    return Broker(
        ";".join(f"{sentinel.SCHEME}://{who}{at}{host}/{found.server['db']}" for host in each),
        {"master_name": found.service, "sentinel_kwargs": asked},
        ssl,
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _ssl(options: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: said for name, said in options.items() if name.startswith("ssl_")}
    return {"ssl_cert_reqs": "required", **given}
