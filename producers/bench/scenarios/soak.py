"""Soak: a worker at full speed for minutes, and what becomes of its memory.

Records are kept for two minutes only, so that the server does not grow without end.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from producers.bench.figures import Measured, Subject
from producers.bench.options import Options
from producers.bench.rig import BenchError, Rig
from producers.bench.scenario import Scenario
from producers.bench.traffic import distinct
from producers.bench.vendor import VendorEnd
from producers.bench.watch import Sample
from worker.contract import keys
from worker.contract.status import Stream

_READY = 5_000  # messages that wait: the worker is never idle
_POINTS = 60  # of the series
_FILLED = _POINTS // 5  # until then a worker fills its pools
_SHORT = '[store]\nretention = "1s"\nreports = "1m"\n[streams.notice]\nvalidity = "2m"\n'


class _Point(NamedTuple):
    sample: Sample
    taken: int


def _subjects(options: Options) -> Sequence[Subject]:
    return [Subject("xinshi", partial(_measure, options))]


def _measure(options: Options) -> Measured:
    with Rig(options) as rig:
        vendor = rig.vendor()
        rig.configure(("bench", "zhenzi", vendor), more=_SHORT)
        rig.workers(options.processes, Stream.NOTICE)
        sent, points = _feed(rig, vendor, options)
        rig.until("messages at the vendor", vendor.taken, sent)
        rig.until("attempts that are settled", lambda: -_open(rig), 0)
        rig.once(vendor, sent)
        if dead := rig.store.redis.zcard(keys.DEAD):
            raise BenchError(f"{dead} messages ended without being taken")
        begin, end = points[_FILLED], points[-1]
        figures = rig.watch.between(begin.sample.at, end.sample.at, end.taken - begin.taken)
    del figures["rss_mb"]
    rss = {"rss_begin_mb": begin.sample.rss / 1e6, "rss_end_mb": end.sample.rss / 1e6}
    return Measured({**figures, **rss}, _series(points))


def _feed(rig: Rig, vendor: VendorEnd, options: Options) -> tuple[int, list[_Point]]:
    """Keep messages waiting for so long; return how many were sent, and points in time."""
    ready, step = options.count(_READY), options.minutes * 60 / _POINTS
    sent, points = 0, [_Point(rig.watch.look(), 0)]
    while len(points) <= _POINTS:
        left = rig.store.redis.llen(keys.ready(Stream.NOTICE))
        assert isinstance(left, int)
        if left < ready:
            sent += len(rig.enqueue(distinct(ready, sent)))
        if time.monotonic() >= points[-1].sample.at + step:
            points.append(_Point(rig.watch.look(), vendor.taken()))
        time.sleep(min(0.01, step))
    return sent, points


def _open(rig: Rig) -> int:
    found = rig.store.redis.zcard(keys.OPEN + "bench")
    assert isinstance(found, int)
    return found


def _series(points: Sequence[_Point]) -> list[dict[str, float]]:
    """Return memory and messages over time, from the beginning."""
    begun = points[0].sample.at
    return [
        {"seconds": sample.at - begun, "rss_mb": sample.rss / 1e6, "messages": taken}
        for sample, taken in points
    ]


SCENARIO = Scenario(
    about="a worker that is never idle, over time",
    lead="rss_end_mb",
    messages=0,
    subjects=_subjects,
    once=True,
)
