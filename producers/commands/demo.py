"""``xinshi demo``: the whole thing on this machine, in a minute."""

from importlib import import_module

import rich_click as click

from producers.commands.pages import Command


@click.command(
    cls=Command,
    examples=(
        "xinshi demo",
        "xinshi demo --keep --burst 5000",
    ),
    codes="0 all went as it should; 1 something did not",
)
@click.option("--keep", is_flag=True, help="Keep running until Ctrl-C.")
@click.option(
    "--burst",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    metavar="N",
    help="Messages in the burst.",
)
def demo(keep: bool, burst: int) -> int:
    """See it all work on this machine.

    An own Redis, the sandbox's vendors, workers, and a burst of messages through them.
    """
    # Imported only here: it loads what the worker needs.
    return int(import_module("producers.demo").run(keep=keep, burst=burst))
