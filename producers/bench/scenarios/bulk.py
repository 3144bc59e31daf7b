"""Bulk: one text to many numbers, by the vendors that take many in one call."""

from collections.abc import Sequence
from functools import partial

from producers.bench.figures import Measured, Subject
from producers.bench.options import Options
from producers.bench.rig import Rig
from producers.bench.scenario import Scenario
from producers.bench.traffic import alike
from worker.contract.status import Stream

_MESSAGES = 100_000


def _subjects(options: Options) -> Sequence[Subject]:
    return [Subject(name, partial(_measure, options, name)) for name in ("tencent", "chuangrui")]


def _measure(options: Options, adapter: str) -> Measured:
    messages = options.count(_MESSAGES)
    with Rig(options) as rig:
        vendor = rig.vendor()
        rig.configure(("bench", adapter, vendor))
        ids = rig.enqueue(alike(messages))
        rig.workers(options.processes, Stream.NOTICE)
        rig.delivered(vendor, ids)
        a_call = messages / vendor.counts()["calls"]
        figures = {**rig.steady(vendor, messages), "a_call": a_call}
        return Measured(figures, load=rig.load(vendor, options.processes))


SCENARIO = Scenario(
    about="one text to many numbers, many in a call",
    lead="rate",
    messages=_MESSAGES,
    subjects=_subjects,
)
