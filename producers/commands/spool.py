"""``xinshi spool``: the pages of vendors that no parser understood."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import rich_click as click

from producers.commands.access import Access
from producers.commands.failure import WORKED
from producers.commands.output import json_option, put_columns, put_json
from producers.commands.pages import Command, Group
from producers.snapshot import moment
from producers.steps import plain
from worker.contract.settings import Settings
from worker.store.client import AsyncStore
from worker.store.sealing import Seal
from worker.store.spool import Spool, Unread

T = TypeVar("T")


@click.group(
    cls=Group,
    examples=(
        "xinshi spool list",
        "xinshi spool replay",
    ),
    codes="0 it worked; 1 the operation failed; 2 bad usage",
)
def spool() -> None:
    """Look after callbacks and polled pages that could not be read."""


@spool.command(
    name="list",
    cls=Command,
    examples=(
        "xinshi spool list",
        "xinshi spool list --json",
    ),
    codes="0 listed, or there is none; 1 Redis does not answer",
)
@json_option
@click.pass_obj
def list_(access: Access, as_json: bool) -> int:
    """List the pages that no parser understood, and why; what they say is not shown."""
    found: list[Unread] = _with_spool(access.settings(), lambda kept: kept.aside(1000))
    if as_json:
        for each in found:
            put_json(
                {
                    "id": each.id,
                    "came_at": moment(each.came).isoformat(),
                    "account": each.account,
                    "kind": each.kind,
                    "why": each.why,
                }
            )
        return WORKED
    put_columns(
        (
            each.id,
            f"{moment(each.came):%Y-%m-%d %H:%M:%S}",
            each.account or "-",
            each.kind or "-",
            plain(each.why),
        )
        for each in found
    )
    return WORKED


@spool.command(
    cls=Command,
    examples=(
        "xinshi spool replay",
        "xinshi spool replay --json",
    ),
    codes="0 they are parsed again; 1 Redis does not answer",
)
@json_option
@click.pass_obj
def replay(access: Access, as_json: bool) -> int:
    """Parse the pages again that were not understood, after a fix or a change of settings."""
    count: int = _with_spool(access.settings(), lambda kept: kept.replay())
    if as_json:
        put_json({"replayed": count})
    else:
        click.echo(f"{count} pages are put back, to be parsed again")
    return WORKED


def _with_spool(settings: Settings, act: Callable[[Spool], Awaitable[T]]) -> T:
    async def run() -> T:
        store = AsyncStore(settings.redis_url, timeout=settings.store.timeout)
        try:
            return await act(Spool(store, seal=Seal(settings.privacy.text_keys)))
        finally:
            await store.close()

    return asyncio.run(run())
