"""Submit: how fast workers take distinct messages to a vendor, beside those who do it otherwise."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from producers.bench import compare
from producers.bench.figures import Measured, Subject
from producers.bench.options import Options
from producers.bench.pace import Paced
from producers.bench.rig import Rig
from producers.bench.scenario import Scenario
from producers.bench.traffic import distinct
from worker.contract.status import Stream


def _subjects(options: Options) -> Sequence[Subject]:
    """Ours first: the others are compared with it."""
    ours = [_subject("xinshi", options)]
    if options.processes > 1:
        ours.append(_subject("one process", replace(options, processes=1)))
    return [*ours, *compare.subjects(options)]


def _subject(name: str, options: Options) -> Subject:
    at_once = options.in_flight * options.processes
    return Subject(name, Paced(options, partial(_measure, options), at_once))


def _measure(options: Options, messages: int, seconds: float) -> Measured:
    with Rig(options, seconds) as rig:
        vendor = rig.vendor()
        rig.configure(("bench", "zhenzi", vendor))
        ids = rig.enqueue(distinct(messages))
        rig.workers(options.processes, Stream.NOTICE)
        rig.delivered(vendor, ids)
        kept = (rig.memory() - rig.begun) / messages
        figures = {**rig.steady(vendor, messages), "messages": messages, "redis_kept": kept}
        return Measured(figures, load=rig.load(vendor, options.processes))


SCENARIO = Scenario(
    about="distinct messages, queued before, to the vendor",
    lead="rate",
    subjects=_subjects,
    paced=True,
)
