"""Backlog: whether a long queue slows the worker, and what it takes of the server."""

from collections.abc import Sequence
from functools import partial

from producers.bench import records
from producers.bench.figures import Measured, Subject
from producers.bench.options import Options
from producers.bench.rig import BenchError, Rig
from producers.bench.scenario import Scenario
from producers.bench.traffic import distinct
from worker.contract.keys import ready
from worker.contract.status import Status, Stream

_DEPTHS = {"10k": 10_000, "100k": 100_000, "1M": 1_000_000}
_SHORT = {"1k": 1_000, "2k": 2_000}  # of a smoke run
_MESSAGES = 20_000  # at the most, that are submitted to measure


def _subjects(options: Options) -> Sequence[Subject]:
    depths = _SHORT if options.quick else _DEPTHS
    return [
        Subject(f"{name} queued", partial(_measure, options, depth))
        for name, depth in depths.items()
    ]


def _measure(options: Options, depth: int) -> Measured:
    messages = min(options.count(_MESSAGES), depth)
    with Rig(options) as rig:
        vendor = rig.vendor()
        rig.configure(("bench", "zhenzi", vendor))
        ids = rig.enqueue(distinct(depth))
        used = rig.memory() - rig.begun
        rig.workers(options.processes, Stream.NOTICE)
        rig.until("messages at the vendor", vendor.taken, messages)
        rig.end_workers()  # they finish what is in flight
        _check(rig, ids, taken := vendor.taken())
        rig.once(vendor, taken)
        return Measured(
            {
                **rig.steady(vendor, taken),
                "redis_mb": used / 1e6,
                "redis_kept": used / depth,
            }
        )


def _check(rig: Rig, ids: Sequence[str], taken: int) -> None:
    """What the vendor took is submitted, and all the rest is still queued."""
    submitted = len(ids) - len(records.others(rig.store, ids, Status.SUBMITTED))
    queued = rig.store.redis.llen(ready(Stream.NOTICE))
    if submitted != taken or queued != len(ids) - taken:
        raise BenchError(
            f"of {len(ids)} messages the vendor took {taken}, "
            f"{submitted} are submitted and {queued} are queued"
        )


SCENARIO = Scenario(
    about="submits in front of a long queue",
    lead="rate",
    messages=_MESSAGES,
    subjects=_subjects,
)
