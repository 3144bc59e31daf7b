"""``xinshi webhooks``: how the endpoints do that are told what happens."""

import asyncio
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import rich_click as click

from producers.commands import endpoints
from producers.commands.access import Access
from producers.commands.extras import load
from producers.commands.failure import BAD_INPUT, FAILED, WORKED, Failure, complain
from producers.commands.output import json_option, put_columns, put_json
from producers.commands.pages import Command, Group
from producers.snapshot import moment
from producers.steps import plain
from worker.contract.settings import Settings
from worker.contract.webhooks import Webhook
from worker.store import totals
from worker.store import webhooks as acts
from worker.store.webhooks import Condition

_COLOURS = {"ok": "green", "gone": "red", "resting": "yellow", "probing": "yellow"}


@click.group(
    cls=Group,
    invoke_without_command=True,
    examples=(
        "xinshi webhooks --json",
        "xinshi webhooks test app",
    ),
    codes="0 it worked; 1 the operation failed; 2 bad usage, or no such endpoint",
)
@json_option
@click.pass_context
def webhooks(context: click.Context, as_json: bool) -> int:
    """Show how each endpoint does that events are posted to."""
    if context.invoked_subcommand is not None:
        return WORKED
    access: Access = context.obj
    settings = access.settings()
    with closing(access.shards(settings)) as shards:
        found = {
            name: totals.endpoint([acts.look(store, name) for store in shards.all])
            for name in settings.webhooks
        }
    now = int(time.time() * 1000)
    if as_json:
        for name, each in found.items():
            put_json(_fields(name, settings.webhooks[name], each, now))
    elif found:
        put_columns(
            [_cells(name, settings.webhooks[name], each, now) for name, each in found.items()]
        )
    else:
        where = settings.path or "there is no xinshi.toml"
        click.echo(f"no [webhooks.NAME] in the settings ({where})", err=True)
    return WORKED


@webhooks.command(
    name="test",
    cls=Command,
    examples=(
        "xinshi webhooks test app",
        "xinshi webhooks test app --json",
    ),
    codes="0 the endpoint took it; 1 it did not; 2 bad usage, or no such endpoint",
)
@click.argument("name")
@json_option
@click.pass_obj
def test(access: Access, name: str, as_json: bool) -> int:
    """Post one signed event of the type ping to an endpoint, now.

    Whether it rests or not, and without another try. Needs the worker's packages.
    """
    webhook = _webhook(access.settings(), name)
    begun = time.monotonic()
    http = load("worker.notify.posting", "posting to an endpoint", "worker")
    answer = asyncio.run(_ping(http, webhook))
    milliseconds = round((time.monotonic() - begun) * 1000)
    if as_json:
        said = {"status": answer.status or None, "error": answer.reason or None}
        put_json({"name": name, "took": not answer.reason, **said, "milliseconds": milliseconds})
    elif not answer.reason:
        click.echo(f"{webhook.host} took it: HTTP {answer.status} in {milliseconds} ms")
    if answer.reason:
        complain(f"{name}: {answer.reason}")
        return FAILED
    return WORKED


@webhooks.command(
    cls=Command,
    examples=(
        "xinshi webhooks resume app",
        "xinshi webhooks resume app --json",
    ),
    codes="0 it is posted to again; 1 Redis does not answer; 2 bad usage, or no such endpoint",
)
@click.argument("name")
@json_option
@click.pass_obj
def resume(access: Access, name: str, as_json: bool) -> int:
    """Post to an endpoint again that rests or wanted no more; what waits for it is due now."""
    settings = access.settings()
    _webhook(settings, name)
    with closing(access.shards(settings)) as shards:
        every = shards.everywhere(acts.resume(name))
    rested, sooner = any(each for each, _ in every), sum(count for _, count in every)
    if as_json:
        put_json({"name": name, "rested": rested, "sooner": sooner})
    else:
        word = "it is posted to again" if rested else "it did not rest"
        click.echo(f"{name}: {word}; {sooner} events that waited for a later try are due now")
    return WORKED


def _webhook(settings: Settings, name: str) -> Webhook:
    found = settings.webhooks.get(name)
    if found is None:
        known = ", ".join(settings.webhooks) or "none"
        raise Failure(f"no [webhooks.{name}] in the settings; there are: {known}", BAD_INPUT)
    return found


async def _ping(http: Any, webhook: Webhook) -> Any:
    now = datetime.now(UTC)
    body = http.payload("ping", now.isoformat(timespec="milliseconds"), {})
    poster = http.Poster(webhook)
    poster.open()
    try:
        return await poster.post(f"ping_{int(now.timestamp() * 1000)}", body)
    finally:
        await poster.close()


def _fields(name: str, webhook: Webhook, found: Condition, now: int) -> dict[str, object]:
    def iso(milliseconds: int) -> str | None:
        return moment(milliseconds).isoformat() if milliseconds else None

    return {
        "name": name,
        "host": webhook.host,
        "state": endpoints.state(found, now),
        "served": found.served,
        "events": sorted(webhook.events),
        "waiting": found.waiting,
        "delivered": found.delivered,
        "failed": found.failed,
        "given_up": found.given_up,
        "dropped": found.dropped,
        "last_success": iso(found.last_success),
        "last_failure": iso(found.last_failure),
        "reason": plain(found.reason) or None,
        "rest_until": iso(found.rest),
        "gone_since": iso(found.gone),
    }


def _cells(name: str, webhook: Webhook, found: Condition, now: int) -> tuple[str, ...]:
    word = endpoints.state(found, now)
    failure = f"last failure {_ago(found.last_failure)}: {plain(found.reason)}"
    return (
        name,
        webhook.host,
        click.style(word, fg=_COLOURS.get(word)),
        f"{found.waiting} waiting",
        f"{found.delivered} delivered",
        f"{found.failed} failed, {found.given_up} given up, {found.dropped} dropped",
        failure if found.last_failure else "",
    )


def _ago(milliseconds: int) -> str:
    return f"{moment(milliseconds):%Y-%m-%d %H:%M:%S}"
