"""Enqueue: what a producer pays for a message, one by one and many at once."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from producers.bench.figures import Measured, Subject, latencies
from producers.bench.options import Options
from producers.bench.rig import BenchError, Rig
from producers.bench.scenario import Scenario
from producers.bench.traffic import distinct
from producers.client import Client
from worker.contract.keys import ready
from worker.contract.message import Message
from worker.contract.status import Stream

_MESSAGES = 20_000
_CHUNK = 500  # messages of one send_many


def _subjects(options: Options) -> Sequence[Subject]:
    return [
        Subject("send", partial(_measure, options, _one_by_one)),
        Subject(f"send_many of {_CHUNK}", partial(_measure, options, _many)),
    ]


def _measure(
    options: Options, send: Callable[[Client, Iterable[Message]], dict[str, float]]
) -> Measured:
    messages = options.count(_MESSAGES)
    with Rig(options) as rig:
        rig.configure(("bench", "zhenzi", rig.vendor()))
        with rig.client() as client:
            client.send_many(distinct(1, messages))  # a connection, and the script
            before, used, begun = rig.watch.look(), time.process_time(), time.monotonic()
            found = send(client, distinct(messages))
            took, cpu = time.monotonic() - begun, time.process_time() - used
            after = rig.watch.look()
        queued = rig.store.redis.llen(ready(Stream.NOTICE))
        if queued != messages + 1:
            raise BenchError(f"{queued} messages are ready instead of {messages + 1}")
        return Measured(
            {
                "rate": messages / took,
                "cpu_ms": cpu / messages * 1e3,
                **found,
                "redis_us": (after.redis_cpu - before.redis_cpu) / messages * 1e6,
                "redis_net": (after.redis_net - before.redis_net) / messages,
            }
        )


def _one_by_one(client: Client, messages: Iterable[Message]) -> dict[str, float]:
    took = []
    for message in messages:
        begun = time.monotonic()
        client.send(message.to, message.text)
        took.append(time.monotonic() - begun)
    return latencies(took)


def _many(client: Client, messages: Iterable[Message]) -> dict[str, float]:
    client.send_many(messages)  # it cuts them itself
    return {}


SCENARIO = Scenario(
    about="from the producer into the store; CPU is the producer's",
    lead="rate",
    messages=_MESSAGES,
    subjects=_subjects,
    submits=False,
)
