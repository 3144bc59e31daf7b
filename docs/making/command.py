"""The reference of the command, from its own help."""

from collections.abc import Iterator
from inspect import cleandoc

import rich_click as click

from producers.cli import command


def reference() -> str:
    """Return the reference in Markdown."""
    return "\n\n".join(filter(None, _group(command, "xinshi")))


def _group(group: click.Group, path: str) -> Iterator[str]:
    for name, each in group.commands.items():
        yield from _command(each, f"{path} {name}")
        if isinstance(each, click.Group):
            yield from _group(each, f"{path} {name}")


def _command(each: click.Command, path: str) -> Iterator[str]:
    context = click.Context(each, info_name=path)
    yield f"## `{path}`" if path.count(" ") == 1 else f"### `{path}`"
    yield cleandoc(each.help or "")
    yield "    " + " ".join([path, *each.collect_usage_pieces(context)])
    if rows := [_row(context, given) for given in each.params if isinstance(given, click.Option)]:
        yield "\n".join(["| option | |", "|---|---|", *filter(None, rows)])
    if examples := getattr(each, "examples", ()):
        yield "\n".join(f"    {example}" for example in examples)
    if codes := getattr(each, "codes", ""):
        yield f"Exit codes: {codes}."


def _row(context: click.Context, given: click.Option) -> str:
    if given.hidden or given.name == "help":
        return ""
    name, said = given.get_help_record(context) or ("", "")
    cells = [each.replace("\n", " ").replace("|", "\\|") for each in (f"`{name}`", said)]
    return f"| {' | '.join(cells)} |"
