"""``xinshi forget``: erase what is stored of one number."""

import sys
from contextlib import closing
from dataclasses import asdict

import rich_click as click

from producers.commands.access import Access
from producers.commands.failure import BAD_INPUT, FAILED, WORKED, Failure
from producers.commands.output import json_option, put_json
from producers.commands.pages import Command
from worker.contract import recipient
from worker.contract.recipient import mask
from worker.store.erasure import Erased, Eraser
from worker.store.sealing import Seal


@click.command(
    cls=Command,
    examples=(
        "xinshi forget 13800138000",
        "xinshi forget 13800138000 --suppression --yes --json",
    ),
    codes="0 erased; 1 a message to it is on its way, not agreed, or Redis does not answer; "
    "2 bad usage",
)
@click.argument("number", metavar="NUMBER")
@click.option("--suppression", is_flag=True, help="Take it off the suppression lists as well.")
@click.option("--force", is_flag=True, help="Erase messages that are on their way, too.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@json_option
@click.pass_obj
def forget(
    access: Access, number: str, *, suppression: bool, force: bool, yes: bool, as_json: bool
) -> int:
    """Erase what is stored of a number: messages, replies, and what is remembered for it.

    It stays on the suppression lists unless --suppression is given: they are what keeps it from
    being written to again. Every record is read through, some seconds for a million.
    """
    wanted, settings = recipient.parse(number, "NUMBER"), access.settings()
    if not yes:
        _agree(wanted)
    with closing(access.shards(settings)) as shards:
        aliases = settings.privacy.aliases
        seal = Seal(settings.privacy.text_keys)
        erasers = [Eraser(store, wanted, aliases, seal) for store in shards.all]
        if not force and (count := sum(each.on_their_way() for each in erasers)):
            raise Failure(
                f"{count} {'message' if count == 1 else 'messages'} to it may be submitted yet: "
                "cancel them, wait, or give --force; nothing was erased"
            )
        accounts = tuple(settings.vendors)
        done = Erased()
        for each in erasers:
            done += each.run(accounts, force=force, suppression=suppression)
    if as_json:
        put_json({"to": mask(wanted), **asdict(done)})
    else:
        _tell(done, mask(wanted))
    return FAILED if done.on_their_way else WORKED


def _agree(number: str) -> None:
    if not sys.stdin.isatty():
        raise Failure("there is no terminal to ask at: give --yes", BAD_INPUT)
    if not click.confirm(f"Erase what is stored of {mask(number)} for good?"):
        raise Failure("nothing was erased")


def _tell(done: Erased, shown: str) -> None:
    parts = [
        f"{done.messages} messages",
        f"{done.replies} replies",
        f"{done.memories} keys of its memory",
        f"{done.suppressed} suppression lists",
    ]
    click.echo(f"{shown}: erased {', '.join(parts)}")
    if done.on_their_way:
        click.echo(f"{done.on_their_way} messages came meanwhile and stay: run it again")
    if done.pages:
        click.echo(
            f"{done.pages} raw pages of vendors hold it, with other numbers: see xinshi spool"
        )
