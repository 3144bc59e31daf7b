"""``xinshi explain``: the life of one message, for whoever has to understand it at night."""

import rich_click as click

from producers import steps
from producers.commands.access import Access
from producers.commands.failure import WORKED
from producers.commands.output import coloured, json_option, put_columns, put_json
from producers.commands.pages import Command
from producers.life import Life


@click.command(
    cls=Command,
    examples=(
        "xinshi explain 01jd4m8x7v3k9q2r5t6w8y0z1a",
        "xinshi explain 01jd4m8x7v3k9q2r5t6w8y0z1a --json",
    ),
    codes="0 found; 1 no message has this id",
)
@click.argument("message_id", metavar="ID")
@json_option
@click.pass_obj
def explain(access: Access, message_id: str, as_json: bool) -> int:
    """Tell a message's life: every step with its reason, and what comes next.

    Times are Asia/Shanghai; vendors' codes stand as they came. Texts are never shown.
    """
    with access.client(access.settings()) as client:
        found = client.explain(message_id)
    if as_json:
        put_json(found.to_dict())
    else:
        _print(found)
    return WORKED


def _print(found: Life) -> None:
    click.echo(_head(found))
    rows = [(f"{step.at:%Y-%m-%d %H:%M:%S}.{step.at:%f}"[:23], step.text) for step in found.steps]
    if not found.complete:
        rows.insert(2, ("", "... some steps between may be forgotten: the last ones are kept"))
    put_columns([*rows, (click.style("next", bold=True), found.next.text)])


def _head(found: Life) -> str:
    known = found.snapshot
    parts = [
        *(known.id, coloured(known.status), known.stream, known.to),
        _count(known.segments, "segment"),
        f"template {known.template}" if known.template else "",
        f"tag {steps.plain(known.tag)}" if known.tag else "",
        f"only by {found.pin}" if found.pin else "",
        _count(known.attempts, "attempt") if known.attempts else "",
        _count(known.waits, "wait") if known.waits else "",
        "" if known.text_kept else "text removed",
    ]
    return "  ".join(part for part in parts if part)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
