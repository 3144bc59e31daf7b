"""The settings of the HTTP gateway: where it listens, who may call it, what it takes."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network

from worker.contract.errors import SettingsError
from worker.contract.status import Stream
from worker.contract.tables import Table
from worker.contract.templates import signature

Network = IPv4Network | IPv6Network

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_HASH = "sha256$"
_HASHED = re.compile(r"sha256\$[0-9a-f]{64}")
_SECRET = re.compile(r"[\x21-\x7e]+")
_PORTS = 65536
_LEAST = 16  # characters of an operator's key: it signs sessions, and people log in with it


class Role(StrEnum):
    """What a key is for; none is for both."""

    APP = "app"  #: a web app calls /v1 with it
    OPERATOR = "operator"  #: a person signs in to the console with it


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One web app that may call the gateway, or one person who may look after it."""

    name: str
    key: str = field(default="", repr=False)  #: "" where the settings have only its hash
    key_hash: str = field(default="", repr=False)  #: "sha256$" and the digest in hexadecimal
    role: Role = Role.APP
    streams: frozenset[Stream] = frozenset(Stream)  #: those it may send on
    signatures: frozenset[str] | None = None  #: those it may send under; None: any
    per_second: float | None = None  #: messages and other requests, in each gateway process

    @property
    def digest(self) -> bytes:
        """SHA-256 of the key: a long random one needs no slower hash."""
        if self.key_hash:
            return bytes.fromhex(self.key_hash.removeprefix(_HASH))
        return digest_of(self.key)


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
        if any(one.digest == other.digest for other in found.values()):
            raise SettingsError(f"{path}.{name}", "is the same key as another one's")
        found[name] = one
    return found


def _api_key(name: str, table: Table) -> ApiKey:
    secret, hashed = _secret(table)
    role = _role(table, secret)
    brands, rule = table.texts("signatures"), table.key("signatures")
    found = ApiKey(
        name=name,
        key=secret,
        key_hash=hashed,
        role=role,
        streams=_streams(table),
        signatures=None
        if brands is None
        else frozenset(signature(brand, rule) for brand in brands),
        per_second=table.number("per_second", None),
    )
    table.close()
    return found


def digest_of(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


def hash_of(key: str) -> str:
    """Return the ``key_hash`` of an API key."""
    return f"{_HASH}{digest_of(key).hex()}"


def _secret(table: Table) -> tuple[str, str]:
    """Return a key or its hash, the other one is ""."""
    secret, hashed = table.text("key", ""), table.text("key_hash", "")
    if hashed:
        if secret:
            raise SettingsError(table.key("key_hash"), "give either key or key_hash")
        if not _HASHED.fullmatch(hashed):
            rule = "must be as xinshi keys api prints it: sha256$ and 64 hexadecimal digits"
            raise SettingsError(table.key("key_hash"), rule)
        return "", hashed
    if not _SECRET.fullmatch(secret):
        raise SettingsError(table.key("key"), "must be printable ASCII without spaces, not empty")
    return secret, ""


def _role(table: Table, secret: str) -> Role:
    try:
        role = Role(table.text("role", Role.APP))
    except ValueError as error:
        raise SettingsError(table.key("role"), f"must be one of {', '.join(Role)}") from error
    if role is Role.OPERATOR:
        if not secret:
            rule = "an operator's key itself is needed: it signs the console's sessions"
            raise SettingsError(table.key("key_hash"), rule)
        if len(secret) < _LEAST:
            rule = f"an operator's key has at least {_LEAST} characters"
            raise SettingsError(table.key("key"), rule)
        for name in table.rest():
            raise SettingsError(table.key(name), f"is nothing that the key of an {role} has")
    return role


def _streams(table: Table) -> frozenset[Stream]:
    names = table.texts("streams")
    try:
        return frozenset(Stream) if names is None else frozenset(Stream(name) for name in names)
    except ValueError as error:
        rule = f"unknown stream; there are {', '.join(Stream)}"
        raise SettingsError(table.key("streams"), rule) from error


def _networks(table: Table, name: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(text) for text in table.texts(name) or ())
    except ValueError as error:
        rule = 'must be IP addresses or networks like ["10.0.0.0/8"]'
        raise SettingsError(table.key(name), rule) from error
