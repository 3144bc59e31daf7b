"""``xinshi demo``: the whole thing on this machine, in a minute."""

from importlib import import_module

import rich_click as click

from producers.commands.failure import Failure
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
    try:  # imported only here: it loads what the worker needs
        found = import_module("producers.demo")
    except ModuleNotFoundError as error:
        raise Failure(f"the demo needs {error.name}: pip install 'xinshi[all]'") from error
    return int(found.run(keep=keep, burst=burst))
