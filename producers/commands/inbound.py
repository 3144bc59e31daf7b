"""``xinshi inbound``: what handsets replied."""

import asyncio

import rich_click as click

from producers.commands.access import Access
from producers.commands.failure import FAILED, WORKED, complain
from producers.commands.output import json_option, put_columns, put_json
from producers.commands.pages import Command
from producers.replies import fields
from producers.snapshot import moment
from producers.steps import plain
from worker.contract.recipient import mask
from worker.contract.settings import Settings
from worker.store.inbox import Received
from worker.store.inboxes import Inboxes, Letters, is_place
from worker.store.sealing import Seal
from worker.store.shards import AsyncShards


def _place(_: click.Context, __: click.Parameter, text: str) -> str:
    if not is_place(text):
        raise click.BadParameter("is the id of an inbound message, as this command prints it")
    return text


@click.command(
    cls=Command,
    examples=(
        "xinshi inbound --limit 20",
        "xinshi inbound --after 1763611200000-0 --json",
    ),
    codes="0 listed, or there is none; 1 Redis, or one of several, does not answer; 2 bad usage",
)
@click.option(
    "--after",
    default="",
    metavar="ID",
    callback=_place,
    help="Those behind this one; its id is the first column.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=100_000),
    default=100,
    show_default=True,
    metavar="N",
    help="At most so many.",
)
@click.option("--text", "with_text", is_flag=True, help="Show what they say; it is personal.")
@json_option
@click.pass_obj
def inbound(access: Access, after: str, limit: int, with_text: bool, as_json: bool) -> int:
    """List inbound messages, the oldest first; numbers are masked, texts only shown on demand."""
    found = asyncio.run(_read(access.settings(), after, limit))
    for error in found.away:
        complain(f"its letters are left out: {error}")
    if as_json:
        for each in found.letters:
            text = {"text": each.letter.text} if with_text else {}
            put_json(fields(each, sender=mask(each.letter.sender)) | text)
    else:
        put_columns([_cells(each, with_text=with_text) for each in found.letters])
        if len(found.letters) == limit:
            click.echo(f"there may be more: --after {found.next}", err=True)
    return FAILED if found.away else WORKED


async def _read(settings: Settings, after: str, limit: int) -> Letters:
    shards = AsyncShards(settings)
    try:
        return await Inboxes(shards, Seal(settings.privacy.text_keys)).list(after, limit)
    finally:
        await shards.close()


def _cells(found: Received, *, with_text: bool) -> tuple[str, ...]:
    letter = found.letter
    return (
        found.id,
        f"{moment(found.received_at):%Y-%m-%d %H:%M:%S}",
        letter.account,
        mask(letter.sender),
        plain(letter.extension) or "-",
        letter.message_id or "-",
        "opted out" if letter.opted_out else "-",
        plain(letter.text) if with_text else "",
    )
