"""The settings of webhooks: which endpoints of web apps are told what happens."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from worker.contract import addresses, signing
from worker.contract.errors import SettingsError
from worker.contract.happenings import TYPES
from worker.contract.tables import Table, address, own_name

_TIMEOUT, _CONCURRENCY = 10.0, 16  # seconds; posts at once
_ADDRESS = re.compile(r"[\x21-\x7e]+")
_LONGEST = 60.0  # seconds for an answer: an endpoint is to store the event, and work later
_WIDEST = 256  # posts at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One endpoint. Its address may hold a secret too, so it is shown by its host only."""

    url: str = field(repr=False)
    secret: str = field(repr=False)
    previous_secret: str = field(default="", repr=False)
    events: frozenset[str] = frozenset(TYPES)
    timeout: float = _TIMEOUT  #: seconds for a whole post
    allow_private: bool = False  #: addresses that are not the public internet's, and http
    concurrency: int = _CONCURRENCY  #: posts at once

    @property
    def host(self) -> str:
        """Scheme, host and port: what may be shown of the address."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The keys to sign with, the current one first."""
        return tuple(signing.key(each) for each in (self.secret, self.previous_secret) if each)

    @property
    def digest(self) -> str:
        """What tells these settings from other ones, and nothing about the secret."""
        said = repr((self.url, self.previous_secret, sorted(self.events), self.allow_private))
        return hmac.new(self.secret.encode(), said.encode(), hashlib.sha256).hexdigest()[:16]


def parse(tables: Mapping[str, Table]) -> dict[str, Webhook]:
    """Read [webhooks.*]; raise SettingsError."""
    return {
        own_name(name, f"webhooks.{name}", "an endpoint"): _webhook(table)
        for name, table in tables.items()
    }


def _webhook(table: Table) -> Webhook:
    allow_private = table.flag("allow_private", default=False)
    found = Webhook(
        url=_url(table, allow_private=allow_private),
        secret=_secret(table, "secret", needed=True),
        previous_secret=_secret(table, "previous_secret", needed=False),
        events=_events(table),
        timeout=table.duration("timeout", _TIMEOUT),
        allow_private=allow_private,
        concurrency=table.count("concurrency", None) or _CONCURRENCY,
    )
    if found.timeout > _LONGEST:
        raise SettingsError(table.key("timeout"), f"must be at most {_LONGEST:.0f} s")
    if found.concurrency > _WIDEST:
        raise SettingsError(table.key("concurrency"), f"must be at most {_WIDEST}")
    table.close()
    return found


def _url(table: Table, *, allow_private: bool) -> str:
    key, url = table.key("url"), table.text("url", "")
    if not url:
        raise SettingsError(key, "missing: where events are posted to")
    address(url, key, ("https", "http") if allow_private else ("https",))
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0 or not _ADDRESS.fullmatch(url):
        raise SettingsError(key, "must be an address like https://app.example.com/sms-events")
    if parts.username is not None or parts.fragment:
        raise SettingsError(key, "must hold no user name, no password and no #fragment")
    written = addresses.literal(host)
    if written and not allow_private and not addresses.is_public(written):
        raise SettingsError(key, "is no public address; allow_private = true allows it")
    return url


def _secret(table: Table, name: str, *, needed: bool) -> str:
    secret = table.text(name, "")
    if not secret and not needed:
        return ""
    try:
        signing.key(secret)
    except ValueError as error:
        raise SettingsError(table.key(name), str(error)) from error
    return secret


def _events(table: Table) -> frozenset[str]:
    names = table.texts("events")
    if names is None:
        return frozenset(TYPES)
    if not names:
        raise SettingsError(table.key("events"), "is empty: leave it out for all of them")
    for name in names:
        if name not in TYPES:
            rule = f"unknown event {name[:40]!r}; there are {', '.join(TYPES)}"
            raise SettingsError(table.key("events"), rule)
    return frozenset(names)
