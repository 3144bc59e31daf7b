"""Watch: what processes and the server spend, sampled while something runs."""

import math
import threading
import time
from bisect import bisect
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

import redis

from producers.bench import proc
from producers.bench.load import Load

_EVERY = 0.05  # seconds between two samples


class Sample(NamedTuple):
    """Sums so far; CPU is user and system, in seconds."""

    at: float  #: monotonic
    cpu: float  #: of the processes that are followed, with their children
    redis_cpu: float
    redis_net: float  #: bytes in and out
    rss: float  #: bytes of those that are followed, at this moment
    vendor_cpu: float = 0.0  #: of the vendors' endpoints
    own_cpu: float = 0.0  #: of this process: the producer, and the watch itself
    busy: float = 0.0  #: of all cores that we may use, whoever used them


class Watch:
    """Samples in a thread of its own; a context manager."""

    def __init__(self, server: "redis.Redis") -> None:
        self._server = server
        self._pids: list[int] = []
        self._vendors: list[int] = []
        self._samples: list[Sample] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bench-watch", daemon=True)

    def follow(self, pid: int) -> None:
        """Count a process from now on, and its children."""
        self._pids = [*self._pids, pid]

    def follow_vendor(self, pid: int) -> None:
        """Count the process of a vendor's endpoint from now on, by itself."""
        self._vendors = [*self._vendors, pid]

    def look(self) -> Sample:
        """Take one sample."""
        cpu, rss = _together(each for pid in self._pids for each in proc.family(pid))
        told: dict[str, float] = {}
        for section in ("cpu", "stats"):
            answer = self._server.info(section)
            assert isinstance(answer, dict)
            told |= answer
        return Sample(
            at=time.monotonic(),
            cpu=cpu,
            redis_cpu=told["used_cpu_user"] + told["used_cpu_sys"],
            redis_net=told["total_net_input_bytes"] + told["total_net_output_bytes"],
            rss=rss,
            vendor_cpu=_together(self._vendors)[0],
            own_cpu=time.process_time(),
            busy=proc.busy(),
        )

    def descriptors(self) -> float:
        """Return the files and sockets that those which are followed have open."""
        return sum(proc.descriptors(each) for pid in self._pids for each in proc.family(pid))

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            try:
                self._samples.append(self.look())
            except redis.RedisError:
                return  # the server ended: so did what was measured

    def span(self, begin: float, end: float) -> tuple[Sample, Sample]:
        """Return what samples at two moments would have said."""
        return at(self._samples, begin), at(self._samples, end)

    def between(self, begin: float, end: float, messages: float) -> dict[str, float]:
        """Return the figures of ``messages`` that took from one moment to another."""
        first, last = self.span(begin, end)
        return {
            "rate": messages / (end - begin) if end > begin else math.nan,
            "cpu_ms": (last.cpu - first.cpu) / messages * 1e3,
            "redis_us": (last.redis_cpu - first.redis_cpu) / messages * 1e6,
            "redis_net": (last.redis_net - first.redis_net) / messages,
            "rss_mb": last.rss / 1e6,
        }

    def load(self, begin: float, end: float, workers: int) -> Load | None:
        """Return what used the machine meanwhile; ``workers``: threads that those can run."""
        first, last = self.span(begin, end)
        parts = (
            ("workers", last.cpu - first.cpu, workers),
            ("Redis", last.redis_cpu - first.redis_cpu, 1),
            ("vendor", last.vendor_cpu - first.vendor_cpu, 1),
            ("producer and watch", last.own_cpu - first.own_cpu, 1),
        )
        return Load.of(proc.cores(), last.at - first.at, last.busy - first.busy, parts)

    def __enter__(self) -> Self:
        self._samples.append(self.look())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def _together(pids: Iterable[int]) -> tuple[float, float]:
    """Return the CPU seconds and the resident bytes of some processes."""
    found = [proc.spent(pid) for pid in pids]
    return sum(cpu for cpu, _ in found), sum(rss for _, rss in found)


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
