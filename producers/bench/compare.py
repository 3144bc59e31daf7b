"""Compare: the same job done otherwise, each in an environment of its own, in the same rounds.

The job: decode it, deduplicate and take a rate token in one EVALSHA, one POST, write the result.
The scripts in ``rivals/`` are what their authors' documents recommend and know nothing of us.
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from producers.bench import envs
from producers.bench.figures import Measured, Subject
from producers.bench.options import Options
from producers.bench.rig import Rig
from producers.processes import ProcessError

_SCRIPTS = Path(__file__).parent / "rivals"
_PATIENCE = 300.0  # seconds that an enqueue may take
_LEAST = 200  # messages, however slow the rival is
_HTTP = ("aiohttp==3.14.5",)
_BARE = (*_HTTP, "redis==8.1.0")
_CELERY = ("celery[redis]==5.7.0", "requests==2.34.2")
_TASKIQ = (*_HTTP, "taskiq==0.13.0", "taskiq-redis==1.2.4")


@dataclass(frozen=True, slots=True)
class Rival:
    """One of those who do it otherwise."""

    script: str
    requirements: tuple[str, ...]
    more: tuple[str, ...] = ()  #: arguments of its own
    part: float = 1.0  #: of the messages: a slow one is as steady with fewer
    queued: bool = True  #: it has a queue that is filled before


RIVALS: Mapping[str, Rival] = {
    "bare": Rival("bare.py", _BARE, ("plain",), queued=False),
    "tuned": Rival("bare.py", _BARE, ("tuned",), queued=False),
    "celery-prefork": Rival("with_celery.py", _CELERY, ("prefork", "16"), part=0.12),
    "celery-threads": Rival("with_celery.py", _CELERY, ("threads", "64"), part=0.2),
    "taskiq": Rival("with_taskiq.py", _TASKIQ, ("1",), part=0.5),
    "taskiq-100": Rival("with_taskiq.py", _TASKIQ, ("100",)),
    "saq": Rival("with_saq.py", (*_HTTP, "saq[redis,hiredis]==0.26.4"), part=0.5),
    "arq": Rival("with_arq.py", (*_HTTP, "arq==0.28.0"), part=0.4),
}


def subjects(options: Options, messages: int) -> Sequence[Subject]:
    """Return those that are asked for; else the bare loop, with the packages that we have."""
    if not options.rivals:
        bare = partial(_measure, options, RIVALS["bare"], sys.executable, messages)
        return [Subject("bare", bare)]
    return [
        Subject(name, partial(_measure, options, rival, _python(name, options), messages))
        for name, rival in RIVALS.items()
        if name in options.rivals
    ]


def _python(name: str, options: Options) -> str:
    rival = RIVALS[name]
    return envs.python(rival.script.removesuffix(".py"), rival.requirements, options.envs)


def _measure(options: Options, rival: Rival, python: str, messages: int) -> Measured:
    count = max(min(_LEAST, messages), int(messages * rival.part))
    with Rig(options) as rig:
        vendor = rig.vendor()
        command = (python, str(_SCRIPTS / rival.script))
        if rival.queued:
            _enqueue((*command, "enqueue", rig.url, str(count), *rival.more))
        for place in range(options.processes):
            first, last = (count * each // options.processes for each in (place, place + 1))
            work = ("work", rig.url, vendor.url, str(options.in_flight), str(first), str(last))
            process = rig.processes.launch(f"rival-{place}", *command, *work, *rival.more)
            rig.watch.follow(process.pid)
        rig.until("messages at the vendor", vendor.taken, count)
        rig.until("results that are written", lambda: _results(rig), count)
        rig.once(vendor, count)
        kept = (rig.memory() - rig.begun) / count
        return Measured({**rig.steady(vendor, count), "redis_kept": kept})


def _enqueue(command: Sequence[str]) -> None:
    done = subprocess.run(  # noqa: S603 - our own arguments
        command, capture_output=True, text=True, check=False, timeout=_PATIENCE
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no word why"]
        raise ProcessError(f"{Path(command[1]).name} cannot enqueue: {said[-1]}")


def _results(rig: Rig) -> int:
    return sum(1 for _ in rig.store.redis.scan_iter("result:*", count=5000))
