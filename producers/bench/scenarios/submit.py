"""Submit: how fast workers take distinct messages to a vendor, beside those who do it otherwise."""

from collections.abc import Sequence
from functools import partial

from producers.bench import compare
from producers.bench.figures import Measured, Subject
from producers.bench.options import Options
from producers.bench.rig import Rig
from producers.bench.scenario import Scenario
from producers.bench.traffic import distinct
from worker.contract.status import Stream

_MESSAGES = 20_000


def _subjects(options: Options) -> Sequence[Subject]:
    """Ours first: the others are compared with it."""
    ours = Subject("xinshi", partial(_measure, options))
    return [ours, *compare.subjects(options, options.count(_MESSAGES))]


def _measure(options: Options) -> Measured:
    messages = options.count(_MESSAGES)
    with Rig(options) as rig:
        vendor = rig.vendor()
        rig.configure(("bench", "zhenzi", vendor))
        ids = rig.enqueue(distinct(messages))
        rig.workers(options.processes, Stream.NOTICE)
        rig.delivered(vendor, ids)
        kept = (rig.memory() - rig.begun) / messages
        return Measured({**rig.steady(vendor, messages), "redis_kept": kept})


SCENARIO = Scenario(
    about="distinct messages, queued before, to the vendor",
    lead="rate",
    messages=_MESSAGES,
    subjects=_subjects,
)
