"""``xinshi doctor``: what is wrong, and what to do about it."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, replace

import redis
import rich_click as click

from producers.commands import (
    arrivals,
    backlog,
    broker,
    configuration,
    credentials,
    endpoints,
    money,
    reporting,
    server,
    sharding,
    troubles,
    workers,
)
from producers.commands.access import Access
from producers.commands.checks import Check, error, worst
from producers.commands.failure import FAILED, WORKED
from producers.commands.output import json_option, put_columns, put_json
from producers.commands.pages import Command
from worker.contract.errors import SettingsError, StoreError
from worker.contract.settings import Settings
from worker.store.client import Store

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@click.command(
    cls=Command,
    examples=(
        "xinshi doctor",
        "xinshi doctor --probe",
    ),
    codes="0 nothing is broken (there may be warnings); 1 something is",
)
@click.option(
    "--probe", is_flag=True, help="Ask the vendors as well: do they know us. Sends nothing."
)
@json_option
@click.pass_obj
def doctor(access: Access, *, probe: bool, as_json: bool) -> int:
    """Check settings, Redis, waiting work and accounts; say what to do.

    It changes nothing, and asks nobody but Redis: it may run every minute. --probe asks each
    vendor that can be asked for the balance, and needs the worker's packages.
    """
    checks = list(_checks(access, probe=probe))
    verdict = worst(checks)
    if as_json:
        put_json({"verdict": verdict, "checks": [asdict(each) for each in checks]})
    else:
        _print(checks)
    return FAILED if verdict == "error" else WORKED


def _checks(access: Access, *, probe: bool) -> Iterator[Check]:
    try:
        settings = access.settings()
    except SettingsError as problem:
        yield error("settings", str(problem), "put it right; nothing else was checked")
        return
    yield from configuration.check(settings)
    if probe:
        yield from credentials.check(settings)
    with closing(access.shards(settings)) as shards:
        for place, (name, store) in enumerate(zip(shards.names, shards.all, strict=True)):
            for each in _server(store, settings, place):
                yield each if len(shards) == 1 else replace(each, check=f"{name}: {each.check}")


def _server(store: Store, settings: Settings, place: int) -> Iterator[Check]:
    """Check one server, by its place among several; the first has what there is but once."""
    try:
        found = list(server.check(store, settings.store.durability))
        yield from found
        if found[0].verdict == "error":
            return
        yield from workers.check(store)
        yield from backlog.check(store)
        yield from broker.check(store, settings.worker)
        if place == 0:
            yield from arrivals.check(store, settings)
            yield from money.check(store, settings)
        yield from troubles.check(store, settings)
        yield from reporting.check(store, settings)
        yield from endpoints.check(store, settings)
        if len(settings.cells) > 1:
            yield sharding.check(store, settings, place)
    except (StoreError, redis.RedisError, OSError) as problem:
        yield error("redis", f"{type(problem).__name__} on the way", "run this again")


def _print(checks: Iterable[Check]) -> None:
    rows = []
    for each in checks:
        verdict = click.style(each.verdict, fg=_COLOURS[each.verdict], bold=each.verdict == "error")
        advice = f" -> {each.advice}" if each.advice else ""
        rows.append((verdict, each.check, each.found + advice))
    put_columns(rows)
