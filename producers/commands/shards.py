"""``xinshi shards``: the servers that share the numbers, and what to do when there is one more."""

from contextlib import closing
from typing import Any

import rich_click as click

from producers.commands.access import Access
from producers.commands.failure import FAILED, WORKED
from producers.commands.output import json_option, put_columns, put_json
from producers.commands.pages import Command, Group
from worker.contract.errors import StoreError
from worker.store import gauges, presence
from worker.store.shards import Shards
from worker.store.suppression import Suppressions


@click.group(
    cls=Group,
    invoke_without_command=True,
    examples=(
        "xinshi shards",
        "xinshi shards move",
    ),
    codes="0 every server answers; 1 one does not; 2 the settings are wrong",
)
@json_option
@click.pass_context
def shards(context: click.Context, as_json: bool) -> int:
    """Show the servers: their names, their workers and what is ready there."""
    if context.invoked_subcommand is not None:
        return WORKED
    access: Access = context.obj
    with closing(access.shards(access.settings())) as found:
        rows = [_row(found, place) for place in range(len(found))]
    if as_json:
        for row in rows:
            put_json(row)
    else:
        put_columns([_cells(row) for row in rows])
    return FAILED if any(row["error"] for row in rows) else WORKED


def _row(found: Shards, place: int) -> dict[str, Any]:
    row: dict[str, Any] = {"shard": place, "name": found.names[place]}
    store = found.all[place]
    try:
        depths, workers = store.run(gauges.depths()), store.run(presence.workers())
    except StoreError as error:
        return row | {"workers": None, "ready": None, "waiting": None, "error": str(error)}
    ready = {str(stream): pile.ready for stream, pile in depths.streams.items()}
    alive = len(workers.alive)
    return row | {"workers": alive, "ready": ready, "waiting": depths.waiting, "error": None}


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    head = f"shard {row['shard']}", row["name"]
    if row["error"]:
        return (*head, click.style(row["error"], fg="red"))
    ready = ", ".join(f"{count} {stream}" for stream, count in row["ready"].items())
    return (*head, f"{row['workers']} workers", f"ready: {ready}", f"{row['waiting']} waiting")


@shards.command(
    cls=Command,
    examples=(
        "xinshi shards move",
        "xinshi --config with-one-more.toml shards move --json",
    ),
    codes="0 they are where they live; 1 a server does not answer; 2 the settings are wrong",
)
@json_option
@click.pass_obj
def move(access: Access, as_json: bool) -> int:
    """Copy the suppressed numbers to where they live, when a server was added.

    Run it with the new settings before anything is sent by them, and again after. Nothing is
    removed: what was accepted before goes on where it is. See docs/scaling.md.
    """
    with closing(access.shards(access.settings())) as found:
        count = Suppressions(found).bring_home()
    if as_json:
        put_json({"suppressed": count})
    else:
        click.echo(f"{count} suppressed numbers came home")
    return WORKED
