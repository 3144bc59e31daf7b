"""``xinshi suppression``: the numbers that get no marketing."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any, BinaryIO, TypeVar

import rich_click as click

from producers.commands.access import Access
from producers.commands.deliveries import chunks
from producers.commands.failure import BAD_INPUT, FAILED, WORKED, Failure, complain
from producers.commands.output import json_option, put_json
from producers.commands.pages import Command, Group
from producers.steps import plain
from worker.contract import recipient, templates
from worker.contract.errors import MessageError
from worker.contract.recipient import mask
from worker.contract.settings import Settings
from worker.store.suppression import EVERYWHERE, Suppressions, under

_CHUNK = 1000
_SAID = 20  # lines complained about one by one
_BOM = "\ufeff"
_HEADERS = ("to", "number", "phone", "mobile")
_F = TypeVar("_F", bound=Callable[..., Any])


@click.group(
    cls=Group,
    examples=(
        "xinshi suppression add 13800138000",
        "xinshi suppression import opted-out.txt",
    ),
    codes="0 it worked; 1 the operation failed; 2 bad usage",
)
def suppression() -> None:
    """Keep the list of numbers that get no marketing; otp and notice are exempt."""


def _scope(command: _F) -> _F:
    scope = click.option(
        "--scope",
        metavar="all|ACCOUNT",
        help="Where they are suppressed: everywhere, the default, or by one account.",
    )
    signature = click.option(
        "--signature", metavar="BRAND", help="Instead: under this signature, by every account."
    )
    return scope(signature(command))


def _where(settings: Settings, scope: str | None, signature: str | None) -> str | None:
    """Return the scope that the options name; None: neither was given."""
    if signature is None:
        if scope in (None, EVERYWHERE) or scope in settings.vendors:
            return scope
        raise Failure(f"--scope: {scope!r} is neither all nor an account's name", BAD_INPUT)
    if scope is not None:
        raise Failure("give either --scope or --signature", BAD_INPUT)
    brand = templates.signature(signature, "--signature")
    if not brand:
        raise Failure("--signature: must not be empty", BAD_INPUT)
    return under(brand)


def _change(
    access: Access,
    numbers: Iterable[str],
    named: tuple[str | None, str | None],
    change: Callable[[Suppressions, list[str], str], int],
    words: tuple[str, str],
    *,
    as_json: bool,
) -> int:
    """Change the list; ``named``: scope and signature, ``words``: for what changed and the rest."""
    wanted = [recipient.parse(each, "NUMBER") for each in numbers]
    settings = access.settings()
    where = _where(settings, *named) or EVERYWHERE
    with closing(access.shards(settings)) as shards:
        changed = change(Suppressions(shards), wanted, where)
    counts = zip(words, (changed, len(set(wanted)) - changed), strict=True)
    _tell({"scope": where, **dict(counts)}, as_json=as_json)
    return WORKED


@suppression.command(
    cls=Command,
    examples=(
        "xinshi suppression add 13800138000",
        "xinshi suppression add 13800138000 13900139000 --scope tencent",
        "xinshi suppression add 13800138000 --signature 信使",
    ),
    codes="0 they are on the list; 1 Redis does not answer; 2 bad usage or a bad number",
)
@click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...")
@_scope
@json_option
@click.pass_obj
def add(
    access: Access,
    numbers: tuple[str, ...],
    scope: str | None,
    signature: str | None,
    as_json: bool,
) -> int:
    """Send no marketing to these numbers any more."""
    named, words = (scope, signature), ("added", "before")
    return _change(access, numbers, named, Suppressions.add, words, as_json=as_json)


@suppression.command(
    cls=Command,
    examples=(
        "xinshi suppression remove 13800138000",
        "xinshi suppression remove 13800138000 --scope tencent",
    ),
    codes="0 they are not on the list; 1 Redis does not answer; 2 bad usage or a bad number",
)
@click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...")
@_scope
@json_option
@click.pass_obj
def remove(
    access: Access,
    numbers: tuple[str, ...],
    scope: str | None,
    signature: str | None,
    as_json: bool,
) -> int:
    """Take numbers off the list: they have consented again."""
    named, words = (scope, signature), ("removed", "missing")
    return _change(access, numbers, named, Suppressions.remove, words, as_json=as_json)


@suppression.command(
    name="list",
    cls=Command,
    examples=(
        "xinshi suppression list",
        "xinshi suppression list --scope tencent --reveal",
        "xinshi suppression list --signature 信使",
    ),
    codes="0 listed, or there is none; 1 Redis does not answer; 2 bad usage",
)
@click.option("--scope", metavar="all|ACCOUNT", help="Those of one list; else of all of them.")
@click.option("--signature", metavar="BRAND", help="Those that opted out of this signature.")
@click.option("--reveal", is_flag=True, help="Show whole numbers, fit to be imported elsewhere.")
@json_option
@click.pass_obj
def list_(
    access: Access, scope: str | None, signature: str | None, reveal: bool, as_json: bool
) -> int:
    """List the numbers and where they are suppressed; masked unless --reveal is given."""
    settings = access.settings()  # an account that is gone from them may still have a list
    where = scope if signature is None else _where(settings, scope, signature)
    with closing(access.shards(settings)) as shards:
        kept = Suppressions(shards)
        for each in [where] if where else kept.scopes():
            for number in kept.numbers(each):
                shown = number if reveal else mask(number)
                if as_json:
                    put_json({"number": shown, "scope": each})
                else:
                    click.echo(f"{shown}  {plain(each)}")
    return WORKED


@suppression.command(
    name="import",
    cls=Command,
    examples=(
        "xinshi suppression import opted-out.txt",
        "xinshi suppression import - --scope tencent < blacklist.csv",
    ),
    codes="0 all are on the list; 1 some lines are no numbers (the others are on it); 2 bad usage",
)
@click.argument("file", type=click.File("rb"), metavar="FILE")
@_scope
@json_option
@click.pass_obj
def import_(
    access: Access, file: BinaryIO, scope: str | None, signature: str | None, as_json: bool
) -> int:
    """Suppress the numbers of a file: one a line, in the first column if it is a CSV file.

    Empty lines, lines that begin with # and a header are passed over. The good lines count even
    where others are bad.
    """
    counts = {"added": 0, "before": 0, "refused": 0}
    settings = access.settings()
    where = _where(settings, scope, signature) or EVERYWHERE
    with closing(access.shards(settings)) as shards:
        kept = Suppressions(shards)
        for chunk in chunks(_numbers(file, counts), _CHUNK):
            new = kept.add(chunk, where)
            counts["added"] += new
            counts["before"] += len(chunk) - new
    _tell({"scope": where, **counts}, as_json=as_json)
    return FAILED if counts["refused"] else WORKED


def _numbers(file: BinaryIO, counts: dict[str, int]) -> Iterator[str]:
    for place, line in enumerate(file, 1):
        text = line.decode(errors="replace").removeprefix(_BOM).strip()
        cell = text.split(",")[0].split(";")[0].strip(' \t"')
        if not cell or cell.startswith("#") or (place == 1 and cell.lower() in _HEADERS):
            continue
        try:
            yield recipient.parse(cell)
        except MessageError:
            counts["refused"] += 1
            if counts["refused"] <= _SAID:
                complain(f"line {place}: not a mainland China mobile number")


def _tell(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        put_json(found)
        return
    words = {
        "added": "added",
        "removed": "removed",
        "before": "on the list before",
        "missing": "not on the list",
        "refused": "refused",
    }
    parts = [f"{found[key]} {word}" for key, word in words.items() if key in found]
    click.echo(", ".join(parts) + f" ({found['scope']})")
