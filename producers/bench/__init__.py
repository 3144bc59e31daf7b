"""The bench: what the worker, the store and the clients cost, measured in whole processes.

Each round has a server, vendors and workers of its own on this machine, and all rounds alternate
between what is compared, because machines are noisy: quote ratios, not rates. What is measured
is checked too: where a message did not reach its vendor exactly once, there is no figure.
"""

import sys
from pathlib import Path

from producers.bench import chart, machine
from producers.bench.figures import Measured
from producers.bench.options import Options
from producers.bench.report import Result, print_facts, print_result, put_json
from producers.bench.rig import BenchError
from producers.bench.scenarios import SCENARIOS


def run(options: Options, *, as_json: bool, picture: Path | None = None) -> int:
    """Measure, print, and draw where asked to; returns the exit code.

    Raises BenchError in the end where something was not delivered exactly once: that has no
    figure, all the rest has.
    """
    facts = machine.facts()
    if not as_json:
        print_facts(facts)
    results: list[Result] = []
    wrong: list[str] = []
    for name in options.scenarios:
        results.append(found := _measure(name, options, wrong))
        if not as_json:
            print_result(found)
    if as_json:
        put_json(facts, results)
    if picture is not None:
        picture.write_text(chart.draw(facts, results), encoding="utf-8")
    if wrong:
        raise BenchError("; ".join(wrong))
    return 0


def _measure(name: str, options: Options, wrong: list[str]) -> Result:
    """Measure one scenario; what was not delivered exactly once is told in ``wrong``."""
    scenario = SCENARIOS[name]
    subjects = list(scenario.subjects(options))
    total = 1 if scenario.once else options.rounds
    rounds: list[dict[str, Measured]] = []
    for place in range(total):
        found: dict[str, Measured] = {}
        for subject in subjects if place % 2 == 0 else reversed(subjects):
            _say(f"{name}: round {place + 1} of {total}, {subject.name}")
            try:
                found[subject.name] = subject.measure()
            except BenchError as error:
                found[subject.name] = Measured({})
                wrong.append(f"{name}, {subject.name}: {error}")
        rounds.append({subject.name: found[subject.name] for subject in subjects})
    _say("")
    return Result(name, scenario, options, rounds)


def _say(text: str) -> None:
    """Show on a terminal what is measured now; elsewhere nothing."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[2K{text}")
        sys.stderr.flush()
