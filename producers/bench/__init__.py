"""The bench: what the worker, the store and the clients cost, measured in whole processes.

Each round has a server, vendors and workers of its own on this machine, and all rounds alternate
between what is compared, because machines are noisy: quote ratios, not rates. What is measured
is checked too: where a message did not reach its vendor exactly once, there is no figure.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from producers.bench import machine, picture, rounds
from producers.bench.options import Options
from producers.bench.report import print_facts, print_result, put_json
from producers.bench.result import Result
from producers.bench.rig import BenchError


def run(options: Options, *, as_json: bool, chart: Path | None = None) -> int:
    """Measure, print, and draw where asked to; returns the exit code.

    Raises BenchError in the end where something was not delivered exactly once, or not in time:
    that has no figure, all the rest has.
    """
    if chart is not None:
        picture.check(chart)  # before the minutes, not after
    facts = machine.facts()
    if not as_json:
        print_facts(facts)
    results: list[Result] = []
    wrong: list[str] = []
    with _ended_by_sigterm():
        for name in options.scenarios:
            results.append(found := rounds.measure(name, options, wrong))
            if not as_json:
                print_result(found)
    if as_json:
        put_json(facts, results)
    if chart is not None:
        picture.write(chart, facts, results)
    if wrong:
        raise BenchError("; ".join(wrong))
    return 0


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does: end every process that was started, and then this one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
