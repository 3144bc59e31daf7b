"""Figures: what a round measures, and what is said of several rounds."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from producers.bench.load import Load


class Unit(NamedTuple):
    """How a figure is shown."""

    heading: str
    digits: int
    less: bool = False  #: less is better


UNITS: Mapping[str, Unit] = {
    "messages": Unit("messages", 0),
    "rate": Unit("msg/s", 0),
    "cpu_ms": Unit("CPU ms/msg", 3, less=True),
    "p50_ms": Unit("p50 ms", 2, less=True),
    "p99_ms": Unit("p99 ms", 2, less=True),
    "redis_us": Unit("Redis CPU us/msg", 1, less=True),
    "redis_net": Unit("Redis wire B/msg", 0, less=True),
    "redis_kept": Unit("Redis memory B/msg", 0, less=True),
    "redis_lasting": Unit("without its event", 0, less=True),
    "redis_mb": Unit("Redis memory MB", 1, less=True),
    "rss_mb": Unit("worker RSS MB", 1, less=True),
    "a_call": Unit("numbers a call", 1),
    "bulk_rate": Unit("bulk msg/s", 0),
    "first_ms": Unit("first ms", 1, less=True),
    "second_ms": Unit("second ms", 1, less=True),
    "rss_begin_mb": Unit("RSS MB, begin", 1, less=True),
    "rss_middle_mb": Unit("RSS MB, middle", 1, less=True),
    "rss_end_mb": Unit("RSS MB, end", 1, less=True),
    "rss_slope": Unit("RSS MB/h", 1, less=True),
    "fds_begin": Unit("descriptors, begin", 0, less=True),
    "fds_end": Unit("descriptors, end", 0, less=True),
    "redis_begin_mb": Unit("Redis MB, begin", 1, less=True),
    "redis_end_mb": Unit("Redis MB, end", 1, less=True),
    "redis_after_mb": Unit("Redis MB, records gone", 1, less=True),
    "keys_begin": Unit("keys, begin", 0, less=True),
    "keys_end": Unit("keys, end", 0, less=True),
    "keys_after": Unit("keys, records gone", 0, less=True),
    "rate_ratio": Unit("rate: ours / its", 2),
    "cpu_ratio": Unit("CPU: its / ours", 2),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One subject in one round: figures by their names in UNITS, NaN where nothing tells."""

    figures: Mapping[str, float]
    series: Sequence[Mapping[str, float]] = field(default=())  #: what is followed over time
    load: Load | None = None  #: what used the machine meanwhile


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that is measured beside others."""

    name: str
    measure: Callable[[], Measured]


class Summary(NamedTuple):
    """Several rounds of one figure."""

    median: float
    least: float
    most: float


def summary(values: Sequence[float]) -> Summary | None:
    """Return median and spread; None where no round could tell."""
    told = [value for value in values if not math.isnan(value)]
    return Summary(statistics.median(told), min(told), max(told)) if told else None


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value that ``part`` (0 to 1) of them do not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * part) - 1)] if ordered else math.nan


def latencies(seconds: Sequence[float]) -> dict[str, float]:
    """Return the figures of latencies, in ms."""
    return {
        "p50_ms": percentile(seconds, 0.5) * 1000,
        "p99_ms": percentile(seconds, 0.99) * 1000,
    }


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return by how much the second value grows with the first: least squares, NaN of one place."""
    if len({place for place, _ in points}) < 2:  # noqa: PLR2004 - a line has two ends
        return math.nan
    places, values = zip(*points, strict=True)
    return statistics.linear_regression(places, values).slope
