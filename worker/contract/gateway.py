"""The settings of the HTTP gateway: where it listens, who may call it, what it takes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from worker.contract.errors import SettingsError
from worker.contract.status import Stream
from worker.contract.tables import Table
from worker.contract.templates import signature

Network = IPv4Network | IPv6Network

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_SECRET = re.compile(r"[\x21-\x7e]+")
_PORTS = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One web app that may call the gateway."""

    name: str
    key: str = field(repr=False)
    streams: frozenset[Stream] = frozenset(Stream)  #: those it may send on
    signatures: frozenset[str] | None = None  #: those it may send under; None: any
    per_second: float | None = None  #: messages and other requests, in each gateway process


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    listen: tuple[str, int] = ("127.0.0.1", 8080)
    api_keys: Mapping[str, ApiKey] = field(default_factory=dict)
    trusted_proxies: tuple[Network, ...] = ()  #: whose X-Forwarded-For is believed
    max_body: int = 4 * 2**20  #: bytes of a request to /v1
    max_callback: int = 2**20  #: bytes of a vendor's callback
    max_params: int = 1000  #: fields of a callback, query and form each
    timeout: float = 10.0  #: seconds for a whole request, from its head to our answer


def listen_address(text: str) -> tuple[str, int]:
    """Return host and port of ``127.0.0.1:8080``; raise ValueError."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) >= _PORTS:
        raise ValueError("must look like 127.0.0.1:8080")
    return host.strip("[]") or "127.0.0.1", int(port)


def parse(table: Table) -> GatewaySettings:
    """Read [gateway]; raise SettingsError."""
    base = GatewaySettings()
    found = GatewaySettings(
        listen=_listen(table, base.listen),
        api_keys=_api_keys(table),
        trusted_proxies=_networks(table, "trusted_proxies"),
        max_body=table.count("max_body", None) or base.max_body,
        max_callback=table.count("max_callback", None) or base.max_callback,
        max_params=table.count("max_params", None) or base.max_params,
        timeout=table.duration("timeout", base.timeout),
    )
    table.close()
    return found


def _listen(table: Table, default: tuple[str, int]) -> tuple[str, int]:
    text = table.text("listen", "")
    try:
        return listen_address(text) if text else default
    except ValueError as error:
        raise SettingsError(table.key("listen"), str(error)) from error


def _api_keys(table: Table) -> dict[str, ApiKey]:
    found: dict[str, ApiKey] = {}
    path = table.key("api_keys")
    for name, value in table.mapping("api_keys").items():
        if not _NAME.fullmatch(name):
            raise SettingsError(
                f"{path}.{name[:40]}", "a name is up to 32 of A-Z, a-z, 0-9, _, - and ."
            )
        given = value if isinstance(value, dict) else {"key": value}
        one = _api_key(name, Table(given, f"{path}.{name}"))
        if any(one.key == other.key for other in found.values()):
            raise SettingsError(f"{path}.{name}", "is the same key as another one's")
        found[name] = one
    return found


def _api_key(name: str, table: Table) -> ApiKey:
    secret = table.text("key", "")
    if not _SECRET.fullmatch(secret):
        raise SettingsError(table.key("key"), "must be printable ASCII without spaces, not empty")
    brands, rule = _texts(table, "signatures"), table.key("signatures")
    found = ApiKey(
        name=name,
        key=secret,
        streams=_streams(table),
        signatures=None
        if brands is None
        else frozenset(signature(brand, rule) for brand in brands),
        per_second=table.number("per_second", None),
    )
    table.close()
    return found


def _streams(table: Table) -> frozenset[Stream]:
    names = _texts(table, "streams")
    try:
        return frozenset(Stream) if names is None else frozenset(Stream(name) for name in names)
    except ValueError as error:
        rule = f"unknown stream; there are {', '.join(Stream)}"
        raise SettingsError(table.key("streams"), rule) from error


def _networks(table: Table, name: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(text) for text in _texts(table, name) or ())
    except ValueError as error:
        rule = 'must be IP addresses or networks like ["10.0.0.0/8"]'
        raise SettingsError(table.key(name), rule) from error


def _texts(table: Table, name: str) -> list[str] | None:
    value: Any = table.pop(name)
    if value is not None and (
        not isinstance(value, list) or not all(isinstance(text, str) for text in value)
    ):
        raise SettingsError(table.key(name), "must be a list of strings")
    return value
