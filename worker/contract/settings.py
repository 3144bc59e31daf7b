"""Settings: xinshi.toml and the environment, read once and handed down.

The only module that reads the environment. ``XINSHI_CONFIG`` names the file, ``XINSHI_REDIS_URL``
overrides ``redis_url``, ``XINSHI_REDIS_URLS`` ``redis_urls``, and
``XINSHI_VENDORS__<ACCOUNT>__<KEY>`` overrides one setting of an account (secrets belong there),
``XINSHI_WEBHOOKS__<NAME>__<KEY>`` one of a webhook, ``XINSHI_PRIVACY__<KEY>`` one of
``[privacy]``. Each of these may name a file that says it, with _FILE behind the name.
``XINSHI_SHARD`` says which of several servers a worker serves. ``XINSHI_HEARTBEAT`` overrides
``worker.heartbeat``, which each process needs for itself, and ``XINSHI_METRICS_LISTEN`` overrides
``metrics.listen``. An unknown key is an error that names it.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from worker.contract import (
    accounts,
    alarms,
    gateway,
    happenings,
    health,
    metrics,
    privacy,
    shards,
    streams,
    suppression,
    variables,
    webhooks,
)
from worker.contract import templates as texts
from worker.contract.accounts import Account, Limits, Timeouts
from worker.contract.alarms import Alarms
from worker.contract.durations import Window
from worker.contract.errors import SettingsError
from worker.contract.gateway import ApiKey, GatewaySettings
from worker.contract.happenings import EventsSettings
from worker.contract.health import HealthSettings
from worker.contract.metrics import MetricsSettings
from worker.contract.privacy import PrivacySettings
from worker.contract.shards import Placing, Shard
from worker.contract.status import Stream
from worker.contract.streams import Resend, Route, StreamSettings
from worker.contract.suppression import SuppressionSettings
from worker.contract.tables import Table, address, mapping, windows
from worker.contract.templates import Template
from worker.contract.webhooks import Webhook

__all__ = [
    "Account",
    "Alarms",
    "ApiKey",
    "Brake",
    "Breaker",
    "Durability",
    "EventsSettings",
    "GatewaySettings",
    "HealthSettings",
    "Limits",
    "MetricsSettings",
    "PrivacySettings",
    "Resend",
    "Route",
    "Settings",
    "StoreSettings",
    "StreamSettings",
    "SuppressionSettings",
    "Template",
    "Timeouts",
    "Webhook",
    "WorkerSettings",
    "environment",
    "load",
    "parse",
    "redis_from_environment",
]

_REDIS = ("redis", "rediss", "unix", "sentinel")
_ENVIRONMENT = {"XINSHI_VENDORS__": "vendors", "XINSHI_WEBHOOKS__": "webhooks"}
_PRIVACY = "XINSHI_PRIVACY__"
_REDIS_URL = "XINSHI_REDIS_URL"
_HERE = "redis://127.0.0.1:6379/0"


class Durability(StrEnum):
    """What a claim waits for before the first byte leaves; see docs/durability.md."""

    MEMORY = "memory"  #: the server's memory
    FSYNC = "fsync"  #: its append-only file, synced (WAITAOF; Redis 7.2, Valkey)
    REPLICA = "replica"  #: one replica's memory (WAIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """Against SMS pumping: what one prefix (seven digits) or one tag may get. Off unless set."""

    prefix: tuple[Window, ...] = ()
    tag: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """When an account is left alone, and for how long; seconds."""

    failures: int = 5  #: in a row, without any answer between them
    open: float = 5.0  #: at first; doubles each time its probe fails
    suspended: float = 60.0  #: at first, where the vendor says that the account is unusable
    longest: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    timeout: float = 2.0  #: seconds a producer waits for Redis before StoreError
    retention: float = 7 * 86400.0  #: seconds a record outlives the message's validity
    idempotency: float = 86400.0  #: seconds an idempotency key is remembered
    reports: float = 72 * 3600.0  #: seconds a vendor's id is remembered for its report
    durability: Durability = Durability.MEMORY
    keep_texts: float | None = 0.0
    #: seconds a text outlives its message's end, dead letters' apart; None: as long as the record


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    in_flight: int = 512  #: submits one process keeps open at once
    batch: int = 128  #: messages one claim takes
    slice: float = 10.0  #: seconds a pump runs before it rings again
    grace: float = 10.0  #: seconds added to an attempt's time-out before it counts as lost
    reserve: int = 32  #: of in_flight, kept free for otp
    heartbeat: str = ""  #: a file that worker and beat touch while they work; "": none


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    redis_url: str = field(default=_HERE, repr=False)  #: of several, the first one's
    shards: tuple[Shard, ...] = ()  #: ``redis_urls``, where there are several
    shard: int | None = None  #: which of them a worker serves, where that was said
    vendors: Mapping[str, Account] = field(default_factory=dict)
    routes: Mapping[Stream, Route] = field(default_factory=dict)
    streams: Mapping[Stream, StreamSettings] = field(default_factory=streams.defaults)
    templates: Mapping[str, Template] = field(default_factory=dict)
    signature: str = ""  #: ``[defaults] signature``
    store: StoreSettings = field(default_factory=StoreSettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    brake: Brake = field(default_factory=Brake)
    breaker: Breaker = field(default_factory=Breaker)
    health: HealthSettings = field(default_factory=HealthSettings)
    suppression: SuppressionSettings = field(default_factory=SuppressionSettings)
    alarms: Alarms = field(default_factory=Alarms)
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    events: EventsSettings = field(default_factory=EventsSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    path: Path | None = None  #: the file read, if there was one

    @property
    def cells(self) -> tuple[Shard, ...]:
        """Every server, the first of which has a part of its own: at least one."""
        return self.shards or (Shard("0", self.redis_url),)

    @property
    def placing(self) -> Placing:
        return Placing([each.name for each in self.cells])

    def at(self, redis_url: str) -> "Settings":
        """Return the same settings for one server."""
        return replace(self, redis_url=redis_url, shards=(), shard=None)

    def served(self) -> int:
        """Return which server this worker serves; raise SettingsError where that was not said."""
        if self.shard is None and len(self.cells) > 1:
            names = ", ".join(each.name for each in self.cells)
            raise SettingsError(
                shards.SERVED, f"missing: which one of the shards {names} is served"
            )
        return self.shard or 0

    def route(self, stream: Stream) -> tuple[str, ...]:
        """Return the accounts of a stream, best first; without a route, every account."""
        route = self.routes.get(stream)
        return route.accounts if route else tuple(self.vendors)

    def weights(self, stream: Stream) -> tuple[float, ...] | None:
        """Return the weights of its accounts, None where their order is the preference."""
        route = self.routes.get(stream)
        return route.weights if route else None


def load(
    path: str | Path | None = None,
    *,
    redis_url: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Read the settings; raise SettingsError naming the key and the rule.

    ``path`` falls back to XINSHI_CONFIG, then to xinshi.toml in the current folder if it is there.
    """
    environment = os.environ if environment is None else environment  # noqa: TID251 - the one place
    found = _find(path, environment)
    table = _read(found) if found else {}
    _override(table, environment)
    _override_servers(table, redis_url, environment)
    if heartbeat := environment.get("XINSHI_HEARTBEAT"):
        mapping(table.setdefault("worker", {}), "worker")["heartbeat"] = heartbeat
    if (listen := environment.get("XINSHI_METRICS_LISTEN")) is not None:
        mapping(table.setdefault("metrics", {}), "metrics")["listen"] = listen
    settings = parse(table, found)
    return replace(settings, shard=shards.served(environment.get(shards.SERVED), settings.shards))


def _override_servers(
    table: dict[str, Any], url: str | None, environment: Mapping[str, str]
) -> None:
    """Let one server, or several, stand in the place of what the file names."""
    one = variables.value(environment, _REDIS_URL)
    several = variables.value(environment, shards.VARIABLE)
    if one and several and not url:
        raise SettingsError(shards.VARIABLE, f"set this or {_REDIS_URL}, not both")
    if url or one:
        table.pop(shards.URLS, None)
        table["redis_url"] = url or one
    elif several:
        table.pop("redis_url", None)
        table[shards.URLS] = shards.split(several)


def redis_from_environment() -> str | None:
    """Return the server that XINSHI_REDIS_URL names, or None."""
    return variables.value(os.environ, _REDIS_URL)  # noqa: TID251 - the one place


def environment(**extra: str) -> dict[str, str]:
    """Return the environment for a child process, with something put into it."""
    replaced = {name + variables.FILE for name in extra}  # else it would be set twice
    kept = {name: said for name, said in os.environ.items() if name not in replaced}  # noqa: TID251
    return kept | extra


def _find(path: str | Path | None, environment: Mapping[str, str]) -> Path | None:
    if "XINSHI_CONFIG" + variables.FILE in environment:
        raise SettingsError("XINSHI_CONFIG_FILE", "unknown; XINSHI_CONFIG is the path itself")
    named = path or environment.get("XINSHI_CONFIG")
    if named:
        found = Path(named)
        if not found.is_file():
            raise SettingsError("XINSHI_CONFIG" if path is None else "config", f"no file {found}")
        return found
    here = Path("xinshi.toml")
    return here if here.is_file() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), f"not valid TOML: {error}") from error
    except OSError as error:
        raise SettingsError(str(path), f"cannot be read: {error.strerror}") from error


def _override(table: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Put XINSHI_VENDORS__<NAME>__<KEY> and its like into the table, names in any case."""
    for prefix, section in _ENVIRONMENT.items():
        for name, value in variables.beginning(environment, prefix):
            own, _, key = name.removeprefix(prefix).lower().partition("__")
            if not own or not key or "__" in key:
                raise SettingsError(name, f"must be {prefix}<NAME>__<KEY>")
            tables = mapping(table.setdefault(section, {}), section)
            known = {existing.replace("-", "_"): existing for existing in tables}
            found = tables.setdefault(known.get(own, own), {})
            mapping(found, f"{section}.{own}")[key] = value
    for name, value in variables.beginning(environment, _PRIVACY):
        key = name.removeprefix(_PRIVACY).lower()
        mapping(table.setdefault("privacy", {}), "privacy")[key] = value


def parse(table: Mapping[str, Any], path: Path | None = None) -> Settings:
    """Check a whole table, as tomllib returns it; raise SettingsError."""
    top = Table(table, "")
    defaults = top.table("defaults")
    vendors = {
        accounts.account_name(name): accounts.parse(table)
        for name, table in top.tables("vendors").items()
    }
    settings = Settings(
        **_servers(top),
        vendors=vendors,
        routes=streams.parse_routes(top.mapping("routes"), vendors),
        streams=streams.parse(top.tables("streams")),
        templates={name: texts.parse(table) for name, table in top.tables("templates").items()},
        signature=texts.signature(defaults.text("signature", ""), "defaults.signature"),
        store=_store(top.table("store")),
        brake=_brake(top.table("brake")),
        breaker=_breaker(top.table("breaker")),
        health=health.parse(top.table("health")),
        suppression=suppression.parse(top.table("suppression")),
        alarms=alarms.parse(top.table("alarms")),
        worker=_worker(top.table("worker")),
        privacy=privacy.parse(top.table("privacy")),
        events=happenings.parse(top.table("events")),
        metrics=metrics.parse(top.table("metrics")),
        gateway=gateway.parse(top.table("gateway")),
        webhooks=webhooks.parse(top.tables("webhooks")),
        path=path,
    )
    defaults.close()
    top.close()
    _check_concurrency(settings)
    return settings


def _check_concurrency(settings: Settings) -> None:
    """Refuse an account that would leave one of several shards without an attempt."""
    many = len(settings.cells)
    for name, account in settings.vendors.items():
        if (account.limits.concurrency or many) < many:
            rule = f"at least {many}: each shard needs one attempt"
            raise SettingsError(f"vendors.{name}.limits.concurrency", rule)


def _servers(top: Table) -> dict[str, Any]:
    """Read the one server, or several."""
    several = shards.parse(top.pop(shards.URLS), _REDIS)
    url = top.text("redis_url", "" if several else _HERE)
    if several and url:
        raise SettingsError(shards.URLS, "set this or redis_url, not both")
    one = several[0].url if several else address(url, "redis_url", _REDIS)
    return {"redis_url": one, "shards": several}


def _store(table: Table) -> StoreSettings:
    default = StoreSettings()
    names = ("timeout", "retention", "idempotency", "reports")
    values = {name: table.duration(name, getattr(default, name)) for name in names}
    try:
        durability = Durability(table.text("durability", default.durability))
    except ValueError as error:
        key = table.key("durability")
        raise SettingsError(key, f"must be one of {', '.join(Durability)}") from error
    keep = None if table.is_empty("keep_texts") else table.interval("keep_texts", 0.0)
    table.close()
    return StoreSettings(**values, durability=durability, keep_texts=keep)


def _brake(table: Table) -> Brake:
    found = Brake(prefix=windows(table, "prefix") or (), tag=windows(table, "tag") or ())
    table.close()
    return found


def _breaker(table: Table) -> Breaker:
    default = Breaker()
    found = Breaker(
        failures=table.count("failures", None) or default.failures,
        open=table.duration("open", default.open),
        suspended=table.duration("suspended", default.suspended),
        longest=table.duration("longest", default.longest),
    )
    table.close()
    return found


def _worker(table: Table) -> WorkerSettings:
    base = WorkerSettings()
    found = WorkerSettings(
        in_flight=table.count("in_flight", None) or base.in_flight,
        batch=table.count("batch", None) or base.batch,
        slice=table.duration("slice", base.slice),
        grace=table.duration("grace", base.grace),
        reserve=table.count("reserve", base.reserve, least=0) or 0,
        heartbeat=table.text("heartbeat", base.heartbeat),
    )
    if found.reserve >= found.in_flight:
        raise SettingsError(table.key("reserve"), "must be less than worker.in_flight")
    table.close()
    return found
