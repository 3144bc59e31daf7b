"""``xinshi send``: from numbers, or from a CSV file."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import BinaryIO

import rich_click as click

from producers.commands.access import Access
from producers.commands.failure import BAD_INPUT, Failure
from producers.commands.output import json_option
from producers.commands.pages import Command
from producers.commands.rows import Defaults, Rows
from producers.commands.sending import Sending


def _parameters(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise click.BadParameter("must look like name=value")
        if name in found:
            raise click.BadParameter(f"{name} is given twice")
        found[name] = value
    return found


@click.command(
    cls=Command,
    examples=(
        'xinshi send 13800138000 --text "您的包裹已到" --signature 信使 --wait 10',
        "xinshi send --csv people.csv --template otp --param minutes=5 --json",
    ),
    codes="0 all are stored (with --wait: all are submitted or delivered); "
    "1 some were refused, or did not get there; "
    "2 bad usage or bad input: nothing is stored",
)
@click.argument("numbers", nargs=-1, metavar="NUMBER...")
@click.option("--text", help="What it says, without the signature.")
@click.option("--template", metavar="NAME", help="A template of the settings, instead of --text.")
@click.option(
    *("--param", "params"),
    multiple=True,
    metavar="K=V",
    callback=_parameters,
    help="A parameter of the template; once for each.",
)
@click.option("--stream", metavar="NAME", help="otp, notice (the default) or marketing.")
@click.option("--account", metavar="NAME", help="Only by this account: no failover.")
@click.option("--signature", metavar="BRAND", help="Instead of the template's or the default one.")
@click.option(
    "--idempotency-key",
    metavar="KEY",
    help="The same key within a day sends once. With several numbers, or --csv, each recipient "
    "has a key of its own: KEY:+8613800138000.",
)
@click.option("--at", "send_at", metavar="ISO8601", help="Not before 2026-11-20T09:30+08:00.")
@click.option("--validity", metavar="5m", help="Not submitted any more after this time.")
@click.option("--tag", metavar="T", help="Your own label.")
@click.option(
    "--csv",
    "path",
    metavar="FILE",
    help="One message a row; - is stdin. Column to (number, phone, mobile); columns named text, "
    "template, signature, stream, account, idempotency_key, send_at, validity, tag; every other "
    "column is a parameter. Options fill what a row lacks.",
)
@click.option(
    "--wait",
    "patience",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Watch until all are submitted or ended.",
)
@json_option
@click.pass_obj
def send(
    access: Access,
    /,
    *,
    numbers: tuple[str, ...],
    params: dict[str, str],
    path: str | None,
    patience: float | None,
    as_json: bool,
    **given: str | None,
) -> int:
    """Send messages: store them for the workers, print their ids."""
    if bool(numbers) == bool(path):
        raise click.UsageError("give numbers, or --csv FILE, not both and not neither")
    fields = {name: value for name, value in given.items() if value is not None}
    defaults = Defaults(fields, params, one_key_each=path is not None or len(numbers) > 1)
    settings = access.settings()
    with access.client(settings) as client, closing(access.shards(settings)) as shards:
        sending = Sending(client, shards, as_json=as_json, patience=patience)
        if path:
            with _opened(path) as file:
                return sending.table(Rows(file, defaults), file)
        return sending.numbers([defaults.fill({"to": number}, {}) for number in numbers])


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == "-":
        yield sys.stdin.buffer
        return
    try:
        file = open(path, "rb")  # noqa: SIM115, PTH123 - closed below; an open error is told apart
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", BAD_INPUT) from error
    with file:
        yield file
