"""Shards: what one more server brings, by claims straight on the stores, all driven at once.

Each server has drivers of its own (``--processes``), in processes. Redis has one thread, so that
one server can use one core; with two of them, and their drivers, a small machine is full itself.
"""

import contextlib
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from typing import NamedTuple

from producers.bench import proc
from producers.bench.claims import claim_all, plan
from producers.bench.figures import Measured, Subject
from producers.bench.load import Load
from producers.bench.options import Options
from producers.bench.rig import BenchError
from producers.bench.scenario import Scenario
from producers.bench.traffic import distinct
from producers.client import Client
from worker.contract.settings import Settings
from worker.contract.shards import Shard
from worker.contract.status import Status
from worker.store.client import Store
from worker.store.embedded import Server
from worker.store.shards import Shards

_MESSAGES = 50_000
_WINDOWS = ("1/60s", "15/day")  # what largesms has
_CHUNK = 5000
_SERVERS = {"one server": 1, "two servers": 2}


class _Look(NamedTuple):
    """CPU seconds so far, at a moment."""

    at: float
    servers: Sequence[float]
    own: float  #: of this process
    busy: float  #: of the machine


class _Drove(NamedTuple):
    """What one driver did: attempts that it opened, CPU seconds that it took."""

    claimed: int
    cpu: float


def _subjects(options: Options) -> Sequence[Subject]:
    return [Subject(name, partial(_measure, options, many)) for name, many in _SERVERS.items()]


def _measure(options: Options, many: int) -> Measured:
    messages, packed = options.count(_MESSAGES), plan("bench", _WINDOWS, shards=many)
    with contextlib.ExitStack() as opened:
        servers = [opened.enter_context(Server()) for _ in range(many)]
        named = tuple(Shard(str(place), each.url) for place, each in enumerate(servers))
        settings = Settings(shards=named, signature="信使")
        shards = opened.enter_context(contextlib.closing(Shards(settings, timeout=30.0)))
        _enqueue(settings, messages)
        drivers = [each.url for each in servers for _ in range(options.processes)]
        context = multiprocessing.get_context("spawn")
        pool = opened.enter_context(ProcessPoolExecutor(len(drivers), mp_context=context))
        list(pool.map(_warm, drivers))  # so that all are there before it begins
        before = _look(shards)
        found = list(pool.map(_drive, drivers, [packed] * len(drivers)))
        after = _look(shards)
        if (claimed := sum(each.claimed for each in found)) != messages:
            raise BenchError(f"{claimed} of {messages} messages were claimed")
        figures = {
            "rate": messages / (after.at - before.at),
            "redis_us": (sum(after.servers) - sum(before.servers)) / messages * 1e6,
        }
        return Measured(figures, load=_load(before, after, found))


def _enqueue(settings: Settings, count: int) -> None:
    left = distinct(count)
    with Client(config=settings) as client:
        while chunk := list(islice(left, _CHUNK)):
            client.send_many(chunk)


def _look(shards: Shards) -> _Look:
    told = [store.redis.info("cpu") for store in shards.all]
    servers = [
        float(each["used_cpu_user"]) + float(each["used_cpu_sys"])
        for each in told
        if isinstance(each, dict)
    ]
    return _Look(time.monotonic(), servers, time.process_time(), proc.busy())


def _load(before: _Look, after: _Look, found: Sequence[_Drove]) -> Load | None:
    spent = [end - begin for begin, end in zip(before.servers, after.servers, strict=True)]
    parts = (
        ("drivers", sum(each.cpu for each in found), len(found)),
        *((f"server {place}", cpu, 1) for place, cpu in enumerate(spent, 1)),
        ("watch", after.own - before.own, 1),
    )
    return Load.of(proc.cores(), after.at - before.at, after.busy - before.busy, parts)


def _warm(url: str) -> None:
    """Run in a driver: be there for as long as it takes the others to be."""
    with contextlib.closing(Store(url)) as store:
        store.command("PING")
    time.sleep(0.5)


def _drive(url: str, packed: bytes) -> _Drove:
    """Run in a driver: claim until nothing is ready."""
    begun = time.process_time()
    with contextlib.closing(Store(url, timeout=30.0)) as store:
        claimed = sum(
            record.status is Status.SUBMITTING
            for batch in claim_all(store, packed)
            for _, record in batch
        )
    return _Drove(claimed, time.process_time() - begun)


SCENARIO = Scenario(
    about="claims on one server and on two, each with its drivers",
    lead="rate",
    messages=_MESSAGES,
    subjects=_subjects,
    submits=False,
)
