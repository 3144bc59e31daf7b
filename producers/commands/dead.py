"""``xinshi dead``: messages that ended without being taken; to look at, and to send again."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import rich_click as click

from producers.commands.access import Access
from producers.commands.deliveries import chunks
from producers.commands.failure import FAILED, WORKED, complain
from producers.commands.output import coloured, json_option, put_columns, put_json
from producers.commands.pages import Command, Group
from producers.letters import Filter, Letter, Replayed, Replayer, pages
from producers.snapshot import Snapshot, moment
from producers.steps import plain
from worker.contract.durations import seconds
from worker.contract.recipient import mask

_CHUNK = 100  # replays between two looks at records
_F = TypeVar("_F", bound=Callable[..., Any])


@click.group(
    cls=Group,
    examples=(
        "xinshi dead list --since 24h",
        "xinshi dead replay --reason 'validity is over' --since 2h --dry-run",
    ),
    codes="0 it worked; 1 the operation failed; 2 bad usage",
)
def dead() -> None:
    """List messages that ended without being taken, or send them again."""


def _since(_: click.Context, __: click.Parameter, text: str | None) -> int:
    if text is None:
        return 0
    try:
        return int((time.time() - seconds(text)) * 1000)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise click.BadParameter("is like 24h, or like 2026-11-20T09:30+08:00") from None
    aware = found if found.tzinfo else found.replace(tzinfo=moment(0).tzinfo)
    return max(1, int(aware.timestamp() * 1000))


def _filters(command: _F) -> _F:
    """Add the options that say which dead letters are meant."""
    for option in (
        click.option(
            *("--since", "since"),
            metavar="24h|ISO8601",
            callback=_since,
            help="Those that ended since; a time without a zone is Asia/Shanghai.",
        ),
        click.option("--account", default="", metavar="NAME", help="Those of this account."),
        click.option(
            "--reason",
            default="",
            metavar="TEXT",
            help="Those with TEXT in their reason, or as the vendor's code.",
        ),
    ):
        command = option(command)
    return command


@dead.command(
    name="list",
    cls=Command,
    examples=(
        "xinshi dead list --since 24h",
        "xinshi dead list --reason 'validity is over' --account tencent --json",
    ),
    codes="0 listed, or there is none; 1 Redis does not answer; 2 bad usage",
)
@_filters
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="At most so many.",
)
@json_option
@click.pass_obj
def list_(access: Access, /, *, limit: int, as_json: bool, **filters: Any) -> int:
    """List dead letters, the newest first; numbers are masked, texts never shown."""
    with closing(access.shards(access.settings())) as shards:
        found = (each for page in pages(shards, Filter(**filters)) for each in page)
        for chunk in chunks(islice(found, limit)):
            _put(chunk, as_json=as_json)
        if next(found, None):
            click.echo(f"there are more than {limit}: see --limit", err=True)
    return WORKED


def _put(letters: Sequence[Letter], *, as_json: bool) -> None:
    if as_json:
        for message_id, record in letters:
            put_json(Snapshot.of(message_id, record).to_dict())
        return
    put_columns(
        (
            f"{moment(record.updated):%Y-%m-%d %H:%M:%S}",
            *(message_id, coloured(record.status), record.stream, mask(record.to)),
            record.account or record.pin or "-",
            plain(" ".join(each for each in (record.code, record.reason) if each)),
        )
        for message_id, record in letters
    )


@dead.command(
    cls=Command,
    examples=(
        "xinshi dead replay 01jd4m8x7v3k9q2r5t6w8y0z1a",
        "xinshi dead replay --account tencent --since 2h --dry-run",
    ),
    codes="0 all are sent again, now or by an earlier replay (or none matches); "
    "1 some cannot be; "
    "2 bad usage: say which ones, by ids or by filters",
)
@click.argument("ids", nargs=-1, metavar="[ID...]")
@_filters
@click.option("--dry-run", is_flag=True, help="Show what would be sent again; change nothing.")
@json_option
@click.pass_obj
def replay(
    access: Access,
    /,
    *,
    ids: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    **filters: Any,
) -> int:
    """Send dead letters again: each as a new message that says the same.

    Its validity begins anew. A letter is replayed once, however often you ask.
    """
    wanted = Filter(**filters)
    if bool(ids) == bool(wanted):
        raise click.UsageError("give ids, or at least one of --reason, --account, --since")
    settings = access.settings()
    counts: Counter[str] = Counter()
    with closing(access.shards(settings)) as shards:
        # All are found before the first is sent again: what is replayed leaves the list.
        found = ids or [each for page in pages(shards, wanted) for each, _ in page]
        replayer = Replayer(shards, settings, dry=dry_run)
        for chunk in chunks(dict.fromkeys(found), _CHUNK):
            for each in replayer.replay(chunk):
                counts[_tell(each, as_json=as_json)] += 1
    _sum_up(counts, dry=dry_run)
    return FAILED if counts["refused"] else WORKED


def _sum_up(counts: Mapping[str, int], *, dry: bool) -> None:
    line = f"{counts['new']} {'would be ' if dry else ''}replayed"
    line += f", {counts['before']} had been before" if counts["before"] else ""
    line += f", {counts['refused']} cannot be" if counts["refused"] else ""
    click.echo(line, err=True)


def _tell(each: Replayed, *, as_json: bool) -> str:
    """Print what became of one; return in a word what it was."""
    record = each.record
    if as_json:
        put_json(
            {
                "id": each.id,
                "replayed_as": each.new_id or None,
                "before": each.before,
                "to": mask(record.to) if record else None,
                "stream": record.stream if record else None,
                "error": each.refusal or None,
            }
        )
    if each.refusal:
        complain(each.refusal)
        return "refused"
    if record and not as_json:
        parts = (each.id, each.new_id or "not yet", str(record.stream), mask(record.to))
        click.echo("  ".join((*parts, *(["replayed before"] if each.before else []))))
    return "before" if each.before else "new"
