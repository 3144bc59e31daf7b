"""Sending: one run of ``xinshi send``."""

from collections import Counter
from collections.abc import Sequence
from typing import BinaryIO

import rich_click as click

from producers.client import Client
from producers.commands.deliveries import ARRIVED, Delivery, chunks, deliver, look, wait
from producers.commands.failure import BAD_INPUT, FAILED, WORKED, Failure, complain
from producers.commands.output import coloured, put_columns, put_json
from producers.commands.progress import progress
from producers.commands.rows import Fields, Rows
from worker.contract.errors import MessageError
from worker.store.shards import Shards


class Sending:
    """Hands messages in, tells what was refused, and says in the end what they came to."""

    def __init__(
        self, client: Client, shards: Shards, *, as_json: bool, patience: float | None
    ) -> None:
        self._client = client
        self._shards = shards
        self._json = as_json
        self._patience = patience
        self._shardsd = 0
        self._refused = 0
        self._doubt = 0  #: the first place of a chunk whose answer is not there (yet)
        self._watched: list[Delivery] = []

    def numbers(self, messages: Sequence[Fields]) -> int:
        """Send to the numbers of the command line; return the exit code."""
        try:
            for chunk in chunks(enumerate(messages, 1)):
                self._watched += self._hand_in(chunk, in_file=False)
            self._watch(self._watched)
        finally:
            self._print(self._watched)
        for each in self._watched:
            if each.error:
                where = f"number {each.place} ({each.to}): " if len(messages) > 1 else ""
                complain(f"{where}{each.error}")
        return BAD_INPUT if not self._shardsd else self._verdict()

    def table(self, rows: Rows, file: BinaryIO) -> int:
        """Send the rows of a file, a chunk at a time; return the exit code."""
        try:
            with progress(file) as advance:
                for chunk in chunks(rows):
                    self._row_by_row(self._hand_in(chunk, in_file=True))
                    advance(rows.consumed, f"{self._shardsd} stored, {self._refused} refused")
            if self._patience is not None:
                self._watch(self._watched)
        except Failure as error:
            error.code = FAILED if self._shardsd else BAD_INPUT
            raise
        finally:
            self._sum_up()
        return self._verdict()

    def _hand_in(
        self, chunk: Sequence[tuple[int, Fields | MessageError]], *, in_file: bool
    ) -> list[Delivery]:
        self._doubt = chunk[0][0]
        found = deliver(self._client, chunk, in_file=in_file)
        self._doubt = 0
        self._shardsd += sum(1 for each in found if each.id)
        self._refused += sum(1 for each in found if each.error)
        return found

    def _row_by_row(self, found: list[Delivery]) -> None:
        """Tell what was refused; keep what is waited for, print what is not."""
        for each in found:
            if each.error:
                complain(f"line {each.place} ({each.to}): {each.error}")
        if self._patience is not None:
            self._watched += found
        elif self._json:
            self._watch(found)
            self._print(found)

    def _watch(self, found: Sequence[Delivery]) -> None:
        if self._patience is None:
            look(self._shards, found)
        else:
            wait(self._shards, found, self._patience)

    def _print(self, found: Sequence[Delivery]) -> None:
        if self._json:
            for each in found:
                put_json(each.to_dict())
        else:
            put_columns(
                [
                    (each.id, coloured(each.status or ""), each.to, each.reason)
                    for each in found
                    if each.id
                ]
            )

    def _sum_up(self) -> None:
        """Say what a file came to: the answer itself, or beside JSON a remark on stderr."""
        if self._json and self._patience is not None:
            self._print(self._watched)
        statuses = Counter(str(each.status) for each in self._watched if each.id)
        ends = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
        line = f"{self._shardsd} stored, {self._refused} refused{': ' if ends else ''}{ends}"
        doubt = f"; nothing is known from line {self._doubt} on" if self._doubt else ""
        click.echo(line + doubt, err=self._json)

    def _verdict(self) -> int:
        if self._refused:
            return FAILED
        if self._patience is None or all(each.status in ARRIVED for each in self._watched):
            return WORKED
        return FAILED
