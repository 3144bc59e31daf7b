"""How a run is told: tables for people, JSON for programs."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from producers.bench.figures import UNITS, Measured, Summary, Unit, summary
from producers.bench.options import Options
from producers.bench.scenario import Scenario

_WIDE = 160  # columns, where no terminal says how many
_OURS = "xinshi"  # what others are compared with, where it is among the subjects


@dataclass(frozen=True, slots=True)
class Result:
    """All rounds of one scenario; each has every subject."""

    name: str
    scenario: Scenario
    options: Options
    rounds: Sequence[Mapping[str, Measured]]

    def subjects(self) -> list[str]:
        return list(self.rounds[0])

    def figures(self, subject: str) -> dict[str, Summary]:
        """Return median and spread of each figure, ratios to ours among them."""
        told = [_compared(each, subject) for each in self.rounds]
        found = {name: summary([each.get(name, math.nan) for each in told]) for name in UNITS}
        return {name: each for name, each in found.items() if each is not None}

    def title(self) -> str:
        """Return what was measured, in one line."""
        options = self.options
        parts = [f"{self.name}: {self.scenario.about}"]
        if self.scenario.messages:
            parts.append(f"{options.count(self.scenario.messages):,} messages")
        if self.scenario.submits:
            parts.append(f"a vendor that takes {options.latency:g} ms")
            parts.append(f"{options.in_flight} in flight")
            if options.tail:
                parts.append(f"1 answer of {options.tail.every} takes {options.tail.seconds:g} s")
        if options.processes > 1:
            parts.append(f"{options.processes} processes")
        return f"{'; '.join(parts)}; rounds: {len(self.rounds)}"


def _compared(found: Mapping[str, Measured], subject: str) -> Mapping[str, float]:
    """Return the figures of a subject in one round; beside ours, with ratios to it."""
    its = found[subject].figures
    if _OURS not in found or subject == _OURS:
        return its
    ours = found[_OURS].figures
    if not its or not ours:  # that was not delivered exactly once
        return its
    return {
        **its,
        "rate_ratio": _ratio(ours["rate"], its["rate"]),
        "cpu_ratio": _ratio(its["cpu_ms"], ours["cpu_ms"]),
    }


def _ratio(one: float, other: float) -> float:
    return one / other if other else math.nan


def print_facts(facts: Mapping[str, object]) -> None:
    """Print the machine, on one line."""
    told = ", ".join(f"{name} {value}" for name, value in facts.items())
    _console().print(told, highlight=False, soft_wrap=True)


def print_result(result: Result) -> None:
    """Print one scenario as a table: medians, and below each from the least to the most."""
    figures = {subject: result.figures(subject) for subject in result.subjects()}
    shown = [name for name in UNITS if any(name in each for each in figures.values())]
    table = Table(show_lines=len(result.rounds) > 1)
    table.add_column("", no_wrap=True)
    for name in shown:
        table.add_column(UNITS[name].heading, justify="right")
    for subject, found in figures.items():
        table.add_row(subject, *(_cell(found.get(name), UNITS[name]) for name in shown))
    console = _console()
    console.print(f"\n{result.title()}", highlight=False, soft_wrap=True)
    console.print(table)
    for subject in result.subjects():
        if series := result.rounds[-1][subject].series:
            console.print(_over_time(subject, series))


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
        "messages": options.count(result.scenario.messages) or None,
        "rounds": len(result.rounds),
        "latency_ms": options.latency,
        "tail": {"every": options.tail.every, "seconds": options.tail.seconds}
        if options.tail
        else None,
        "in_flight": options.in_flight,
        "processes": options.processes,
        "subjects": {
            subject: {
                **{name: each._asdict() for name, each in result.figures(subject).items()},
                "series": list(result.rounds[-1][subject].series),
            }
            for subject in result.subjects()
        },
    }
