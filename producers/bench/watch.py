"""Watch: what processes and the server spend, sampled while something runs."""

import math
import os
import threading
import time
from bisect import bisect
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

import redis

_EVERY = 0.05  # seconds between two samples


class Sample(NamedTuple):
    """Sums so far; CPU is user and system, in seconds."""

    at: float  #: monotonic
    cpu: float  #: of the processes with their children
    redis_cpu: float
    redis_net: float  #: bytes in and out
    rss: float  #: bytes, at this moment


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:  # it ended just now
            continue
        for child in children:
            found += family(int(child))
    return found


def spent(pid: int) -> tuple[float, float]:
    """Return CPU seconds and resident bytes of a process; NaN where /proc does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.nan, math.nan
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return cpu, float(int(fields[21]) * os.sysconf("SC_PAGE_SIZE"))


class Watch:
    """Samples in a thread of its own; a context manager."""

    def __init__(self, server: "redis.Redis") -> None:
        self._server = server
        self._pids: list[int] = []
        self._samples: list[Sample] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bench-watch", daemon=True)

    def follow(self, pid: int) -> None:
        """Count a process from now on, and its children."""
        self._pids = [*self._pids, pid]

    def look(self) -> Sample:
        """Take one sample."""
        found = [spent(each) for pid in self._pids for each in family(pid)]
        told: dict[str, float] = {}
        for section in ("cpu", "stats"):
            answer = self._server.info(section)
            assert isinstance(answer, dict)
            told |= answer
        return Sample(
            time.monotonic(),
            sum(cpu for cpu, _ in found),
            told["used_cpu_user"] + told["used_cpu_sys"],
            told["total_net_input_bytes"] + told["total_net_output_bytes"],
            sum(rss for _, rss in found),
        )

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            try:
                self._samples.append(self.look())
            except redis.RedisError:
                return  # the server ended: so did what was measured

    def between(self, begin: float, end: float, messages: float) -> dict[str, float]:
        """Return the figures of ``messages`` that took from one moment to another."""
        first, last = at(self._samples, begin), at(self._samples, end)
        return {
            "rate": messages / (end - begin) if end > begin else math.nan,
            "cpu_ms": (last.cpu - first.cpu) / messages * 1e3,
            "redis_us": (last.redis_cpu - first.redis_cpu) / messages * 1e6,
            "redis_net": (last.redis_net - first.redis_net) / messages,
            "rss_mb": last.rss / 1e6,
        }

    def __enter__(self) -> Self:
        self._samples.append(self.look())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def at(samples: Sequence[Sample], moment: float) -> Sample:
    """Return what a sample at a moment would have said: between its neighbours."""
    place = bisect(samples, moment, key=lambda sample: sample.at)
    before = samples[max(0, place - 1)]
    after = samples[min(place, len(samples) - 1)]
    span = after.at - before.at
    part = min(1.0, max(0.0, (moment - before.at) / span)) if span else 0.0
    return Sample(
        *(one + (other - one) * part for one, other in zip(before, after, strict=True)),
    )
