"""Memory: what a message that waits costs the server.

Of events only the last ones are kept: the more wait, the less of them is left for each.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from producers.bench.figures import Measured, Subject
from producers.bench.options import Options
from producers.bench.rig import BenchError, Rig
from producers.bench.scenario import Scenario
from producers.bench.traffic import alike, distinct
from worker.contract.keys import EVENTS, ready
from worker.contract.message import Message
from worker.contract.status import Stream

_MESSAGES = 50_000


def _subjects(options: Options) -> Sequence[Subject]:
    return [
        Subject("distinct texts", partial(_measure, options, distinct)),
        Subject("one text", partial(_measure, options, alike)),
    ]


def _measure(options: Options, messages: Callable[[int], Iterator[Message]]) -> Measured:
    count = options.count(_MESSAGES)
    with Rig(options) as rig:
        rig.configure(("bench", "zhenzi", rig.vendor()))
        rig.enqueue(messages(count))
        used = rig.memory() - rig.begun
        queued = rig.store.redis.llen(ready(Stream.NOTICE))
        if queued != count:
            raise BenchError(f"{queued} messages are ready instead of {count}")
        events = rig.store.redis.memory_usage(EVENTS, samples=0) or 0
        return Measured(
            {
                "redis_kept": used / count,
                "redis_lasting": (used - events) / count,
                "redis_mb": used / 1e6,
            }
        )


SCENARIO = Scenario(
    about="what a queued message takes of the server",
    lead="redis_kept",
    messages=_MESSAGES,
    subjects=_subjects,
    submits=False,
)
