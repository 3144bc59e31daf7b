"""How a run is told: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from producers.bench.figures import UNITS, Summary, Unit
from producers.bench.result import Result

_WIDE = 160  # columns, where no terminal says how many
_ACROSS = 10  # figures that stand side by side; more of one subject stand below each other


def print_facts(facts: Mapping[str, object]) -> None:
    """Print the machine, on one line."""
    told = ", ".join(f"{name} {value}" for name, value in facts.items())
    _console().print(told, highlight=False, soft_wrap=True)


def print_result(result: Result) -> None:
    """Print one scenario as a table: medians, and below each from the least to the most."""
    console = _console()
    console.print(f"\n{result.title()}", highlight=False, soft_wrap=True)
    console.print(_table(result))
    for subject in result.subjects():
        if load := result.load(subject):
            console.print(f"{subject}: {load.line()}", highlight=False, soft_wrap=True)
    for subject in result.subjects():
        if series := result.rounds[-1][subject].series:
            console.print(_over_time(subject, series))


def _table(result: Result) -> Table:
    figures = {subject: result.figures(subject) for subject in result.subjects()}
    shown = [name for name in UNITS if any(name in each for each in figures.values())]
    cells = {
        subject: [_cell(found.get(name), UNITS[name]) for name in shown]
        for subject, found in figures.items()
    }
    table = Table(show_lines=len(result.rounds) > 1)
    table.add_column("", no_wrap=True)
    headings = [UNITS[name].heading for name in shown]
    if len(cells) == 1 and len(shown) > _ACROSS:
        for subject, column in cells.items():
            table.add_column(subject, justify="right")
            for row in zip(headings, column, strict=True):
                table.add_row(*row)
        return table
    for heading in headings:
        table.add_column(heading, justify="right")
    for subject, told in cells.items():
        table.add_row(subject, *told)
    return table


def _console() -> Console:
    """Return a console; a file has room for wide tables."""
    return Console() if sys.stdout.isatty() else Console(width=_WIDE)


def _cell(found: Summary | None, unit: Unit) -> str:
    if found is None:
        return ""
    median, least, most = (f"{value:,.{unit.digits}f}" for value in found)
    return median if least == most else f"{median}\n{least} - {most}"


def _over_time(subject: str, series: Sequence[Mapping[str, float]]) -> Table:
    """Return a tenth of the points, and the last one."""
    table = Table(title=f"{subject}, over time", title_justify="left")
    for name in series[0]:
        table.add_column(name, justify="right")
    for point in (*series[:-1:10], series[-1]):
        table.add_row(*(f"{value:,.1f}" for value in point.values()))
    return table


def put_json(facts: Mapping[str, object], results: Sequence[Result]) -> None:
    """Print everything as one line of JSON."""
    told = {"machine": facts, "scenarios": [_as_dict(result) for result in results]}
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")


def _as_dict(result: Result) -> dict[str, object]:
    options = result.options
    return {
        "scenario": result.name,
        "messages": _messages(result),
        "rounds": len(result.rounds),
        "latency_ms": options.latency,
        "tail": {"every": options.tail.every, "seconds": options.tail.seconds}
        if options.tail
        else None,
        "in_flight": options.in_flight,
        "processes": options.processes,
        "subjects": {subject: _told(result, subject) for subject in result.subjects()},
    }


def _messages(result: Result) -> int | None:
    """Return the messages of a subject in a round; None where each has its own number."""
    if result.scenario.paced:
        return result.options.fixed()
    return result.options.count(result.scenario.messages) if result.scenario.messages else None


def _told(result: Result, subject: str) -> dict[str, object]:
    load = result.load(subject)
    return {
        **{name: each._asdict() for name, each in result.figures(subject).items()},
        "load": load.as_dict() if load else None,
        "series": list(result.rounds[-1][subject].series),
    }
