"""Result: all rounds of one scenario, and what is said of them together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from producers.bench.figures import UNITS, Measured, Summary, summary
from producers.bench.load import Load, middle
from producers.bench.options import Options
from producers.bench.pace import SECONDS
from producers.bench.scenario import Scenario

_OURS = "xinshi"  # what others are compared with, where it is among the subjects
_PACED = f"as many messages as take about {SECONDS:g} s"


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

    def load(self, subject: str) -> Load | None:
        """Return the median of what used the machine; None where nothing tells."""
        return middle([load for each in self.rounds if (load := each[subject].load)])

    def title(self) -> str:
        """Return what was measured, in one line."""
        return f"{self.name}: {self.conditions()}"

    def conditions(self) -> str:
        """Return what was measured, without the scenario's name."""
        options = self.options
        parts = [self.scenario.about]
        if self.scenario.paced:
            parts.append(f"{fixed:,} messages" if (fixed := options.fixed()) else _PACED)
        elif self.scenario.messages:
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
