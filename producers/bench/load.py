"""Load: which part of a set-up used how much of the machine, so that one sees what binds."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_FULL = 95.0  # percent, from which on something has no room left
_OTHERS = 20.0  # percent of a core, from which on other programs disturb


class Part(NamedTuple):
    """One part of a set-up: processes of one kind."""

    name: str
    percent: float  #: of one core, while it was measured
    room: float  #: percent that it can use at the most, however many cores there are


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a machine was, and who kept it so."""

    cores: int
    busy: float  #: percent of all cores
    parts: Sequence[Part]

    @classmethod
    def of(
        cls, cores: int, seconds: float, busy: float, parts: Iterable[tuple[str, float, int]]
    ) -> "Load | None":
        """Return the load of some seconds; None where nothing tells.

        ``busy``: CPU seconds of all cores; ``parts``: name, CPU seconds, threads that can run
        Python, or commands, at once. What other programs used becomes the last part.
        """
        spent = [(name, cpu, float(most)) for name, cpu, most in parts]
        rest = busy - sum(cpu for _, cpu, _ in spent)
        if not seconds > 0 or math.isnan(rest):
            return None
        spent.append(("others", max(0.0, rest), math.inf))
        found = [Part(name, cpu / seconds * 100, most * 100) for name, cpu, most in spent]
        return cls(cores, min(100.0, busy / seconds / cores * 100), found)

    def binds(self) -> str:
        """Return what has no room left."""
        if self.busy >= _FULL:
            disturbed = self.parts[-1].percent >= _OTHERS
            return "the machine is full" + (", of other programs too" if disturbed else "")
        full = [part.name for part in self.parts if part.percent >= part.room * _FULL / 100]
        return f"full: {', '.join(full)}" if full else "nothing is full"

    def line(self) -> str:
        """Return it for people."""
        parts = ", ".join(f"{part.name} {part.percent:.0f} %" for part in self.parts)
        return f"cores: {self.cores}, busy {self.busy:.0f} %: {parts}; {self.binds()}"

    def as_dict(self) -> dict[str, object]:
        """Return it for programs."""
        return {
            "cores": self.cores,
            "busy_percent": round(self.busy, 1),
            "percent_of_a_core": {part.name: round(part.percent, 1) for part in self.parts},
            "binds": self.binds(),
        }


def middle(loads: Sequence[Load]) -> Load | None:
    """Return the median of several rounds, part by part; None of none."""
    if not loads:
        return None
    columns = zip(*(load.parts for load in loads), strict=True)
    parts = [
        Part(column[0].name, statistics.median(each.percent for each in column), column[0].room)
        for column in columns
    ]
    return Load(loads[0].cores, statistics.median(load.busy for load in loads), parts)
