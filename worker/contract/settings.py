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
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from worker.contract import (
    accounts,
    alarms,
    brake,
    breaker,
    gateway,
    happenings,
    health,
    metrics,
    privacy,
    shards,
    sources,
    store,
    streams,
    suppression,
    variables,
    webhooks,
    worker,
)
from worker.contract import templates as texts
from worker.contract.accounts import Account, Limits, Timeouts
from worker.contract.alarms import Alarms
from worker.contract.brake import Brake
from worker.contract.breaker import Breaker
from worker.contract.errors import SettingsError
from worker.contract.gateway import ApiKey, GatewaySettings
from worker.contract.happenings import EventsSettings
from worker.contract.health import HealthSettings
from worker.contract.metrics import MetricsSettings
from worker.contract.privacy import PrivacySettings
from worker.contract.shards import Placing, Shard
from worker.contract.status import Stream
from worker.contract.store import Durability, StoreSettings
from worker.contract.streams import Resend, Route, StreamSettings
from worker.contract.suppression import SuppressionSettings
from worker.contract.tables import Table, address
from worker.contract.templates import Template
from worker.contract.webhooks import Webhook
from worker.contract.worker import WorkerSettings

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
_HERE = "redis://127.0.0.1:6379/0"


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
    found = sources.find(path, environment)
    table = sources.table(found, redis_url, environment)
    settings = parse(table, found)
    return replace(settings, shard=shards.served(environment.get(shards.SERVED), settings.shards))


def redis_from_environment() -> str | None:
    """Return the server that XINSHI_REDIS_URL names, or None."""
    return variables.value(os.environ, sources.REDIS_URL)  # noqa: TID251 - the one place


def environment(**extra: str) -> dict[str, str]:
    """Return the environment for a child process, with something put into it."""
    replaced = {name + variables.FILE for name in extra}  # else it would be set twice
    kept = {name: said for name, said in os.environ.items() if name not in replaced}  # noqa: TID251
    return kept | extra


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
        store=store.parse(top.table("store")),
        brake=brake.parse(top.table("brake")),
        breaker=breaker.parse(top.table("breaker")),
        health=health.parse(top.table("health")),
        suppression=suppression.parse(top.table("suppression")),
        alarms=alarms.parse(top.table("alarms")),
        worker=worker.parse(top.table("worker")),
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
