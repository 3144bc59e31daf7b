"""Memory: what a message that waits costs the server."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from producers.bench.figures import Measured, Subject
from producers.bench.options import Options
from producers.bench.rig import BenchError, Rig
from producers.bench.scenario import Scenario
from producers.bench.traffic import alike, distinct
from worker.contract.keys import ready
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
        return Measured({"redis_kept": used / count, "redis_mb": used / 1e6})


SCENARIO = Scenario(
    about="what a queued message takes of the server",
    lead="redis_kept",
    messages=_MESSAGES,
    subjects=_subjects,
    submits=False,
)
