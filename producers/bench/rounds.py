"""Rounds: a scenario's subjects in turn, forth and back, because machines are noisy."""

import math
from collections.abc import Sequence

from producers.bench import pace, progress
from producers.bench.figures import UNITS, Measured, Subject
from producers.bench.options import Options
from producers.bench.result import Result
from producers.bench.rig import BenchError
from producers.bench.scenarios import SCENARIOS
from producers.processes import ProcessError


def measure(name: str, options: Options, wrong: list[str]) -> Result:
    """Measure one scenario; what failed is told in ``wrong``, and not measured again.

    Raises ProcessError where a rival's environment cannot be made.
    """
    scenario = SCENARIOS[name]
    subjects = list(scenario.subjects(options))
    total = 1 if scenario.once else options.rounds
    progress.say(options, _announced(name, options, subjects, total))
    failed: set[str] = set()
    rounds: list[dict[str, Measured]] = []
    for place in range(total):
        found: dict[str, Measured] = {subject.name: Measured({}) for subject in subjects}
        for subject in subjects if place % 2 == 0 else reversed(subjects):
            if subject.name in failed:
                continue
            with progress.step(
                options, f"{name}, round {place + 1} of {total}, {subject.name}"
            ) as told:
                try:
                    found[subject.name] = subject.measure()
                except (BenchError, ProcessError) as error:
                    failed.add(subject.name)
                    wrong.append(f"{name}, {subject.name}: {error}")
                told.append(_in_short(found[subject.name], scenario.lead))
        rounds.append(found)
    return Result(name, scenario, options, rounds)


def _announced(name: str, options: Options, subjects: Sequence[Subject], rounds: int) -> str:
    """Return what is to come, and how long it takes where that is known."""
    scenario = SCENARIOS[name]
    seconds = pace.expected(options, len(subjects)) if scenario.paced else None
    if scenario.seconds is not None:
        seconds = scenario.seconds(options)
    about = f", about {progress.duration(seconds)}" if seconds is not None else ""
    return f"{name}: subjects: {len(subjects)}, rounds: {rounds}{about}"


def _in_short(found: Measured, lead: str) -> str:
    """Return the figure that matters most."""
    value = found.figures.get(lead, math.nan)
    if math.isnan(value):
        return "failed"
    return f"{UNITS[lead].heading}: {value:,.{UNITS[lead].digits}f}"
