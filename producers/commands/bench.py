"""``xinshi bench``: how fast one worker process submits, on this machine."""

from importlib import import_module

import rich_click as click

from producers.commands.pages import Command


@click.command(
    cls=Command,
    examples=(
        "xinshi bench",
        "xinshi bench --messages 50000 --rounds 5 --json",
    ),
    codes="0 measured; 1 something failed",
)
@click.option(
    "--messages",
    type=click.IntRange(min=1000),
    default=20_000,
    show_default=True,
    metavar="N",
    help="Distinct messages a round.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    metavar="N",
    help="Alternations of worker and bare loop.",
)
@click.option(
    "--latency",
    type=click.FloatRange(min=0),
    default=50.0,
    show_default=True,
    metavar="MS",
    help="What the vendor takes to answer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def bench(messages: int, rounds: int, latency: float, as_json: bool) -> int:
    """Measure how fast one worker process submits.

    An own Redis, a vendor that answers after a fixed time, one Celery worker; a bare aiohttp and
    redis loop without any queue is measured in the same run. Machines are noisy: quote the ratio.
    """
    found = import_module("producers.bench")
    return int(found.run(messages=messages, rounds=rounds, latency=latency, as_json=as_json))
