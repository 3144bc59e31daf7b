"""``xinshi events``: what happened, as web apps are told of it."""

from collections.abc import Iterator
from contextlib import closing

import rich_click as click

from producers.commands.access import Access
from producers.commands.failure import WORKED
from producers.commands.output import coloured, json_option, put_json
from producers.commands.pages import Command
from producers.following import carry_out, watch
from producers.snapshot import moment
from producers.steps import plain
from worker.contract.happenings import TYPES, Event
from worker.contract.settings import Settings

_LAST = 20
_WIDE = max(map(len, TYPES))


@click.command(
    cls=Command,
    examples=(
        "xinshi events --last 50 --type delivered --type undelivered --follow",
        "xinshi events --group billing --follow --json",
    ),
    codes="0 shown, or there is none; 1 Redis does not answer; 2 bad usage",
)
@click.option(
    "--group",
    metavar="G",
    help="Take the events from this group: each comes to one of its consumers. Else only look.",
)
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice(TYPES),
    metavar="T",
    help=f"Only of this type; may be given several times: {', '.join(TYPES)}.",
)
@click.option("--follow", "-f", is_flag=True, help="Go on with those to come.")
@click.option(
    "--last",
    type=click.IntRange(min=0, max=1_000_000),
    metavar="N",
    help=f"The last so many, without a group.  [default: {_LAST}]",
)
@json_option
@click.pass_obj
def events(
    access: Access,
    *,
    group: str | None,
    types: tuple[str, ...],
    follow: bool,
    last: int | None,
    as_json: bool,
) -> int:
    """Show events, the oldest first; numbers are masked, texts are never in them."""
    settings = access.settings()
    if group is None:
        found = _look(access, settings, _LAST if last is None else last, types, follow=follow)
    elif last is not None:
        raise click.UsageError("--last is for looking; a group has its own place: drop one of them")
    else:
        found = _take(access, settings, group, types, follow=follow)
    for event in found:
        if as_json:
            put_json(event.to_dict())
        else:
            click.echo(_line(event))
    return WORKED


def _look(
    access: Access, settings: Settings, last: int, types: tuple[str, ...], *, follow: bool
) -> Iterator[Event]:
    timeout = settings.store.timeout
    with closing(access.shards(settings)) as shards:
        moves = watch(len(shards), last, types, follow=follow, timeout=timeout)
        yield from carry_out(shards, moves)


def _take(
    access: Access, settings: Settings, group: str, types: tuple[str, ...], *, follow: bool
) -> Iterator[Event]:
    with access.client(settings) as client:
        try:
            found = client.events(group, types=types, wait=None if follow else 0.0)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        yield from found


def _line(event: Event) -> str:
    kind = coloured(event.type) + " " * (_WIDE - len(event.type))
    at = moment(event.at)
    return f"{at:%Y-%m-%d %H:%M:%S}.{event.at % 1000:03}  {kind}  {_said(event.data)}".rstrip()


def _said(data: dict[str, object]) -> str:
    """Return what an event says, without what is empty."""
    told = ((name, value) for name, value in data.items() if value not in ("", None))
    return "  ".join(f"{name}={plain(str(value))}" for name, value in told if name != "status")
