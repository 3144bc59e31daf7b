"""``xinshi send``: from numbers, or from a CSV file."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, BinaryIO

import rich_click as click

from producers.client import Client
from producers.commands.access import Access
from producers.commands.deliveries import (
    ARRIVED,
    Delivery,
    Tally,
    chunks,
    deliver,
    look,
    surely_stored,
    wait,
)
from producers.commands.failure import BAD_INPUT, FAILED, WORKED, Failure, complain
from producers.commands.output import coloured, json_option, put_columns, put_json
from producers.commands.progress import Progress
from producers.commands.rows import Defaults, Fields, Rows
from worker.contract.errors import MessageError, StoreError
from worker.store.client import Store


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
    epilog="""
\b
Examples:
  xinshi send 13800138000 --text "您的包裹已到" --signature 信使 --wait 10
  xinshi send --csv people.csv --template otp --param minutes=5 --json
\b
Exit code: 0 all stored (with --wait: all submitted or delivered), 1 some were
refused or did not get there, 2 bad usage or bad input: nothing was stored.
"""
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
    "seconds",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Watch until all are submitted or ended.",
)
@json_option
@click.pass_obj
def send(
    access: Access,
    numbers: tuple[str, ...],
    params: dict[str, str],
    path: str | None,
    seconds: float | None,
    as_json: bool,
    **given: str | None,
) -> int:
    """Send text messages: store them for the workers, and print their ids."""
    if bool(numbers) == bool(path):
        raise click.UsageError("give numbers, or --csv FILE, not both and not neither")
    fields = {name: value for name, value in given.items() if value is not None}
    defaults = Defaults(fields, params, one_key_each=path is not None or len(numbers) > 1)
    settings = access.settings()
    with access.client(settings) as client:
        sending = _Sending(client, access.store(settings), as_json=as_json, seconds=seconds)
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


class _Sending:
    """One run of the command."""

    def __init__(
        self, client: Client, store: Store, *, as_json: bool, seconds: float | None
    ) -> None:
        self._client = client
        self._store = store
        self._json = as_json
        self._seconds = seconds
        self._tally = Tally()
        self._watched: list[Delivery] = []

    def numbers(self, messages: Sequence[Fields]) -> int:
        """Send to the numbers of the command line."""
        found: list[Delivery] = []
        try:
            for chunk in chunks(enumerate(messages, 1)):
                found += self._hand_in(chunk)
            self._watch(found)
        finally:
            self._print(found)
        refused = [delivery for delivery in found if delivery.error]
        if len(messages) == 1 and refused:
            assert refused[0].error
            raise refused[0].error
        for delivery in refused:
            complain(f"number {delivery.place} ({delivery.to}): {delivery.error}")
        return BAD_INPUT if refused and not self._tally.stored else self._verdict(found)

    def table(self, rows: Rows, file: BinaryIO) -> int:
        """Send the rows of a file, a chunk at a time."""
        try:
            with Progress(rows, file) as progress:
                for chunk in chunks(rows):
                    found = self._hand_in(chunk)
                    self._note(found)
                    progress.advance()
            self._watch(self._watched)
        except Failure as error:
            error.exit_code = FAILED if self._tally.stored else BAD_INPUT
            raise
        finally:
            self._print(self._watched)
            self._sum_up()
        return self._verdict(self._watched)

    def _hand_in(self, chunk: Sequence[tuple[int, Fields | MessageError]]) -> list[Delivery]:
        try:
            found = deliver(self._client, chunk)
        except StoreError as error:
            stored = surely_stored(error)
            self._tally.stored += stored
            if self._tally.stored or chunk[0][0] > 1:
                complain(f"{self._tally.stored} are stored; from {chunk[0][0]} on, perhaps not all")
            raise
        self._tally.stored += sum(1 for delivery in found if delivery.id)
        self._tally.refused += sum(1 for delivery in found if delivery.error)
        return found

    def _note(self, found: Iterable[Delivery]) -> None:
        """Tell what was refused; keep what is waited for, print what is not."""
        for delivery in found:
            if delivery.error:
                complain(f"line {delivery.place} ({delivery.to}): {delivery.error}")
        if self._seconds is not None:
            self._watched += found
        elif self._json:
            found = list(found)
            look(self._store, found)
            self._print(found)

    def _watch(self, found: Sequence[Delivery]) -> None:
        if self._seconds is None:
            look(self._store, found)
        else:
            wait(self._store, found, self._seconds)

    def _print(self, found: Iterable[Delivery]) -> None:
        raise NotImplementedError
