"""Presence: which worker processes are alive, by the beats that each writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.store import scripts
from worker.store.acts import Act

EVERY = 5.0  # seconds between two beats
LIFE = 20.0  # seconds that a beat counts
FORGOTTEN = 600.0  # seconds after which one that ended without a word is not named any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What a worker process says of itself."""

    version: str = ""
    started: int = 0  #: ms since 1970, by its own clock
    in_flight: int = 0  #: calls to vendors that are open
    queues: Sequence[str] = ()  #: those it serves; empty: it does not know


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker process."""

    name: str  #: its node name or host, and its process id
    age: float  #: seconds since its last beat
    vitals: Vitals | None  #: None: it has been silent for so long that they are gone

    @property
    def alive(self) -> bool:
        return self.age < LIFE


@dataclass(frozen=True, slots=True)
class Workers:
    """Those that beat lately, the latest first."""

    now: int  #: Redis's clock, ms since 1970
    all: list[Worker]

    @property
    def alive(self) -> list[Worker]:
        return [each for each in self.all if each.alive]


def beat(name: str, vitals: Vitals) -> Act[int]:
    """Say that a process is alive."""
    said: Mapping[str, str | int] = {
        "version": vitals.version,
        "started": vitals.started,
        "in_flight": vitals.in_flight,
        "queues": " ".join(vitals.queues),
    }
    flat = (word for pair in said.items() for word in pair)
    args = (name, int(LIFE * 1000), int(FORGOTTEN * 1000), *flat)
    return Act(scripts.load("beat"), args, int)


def leave(name: str) -> Act[int]:
    """Say that a process ends."""
    return Act(scripts.load("beat"), (name, 0, 0), int)


def workers() -> Act[Workers]:
    """Read which processes are alive, and which were not long ago."""

    def read(answer: list[Any]) -> Workers:
        now, rest = answer[0], answer[1:]
        rows = zip(rest[::3], rest[1::3], rest[2::3], strict=True)
        found = [_worker(name.decode(), (now - at) / 1000, flat) for name, at, flat in rows]
        return Workers(now, sorted(found, key=lambda each: each.age))

    return Act(scripts.load("workers"), (), read)


def _worker(name: str, age: float, flat: list[bytes]) -> Worker:
    said = {key.decode(): value.decode() for key, value in zip(flat[::2], flat[1::2], strict=True)}
    if not said:
        return Worker(name, max(0.0, age), None)
    vitals = Vitals(
        version=said.get("version", ""),
        started=int(said.get("started", 0)),
        in_flight=int(said.get("in_flight", 0)),
        queues=tuple(said.get("queues", "").split()),
    )
    return Worker(name, max(0.0, age), vitals)
