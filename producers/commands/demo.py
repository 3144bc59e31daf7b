"""``xinshi demo``: the whole thing on this machine, in a minute."""

import rich_click as click

from producers.commands.extras import load
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
    return int(load("producers.demo", "the demo", "all").run(keep=keep, burst=burst))
