"""``xinshi status`` and ``xinshi cancel``: one message, by its id."""

import rich_click as click

from producers.commands.access import Access
from producers.commands.failure import FAILED, WORKED, Failure
from producers.commands.output import coloured, json_option, put_columns, put_json
from producers.commands.pages import Command


@click.command(
    cls=Command,
    examples=(
        "xinshi status 01jd4m8x7v3k9q2r5t6w8y0z1a",
        "xinshi status 01jd4m8x7v3k9q2r5t6w8y0z1a --json",
    ),
    codes="0 found; 1 no message has this id",
)
@click.argument("message_id", metavar="ID")
@json_option
@click.pass_obj
def status(access: Access, message_id: str, as_json: bool) -> int:
    """Show what became of a message; the number is masked."""
    with access.client(access.settings()) as client:
        found = client.status(message_id).to_dict()
    if as_json:
        put_json(found)
        return WORKED
    shown = {name: str(value) for name, value in found.items() if value not in (None, "")}
    shown["status"] = coloured(shown["status"])
    put_columns([(click.style(name, dim=True), value) for name, value in shown.items()])
    return WORKED


@click.command(
    cls=Command,
    examples=(
        "xinshi cancel 01jd4m8x7v3k9q2r5t6w8y0z1a",
        "xinshi cancel 01jd4m8x7v3k9q2r5t6w8y0z1a --json",
    ),
    codes="0 cancelled; 1 too late (the line says where it stands), or no such id",
)
@click.argument("message_id", metavar="ID")
@json_option
@click.pass_obj
def cancel(access: Access, message_id: str, as_json: bool) -> int:
    """Take a message back, while no vendor was asked to send it."""
    with access.client(access.settings()) as client:
        done = client.cancel(message_id)
        now = client.status(message_id).status
    if as_json:
        put_json({"id": message_id, "cancelled": done, "status": now})
        return WORKED if done else FAILED
    if not done:
        raise Failure(f"{message_id} cannot be cancelled any more: it is {now}")
    click.echo(f"{message_id}  {now}")
    return WORKED
