"""Options: what a run of the bench is asked for."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from worker.contract.durations import seconds

_TAIL = re.compile(r"(\d+(?:\.\d+)?)%\D*?\s(\d.*)", re.ASCII)
_QUICK = 400  # messages of a smoke run


@dataclass(frozen=True, slots=True)
class Tail:
    """Of the vendor's answers, each ``every``-th takes ``seconds``."""

    every: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> "Tail":
        """Read ``1% 2s`` or ``1% of answers take 2 s``; raise ValueError."""
        found = _TAIL.fullmatch(text.strip())
        percent = float(found[1]) if found else 0.0
        if found is None or not 0 < percent <= 100:  # noqa: PLR2004
            raise ValueError('a tail is like "1% 2s": one answer of a hundred takes two seconds')
        return cls(round(100 / percent), seconds(found[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run is asked for."""

    scenarios: tuple[str, ...] = ("submit",)
    messages: int | None = None  #: None: each scenario's own
    rounds: int = 3
    latency: float = 50.0  #: ms of the vendor
    tail: Tail | None = None
    in_flight: int = 512  #: of each worker process
    processes: int = 1
    minutes: float = 10.0  #: of the soak
    rivals: tuple[str, ...] = ()
    envs: Path = field(default_factory=lambda: Path.home() / ".cache" / "xinshi-bench")
    quick: bool = False

    def count(self, usual: int) -> int:
        """Return how many messages a scenario uses that usually takes so many."""
        return self.messages or (min(usual, _QUICK) if self.quick else usual)

    def fixed(self) -> int | None:
        """Return how many messages were asked for; None: as many as some seconds take."""
        return self.messages or (_QUICK if self.quick else None)

    def endpoint(self) -> tuple[str, ...]:
        """Return latency and tail as the endpoint takes them."""
        tail = (str(self.tail.every), str(self.tail.seconds * 1000)) if self.tail else ()
        return (str(self.latency), *tail)
