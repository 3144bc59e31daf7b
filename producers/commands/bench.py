"""``xinshi bench``: what the worker, the store and the clients cost, on this machine."""

from importlib import import_module
from pathlib import Path
from typing import Any

import rich_click as click

from producers.commands.extras import load
from producers.commands.output import json_option
from producers.commands.pages import Command

_SCENARIOS = (
    *("submit", "bulk", "otp-under-bulk", "enqueue", "backlog"),
    *("limits", "shards", "reports", "memory", "cold", "soak"),
)
_RIVALS = (
    *("bare", "tuned", "celery-prefork", "celery-threads"),
    *("taskiq", "taskiq-100", "saq", "arq"),
)
_QUICK = {"rounds": 1, "minutes": 0.05, "in_flight": 64}


def _tail(_: click.Context, __: click.Parameter, text: str | None) -> Any:
    if text is None:
        return None
    try:
        return import_module("producers.bench.options").Tail.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _chart(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() not in (".svg", ".png"):
        raise click.BadParameter("a chart is a FILE.svg or a FILE.png")
    return path


@click.command(
    cls=Command,
    examples=(
        "xinshi bench submit --compare --chart submit.svg",
        "xinshi bench otp-under-bulk cold --rounds 5 --json",
    ),
    codes="0 measured; 1 something was not delivered exactly once, or failed; 2 bad usage; "
    "130 interrupted",
)
@click.argument("scenarios", nargs=-1, type=click.Choice(_SCENARIOS), metavar="[SCENARIO]...")
@click.option(
    "--messages", type=click.IntRange(min=100), metavar="N", help="Messages a round, for each."
)
@click.option(
    "--rounds", type=click.IntRange(min=1), metavar="N", help="Alternations.  [default: 3]"
)
@click.option(
    "--latency",
    type=click.FloatRange(min=0),
    default=50.0,
    show_default=True,
    metavar="MS",
    help="What the vendor takes to answer.",
)
@click.option("--tail", callback=_tail, metavar="SHARE", help='Slow answers: "1% 2s".')
@click.option(
    "--in-flight",
    type=click.IntRange(min=1),
    metavar="N",
    help="Calls that a worker process keeps open.  [default: 512]",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Worker processes, or drivers a shard.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="How long a soak takes.  [default: 10]",
)
@click.option("--compare", is_flag=True, help="Submit: beside every rival, each in a venv.")
@click.option(
    "--rival", "rivals", multiple=True, type=click.Choice(_RIVALS), help="Only this one; repeat it."
)
@click.option(
    "--envs",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the rivals' venvs are kept.  [default: ~/.cache/xinshi-bench]",
)
@click.option(
    "--chart",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=_chart,
    metavar="FILE",
    help="Draw FILE.svg, or FILE.png by Chromium.",
)
@click.option("--quick", is_flag=True, help="A smoke run: few messages, one round, no news.")
@json_option
def bench(
    scenarios: tuple[str, ...],
    *,
    compare: bool,
    rivals: tuple[str, ...],
    chart: Path | None,
    quick: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Measure SCENARIOs (submit, unless said) in whole processes of their own.

    submit, bulk, otp-under-bulk, enqueue, backlog (up to a million queued), limits, shards,
    reports, memory, cold, soak. Rounds alternate between what is compared, and whatever is
    measured is checked: everything must have been delivered exactly once. Machines are noisy:
    quote ratios.
    """
    asked = scenarios or ("submit",)
    if (compare or rivals) and "submit" not in asked:
        raise click.UsageError("--compare and --rival go with the scenario submit")
    options = {
        "scenarios": tuple(dict.fromkeys(asked)),
        "rivals": rivals or (_RIVALS if compare else ()),
        "quick": quick,
        **(_QUICK if quick else {}),
        **{name: value for name, value in given.items() if value is not None},
    }
    module = _load()
    return int(module.run(module.Options(**options), as_json=as_json, chart=chart))


def _load() -> Any:
    load("aiohttp", "the bench", "all")  # what a worker needs, and the bare loop
    return load("producers.bench", "the bench", "all")
