"""Rig: one measured set-up on this machine, with nothing in it that another round left.

An own server, own vendors, an own folder, real Celery workers; a context manager ends them all.
"""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Self

from producers.bench import config, records
from producers.bench.load import Load
from producers.bench.options import Options
from producers.bench.vendor import VendorEnd
from producers.bench.watch import Watch
from producers.client import Client
from producers.processes import Processes
from worker.contract.errors import XinshiError
from worker.contract.jobs import TICKS, queue
from worker.contract.message import Message
from worker.contract.status import Status, Stream
from worker.store.client import Store
from worker.store.embedded import Server, free_port

_LONGEST = 86_400.0  # seconds of a set-up that was given no end
_PATIENCE = 120.0  # seconds without any progress, after which something is wrong
_LOOK = 0.05  # seconds between two looks: each costs the endpoint, or the server, a little
_SAID = 500  # characters of what a worker said last
_CHUNK = 5000  # messages, or records, at once


class BenchError(XinshiError):
    """Not everything was delivered exactly once, or not at all in time."""


class Rig:
    """One set-up; see above."""

    def __init__(self, options: Options, seconds: float | None = None) -> None:
        """Set one up that has so many seconds for all it does; None: as long as it gets on."""
        self._options = options
        self._end = time.monotonic() + (_LONGEST if seconds is None else seconds)
        self._open = contextlib.ExitStack()
        self._workers: list[str] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opening:
            self.folder = Path(
                opening.enter_context(tempfile.TemporaryDirectory(prefix="xinshi-bench-"))
            )
            self.url = opening.enter_context(Server()).url
            self.processes = opening.enter_context(Processes(self.folder, groups=True))
            opening.callback(self.processes.kill)  # what was measured is over, and checked
            self.store = opening.enter_context(contextlib.closing(Store(self.url, timeout=30.0)))
            self.watch = opening.enter_context(Watch(self.store.redis))
            self.begun = self.memory()
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def config(self) -> Path:
        return self.folder / "xinshi.toml"

    def vendor(self, name: str = "vendor") -> VendorEnd:
        """Start an endpoint that answers as the options have it."""
        port = free_port()
        command = ("producers.bench.endpoint", str(port), *self._options.endpoint())
        self.watch.follow_vendor(self.processes.start(name, *command).pid)
        end = VendorEnd(port)
        self._wait(f"the endpoint {name}", end.answers)
        return end

    def configure(self, *accounts: tuple[str, str, VendorEnd], more: str = "") -> None:
        """Write the settings: accounts as (name, adapter, endpoint), the first one for notices."""
        told = config.text(self.url, self._options.in_flight, accounts, more)
        self.config.write_text(told, encoding="utf-8")

    def client(self) -> Client:
        return Client(self.url, self.config)

    def enqueue(self, messages: Iterable[Message]) -> list[str]:
        """Accept messages, as a producer does; returns their ids."""
        ids: list[str] = []
        left = iter(messages)
        with self.client() as client:
            while chunk := list(islice(left, _CHUNK)):
                ids += client.send_many(chunk)
        return ids

    def workers(self, count: int, *streams: Stream, ticks: bool = False) -> None:
        """Start Celery workers for some streams and wait until all of them are ready."""
        queues = ",".join([*(queue(stream) for stream in streams), *([TICKS] if ticks else [])])
        names = [f"worker-{streams[0] if streams else 'ticks'}-{each}" for each in range(count)]
        self._workers += names
        for name in names:
            command = ("worker", "-l", "INFO", "-Q", queues, "-n", f"{name}@%h")
            self.watch.follow(self.celery(name, *command))
        for name in names:
            self._wait(name, partial(_is_ready, self.processes.log(name)))

    def work(self, name: str, *command: str) -> None:
        """Start somebody else's worker."""
        self._workers.append(name)
        self.watch.follow(self.processes.launch(name, *command).pid)

    def end_workers(self) -> None:
        """End them politely: they finish what is in flight."""
        while self._workers:
            self.processes.end(self._workers.pop())

    def celery(self, name: str, *command: str) -> int:
        """Start one of Celery's processes on our application; returns its pid."""
        env = {"XINSHI_CONFIG": str(self.config), "XINSHI_REDIS_URL": self.url}
        return self.processes.start(name, "celery", "-A", "worker.app", *command, **env).pid

    def run(self, name: str, *command: str) -> None:
        """Run a command to its end; raise ProcessError if it fails, or time is over before."""
        self.processes.launch(name, *command)
        self.processes.finish(name, max(0.0, self._end - time.monotonic()))

    def _left(self) -> float:
        """Return the seconds that the next step may take."""
        return max(0.0, min(_PATIENCE, self._end - time.monotonic()))

    def _wait(self, what: str, ready: Callable[[], bool]) -> None:
        self.processes.wait_for(what, ready, patience=self._left())

    def until(self, what: str, count: Callable[[], float], goal: float) -> None:
        """Wait until a count reaches its goal; raise BenchError when it stops, or is late."""
        last, since = count(), time.monotonic()
        while last < goal:
            time.sleep(_LOOK)
            self.processes.check()
            found = count()
            if found != last:
                last, since = found, time.monotonic()
            elif time.monotonic() - since > _PATIENCE:
                raise self._stuck(f"{what}: {last:.0f} of {goal:.0f}, then nothing more")
            if last < goal and time.monotonic() > self._end:
                raise self._stuck(f"{what}: {last:.0f} of {goal:.0f} when time was over")

    def _stuck(self, what: str) -> BenchError:
        """Return an error with the last words of the first worker."""
        for name in self._workers[:1]:
            return BenchError(f"{what}; {name} said last: {self.processes.said(name)[-_SAID:]}")
        return BenchError(what)

    def delivered(self, end: VendorEnd, ids: Sequence[str]) -> None:
        """Wait until every message is submitted; raise BenchError unless each came once."""
        self.until("messages at the vendor", end.taken, len(ids))
        self.settled(ids, Status.SUBMITTED)
        self.once(end, len(ids))

    def once(self, end: VendorEnd, count: int) -> None:
        """Raise BenchError unless the vendor took so many, each number once."""
        found = end.counts()
        if found["taken"] != count or found["doubled"]:
            raise BenchError(
                f"the vendor took {found['taken']} messages instead of {count}, "
                f"{found['doubled']} of them for another time"
            )

    def settled(self, ids: Sequence[str], status: Status) -> None:
        """Wait until all records have a status; raise BenchError if they don't get there."""
        left = list(ids)

        def count() -> int:
            left[:] = records.others(self.store, left, status)
            return len(ids) - len(left)

        self.until(f"messages {status}", count, len(ids))

    def memory(self) -> float:
        """Return the bytes that the server uses."""
        told = self.store.redis.info("memory")
        assert isinstance(told, dict)
        return float(told["used_memory"])

    def steady(self, end: VendorEnd, messages: int) -> dict[str, float]:
        """Return the figures of the steady part of ``messages``."""
        begin, over, part = end.steady()
        return self.watch.between(begin, over, messages * part)

    def load(self, end: VendorEnd, workers: int) -> Load | None:
        """Return what used the machine in the steady part; ``workers``: threads they can run."""
        begin, over, _ = end.steady()
        return self.watch.load(begin, over, workers)


def _is_ready(log: Path) -> bool:
    return "ready" in log.read_text()
