"""Soak: a worker at full speed for minutes, and what becomes of memory, descriptors and keys.

Records are kept for a minute at the most, so that the server does not grow without end; once
they are gone, what is left in it is what would pile up.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from producers.bench.figures import Measured, Subject, slope
from producers.bench.options import Options
from producers.bench.rig import BenchError, Rig
from producers.bench.scenario import Scenario
from producers.bench.traffic import distinct
from producers.bench.vendor import VendorEnd
from producers.bench.watch import Sample
from worker.contract import keys
from worker.contract.status import Stream

_READY = 5_000  # messages that wait: the worker is never idle
_POINTS = 60  # of the series, or fewer on a machine that is late
_FILLED = 5  # a fifth of the time a worker fills its pools
_SHORTEST, _LONGEST = 30, 60  # seconds that a record is kept
_SETTINGS = """[store]
retention = "1s"
reports = "{life}s"
[streams.notice]
validity = "{life}s"
"""
_SLACK = 30.0  # seconds after a record's life: the server removes what is over bit by bit
_LEFT = 100  # keys that may be left then: accounts, streams, what workers say of themselves


class _Point(NamedTuple):
    sample: Sample
    taken: int
    descriptors: float
    memory: float  #: bytes of the server
    keys: int


def _subjects(options: Options) -> Sequence[Subject]:
    return [Subject("xinshi", partial(_measure, options))]


def _life(options: Options) -> int:
    """Return the seconds that a record is kept."""
    return round(min(_LONGEST, max(_SHORTEST, options.minutes * 60)))


def _seconds(options: Options) -> float:
    return options.minutes * 60 + _life(options)


def _measure(options: Options) -> Measured:
    with Rig(options) as rig:
        vendor = rig.vendor()
        rig.configure(("bench", "zhenzi", vendor), more=_SETTINGS.format(life=_life(options)))
        rig.workers(options.processes, Stream.NOTICE)
        sent, points = _feed(rig, vendor, options)
        rig.until("messages at the vendor", vendor.taken, sent)
        rig.until("attempts that are settled", lambda: -_open(rig), 0)
        rig.once(vendor, sent)
        if dead := rig.store.redis.zcard(keys.DEAD):
            raise BenchError(f"{dead} messages ended without being taken")
        _outlive(rig, _life(options) + _SLACK)
        after = _look(rig, vendor)
        begin, end = points[len(points) // _FILLED], points[-1]
        figures = rig.watch.between(begin.sample.at, end.sample.at, end.taken - begin.taken)
    del figures["rss_mb"]
    return Measured({**figures, "messages": sent, **_told(points, after)}, _series(points))


def _feed(rig: Rig, vendor: VendorEnd, options: Options) -> tuple[int, list[_Point]]:
    """Keep messages waiting for so long; return how many were sent, and points in time."""
    ready, step = options.count(_READY), options.minutes * 60 / _POINTS
    sent, points = 0, [_look(rig, vendor)]
    over = points[0].sample.at + options.minutes * 60
    while points[-1].sample.at < over:
        left = rig.store.redis.llen(keys.ready(Stream.NOTICE))
        assert isinstance(left, int)
        if left < ready:
            sent += len(rig.enqueue(distinct(ready, sent)))
        if time.monotonic() >= points[-1].sample.at + step:
            points.append(_look(rig, vendor))
        time.sleep(min(0.01, step))
    return sent, points


def _look(rig: Rig, vendor: VendorEnd) -> _Point:
    found = rig.store.redis.dbsize()
    assert isinstance(found, int)
    return _Point(rig.watch.look(), vendor.taken(), rig.watch.descriptors(), rig.memory(), found)


def _outlive(rig: Rig, seconds: float) -> None:
    """Wait until the records are gone, or should be; what is left then is told, not judged."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = rig.store.redis.dbsize()
        assert isinstance(found, int)
        if found <= _LEFT:
            return
        rig.processes.check()
        time.sleep(0.5)


def _open(rig: Rig) -> int:
    found = rig.store.redis.zcard(keys.OPEN + "bench")
    assert isinstance(found, int)
    return found


def _told(points: Sequence[_Point], after: _Point) -> dict[str, float]:
    """Return what was at the begin, when the pools were full, and at the end."""
    steady = points[len(points) // _FILLED :]
    begin, middle, end = steady[0], steady[len(steady) // 2], steady[-1]
    rss = [(each.sample.at / 3600, each.sample.rss / 1e6) for each in steady]
    return {
        "rss_begin_mb": begin.sample.rss / 1e6,
        "rss_middle_mb": middle.sample.rss / 1e6,
        "rss_end_mb": end.sample.rss / 1e6,
        "rss_slope": slope(rss),
        "fds_begin": begin.descriptors,
        "fds_end": end.descriptors,
        "redis_begin_mb": points[0].memory / 1e6,
        "redis_end_mb": end.memory / 1e6,
        "redis_after_mb": after.memory / 1e6,
        "keys_begin": points[0].keys,
        "keys_end": end.keys,
        "keys_after": after.keys,
    }


def _series(points: Sequence[_Point]) -> list[dict[str, float]]:
    """Return what is followed over time, from the beginning."""
    begun = points[0].sample.at
    return [
        {
            "seconds": each.sample.at - begun,
            "rss_mb": each.sample.rss / 1e6,
            "descriptors": each.descriptors,
            "redis_mb": each.memory / 1e6,
            "keys": each.keys,
            "messages": each.taken,
        }
        for each in points
    ]


SCENARIO = Scenario(
    about="a worker that is never idle, over time",
    lead="rss_end_mb",
    subjects=_subjects,
    seconds=_seconds,
    once=True,
)
