"""Limits: how many decisions about a number the store makes in a second, without any worker."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from producers.bench.claims import claim_all, plan
from producers.bench.figures import Measured, Subject
from producers.bench.options import Options
from producers.bench.rig import BenchError, Rig
from producers.bench.scenario import Scenario
from producers.bench.traffic import distinct
from worker.contract.status import Status

_MESSAGES = 50_000
_WINDOWS = ("1/60s", "15/day")  # what largesms has


class _Case(NamedTuple):
    windows: tuple[str, ...]
    had: bool  #: each number had its message before
    becomes: Status


_CASES = {
    "no window": _Case((), had=False, becomes=Status.SUBMITTING),
    "two windows": _Case(_WINDOWS, had=False, becomes=Status.SUBMITTING),
    "two windows, the number is full": _Case(_WINDOWS, had=True, becomes=Status.SCHEDULED),
}


def _subjects(options: Options) -> Sequence[Subject]:
    return [Subject(name, partial(_measure, options, case)) for name, case in _CASES.items()]


def _measure(options: Options, case: _Case) -> Measured:
    messages = options.count(_MESSAGES)
    packed = plan("bench", case.windows)
    with Rig(options) as rig:
        rig.configure(("bench", "zhenzi", rig.vendor()))
        if case.had:
            rig.enqueue(distinct(messages))
            _claim(rig, packed)
        rig.enqueue(distinct(messages))
        before = rig.watch.look()
        found = _claim(rig, packed)
        after = rig.watch.look()
        if found != [case.becomes] * messages:
            raise BenchError(f"not every one of {messages} messages became {case.becomes}")
        return Measured(
            {
                "rate": messages / (after.at - before.at),
                "redis_us": (after.redis_cpu - before.redis_cpu) / messages * 1e6,
                "redis_net": (after.redis_net - before.redis_net) / messages,
            }
        )


def _claim(rig: Rig, packed: bytes) -> list[Status]:
    return [record.status for batch in claim_all(rig.store, packed) for _, record in batch]


SCENARIO = Scenario(
    about="decisions about a number, by claims straight on the store",
    lead="rate",
    messages=_MESSAGES,
    subjects=_subjects,
    submits=False,
)
