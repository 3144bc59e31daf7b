"""How commands show what they found: JSON for programs, aligned lines for people."""

from collections.abc import Iterable, Sequence
from typing import Any
from unicodedata import east_asian_width

import msgspec
import rich_click as click

from worker.contract.status import Status

COLOURS = {
    Status.SUBMITTED: "green",
    Status.DELIVERED: "green",
    Status.UNKNOWN: "yellow",
    Status.UNDELIVERED: "red",
    Status.REJECTED: "red",
    Status.EXPIRED: "red",
    Status.SUPPRESSED: "red",
}

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one object a line, for programs."
)


def put_json(value: Any) -> None:
    """Print one value as a line of JSON, Chinese as it is."""
    click.echo(msgspec.json.encode(value).decode())


def coloured(status: str) -> str:
    """Return a status as a terminal shows it; ``click.echo`` takes the colour out elsewhere."""
    colour = COLOURS.get(Status(status)) if status in Status.__members__.values() else None
    return click.style(status, fg=colour) if colour else status


def _width(text: str) -> int:
    """Return the columns a text takes on a terminal: Chinese characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def put_columns(rows: Iterable[Sequence[str]], gap: str = "  ") -> None:
    """Print rows aligned; the last column may be as long as it likes."""
    rows = list(rows)
    if not rows:
        return
    shown = [[click.unstyle(cell) for cell in row] for row in rows]
    widths = [max(_width(row[at]) for row in shown) for at in range(len(rows[0]))]
    for row, bare in zip(rows, shown, strict=True):
        cells = (
            cell + " " * (width - _width(plain))
            for cell, plain, width in zip(row, bare, widths, strict=True)
        )
        click.echo(gap.join(cells).rstrip())
