"""``xinshi doctor``: what is wrong, and what to do about it."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict

import redis
import rich_click as click

from producers.commands import (
    arrivals,
    backlog,
    configuration,
    endpoints,
    money,
    server,
    troubles,
    workers,
)
from producers.commands.access import Access
from producers.commands.checks import Check, error, worst
from producers.commands.failure import FAILED, WORKED
from producers.commands.output import json_option, put_columns, put_json
from producers.commands.pages import Command
from worker.contract.errors import SettingsError, StoreError

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@click.command(
    cls=Command,
    examples=(
        "xinshi doctor",
        "xinshi doctor --json",
    ),
    codes="0 nothing is broken (there may be warnings); 1 something is",
)
@json_option
@click.pass_obj
def doctor(access: Access, as_json: bool) -> int:
    """Check settings, Redis, waiting work and accounts; say what to do."""
    checks = list(_checks(access))
    verdict = worst(checks)
    if as_json:
        put_json({"verdict": verdict, "checks": [asdict(each) for each in checks]})
    else:
        _print(checks)
    return FAILED if verdict == "error" else WORKED


def _checks(access: Access) -> Iterator[Check]:
    try:
        settings = access.settings()
    except SettingsError as problem:
        yield error("settings", str(problem), "put it right; nothing else was checked")
        return
    yield from configuration.check(settings)
    store = access.store(settings)
    try:
        found = list(server.check(store, settings.store.durability))
        yield from found
        if found[0].verdict != "error":
            yield from workers.check(store)
            yield from backlog.check(store)
            yield from arrivals.check(store, settings)
            yield from troubles.check(store, settings)
            yield from money.check(store, settings)
            yield from endpoints.check(store, settings)
    except (StoreError, redis.RedisError, OSError) as problem:
        yield error("redis", f"{type(problem).__name__} on the way", "run this again")
    finally:
        store.close()


def _print(checks: Iterable[Check]) -> None:
    rows = []
    for each in checks:
        verdict = click.style(each.verdict, fg=_COLOURS[each.verdict], bold=each.verdict == "error")
        advice = f" -> {each.advice}" if each.advice else ""
        rows.append((verdict, each.check, each.found + advice))
    put_columns(rows)
