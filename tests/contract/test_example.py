"""The example settings: every key is there, with its default, and all of it can be read."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from worker import vendors
from worker.contract import streams
from worker.contract.gateway import GatewaySettings
from worker.contract.settings import (
    Account,
    Alarms,
    Brake,
    Breaker,
    EventsSettings,
    Limits,
    MetricsSettings,
    Settings,
    StoreSettings,
    StreamSettings,
    SuppressionSettings,
    Timeouts,
    Webhook,
    WorkerSettings,
    parse,
)
from worker.contract.status import Stream

TEXT = (Path(__file__).parents[2] / "deploy" / "xinshi.example.toml").read_text("utf-8")
TABLE = tomllib.loads(TEXT)
TABLES: dict[str, type[Any]] = {
    "store": StoreSettings,
    "worker": WorkerSettings,
    "brake": Brake,
    "breaker": Breaker,
    "suppression": SuppressionSettings,
    "alarms": Alarms,
    "events": EventsSettings,
    "gateway": GatewaySettings,
    "metrics": MetricsSettings,
    "webhooks.app": Webhook,
    "vendors.tencent.limits": Limits,
    "vendors.tencent.timeouts": Timeouts,
    **{f"streams.{each}": StreamSettings for each in Stream},
}


def sections() -> dict[str, str]:
    """The text under each heading."""
    parts = re.split(r"^\[([^\]]+)\]", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def table_keys() -> Iterator[tuple[str, str]]:
    for path, kind in TABLES.items():
        yield from ((path, field.name) for field in fields(kind))


def adapter_keys() -> Iterator[tuple[str, str]]:
    for name in vendors.names():
        adapter = import_module(f"worker.vendors.{name}").Adapter
        yield from ((f"vendors.{name}", key) for key in (*adapter.credentials, *adapter.options))


def test_it_is_read_with_every_adapter() -> None:
    found = parse(TABLE)

    assert sorted(each.adapter for each in vendors.load_all(found).values()) == vendors.names()


@pytest.mark.parametrize(("section", "key"), [*table_keys(), *adapter_keys()])
def test_every_key_is_in_it(section: str, key: str) -> None:
    assert key == "api_keys" or re.search(rf"^{key} = ", sections()[section], re.MULTILINE)


def test_every_table_is_in_it() -> None:
    other = {"redis_url", "shards", "shard", "signature", "path"}
    known = {field.name for field in fields(Settings)} - other

    assert known | {"redis_url", "defaults"} == TABLE.keys()


@pytest.mark.parametrize("section", [each for each in sections() if each.startswith("streams.")])
def test_the_streams_have_their_defaults(section: str) -> None:
    stream = Stream(section.removeprefix("streams."))

    assert parse(TABLE).streams[stream] == streams.defaults()[stream]


def test_the_workings_have_their_defaults() -> None:
    found, plain = parse(TABLE), Settings()

    assert found.redis_url == plain.redis_url
    assert (found.store, found.worker) == (plain.store, plain.worker)
    assert found.alarms == plain.alarms
    assert found.events == plain.events
    assert found.metrics == plain.metrics
    assert found.suppression == plain.suppression
    assert (found.brake, found.breaker, found.gateway) == (
        plain.brake, plain.breaker, plain.gateway,
    )  # fmt: skip


def test_what_every_account_may_say_has_its_default() -> None:
    found, plain = parse(TABLE).vendors["tencent"], Account(adapter="tencent")

    for name in ("balance_every", "balance_low"):
        assert name in TABLE["vendors"]["tencent"]
        assert getattr(found, name) == getattr(plain, name)


def test_a_webhook_has_its_defaults() -> None:
    found = parse(TABLE).webhooks["app"]

    assert found == Webhook(url=found.url, secret=found.secret)


@pytest.mark.parametrize("name", vendors.names())
def test_the_adapters_options_have_their_defaults(name: str) -> None:
    adapter = import_module(f"worker.vendors.{name}").Adapter
    said = TABLE["vendors"][name]

    for key, default in adapter.options.items():
        assert said[key] == default or "set me" in str(said[key]) or key == "sign"


def test_the_first_key_of_its_kind_is_explained() -> None:
    """One line each: what a key is for stands beside it, where it comes first."""
    seen: set[str] = set()
    bare = []
    for line in TEXT.splitlines():
        found = re.match(r"([a-z_]+) = .+?( {2,}# \S.*)?$", line)
        if found and found[1] not in seen:
            seen.add(found[1])
            bare += [] if found[2] else [found[1]]

    assert {key for _, key in table_keys()} & set(bare) <= {"longest", "listen"}


def test_what_it_suggests_is_understood() -> None:
    """The values in its comments, which are off by default."""
    other_servers = {key: value for key, value in TABLE.items() if key != "redis_url"}
    found = parse(
        {
            **TABLE,
            "routes": {"marketing": {"chuangrui": 3, "tencent": 1}},
            "brake": {"prefix": ["200/10m"], "tag": ["1000/1h"]},
            "streams": {"otp": {"per_number": ["1/60s", "10/day"]}},
        }
    )

    assert found.weights(Stream.MARKETING) == (3.0, 1.0)
    several = parse({**other_servers, "redis_urls": ["redis://one/0", "redis://two/0"]})

    assert len(several.cells) == 2
    for said in (
        'redis_urls = ["redis://one/0", "redis://two/0"]',
        '["200/10m"]',
        '["1000/1h"]',
        '["1/60s", "10/day"]',
        "{ chuangrui = 3",
    ):
        assert said in TEXT
