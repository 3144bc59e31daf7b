"""Compare: the same job done otherwise, each in an environment of its own, in the same rounds.

The job: decode it, deduplicate and take a rate token in one EVALSHA, one POST, write the result.
The scripts in ``rivals/`` are what their authors' documents recommend and know nothing of us.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from producers.bench import envs, progress
from producers.bench.figures import Measured, Subject
from producers.bench.options import Options
from producers.bench.pace import Paced
from producers.bench.rig import Rig

_SCRIPTS = Path(__file__).parent / "rivals"
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
    at_once: int | None = None  #: calls that it keeps open; None: as many as we do
    forks: int = 1  #: processes of one worker
    queued: bool = True  #: it has a queue that is filled before


RIVALS: Mapping[str, Rival] = {
    "bare": Rival("bare.py", _BARE, ("plain",), queued=False),
    "tuned": Rival("bare.py", _BARE, ("tuned",), queued=False),
    "celery-prefork": Rival("with_celery.py", _CELERY, ("prefork", "16"), at_once=16, forks=16),
    "celery-threads": Rival("with_celery.py", _CELERY, ("threads", "64"), at_once=64),
    "taskiq": Rival("with_taskiq.py", _TASKIQ, ("1",)),
    "taskiq-100": Rival("with_taskiq.py", _TASKIQ, ("100",)),
    "saq": Rival("with_saq.py", (*_HTTP, "saq[redis,hiredis]==0.26.4")),
    "arq": Rival("with_arq.py", (*_HTTP, "arq==0.28.0")),
}


def subjects(options: Options) -> Sequence[Subject]:
    """Return those that are asked for; else the bare loop, with the packages that we have."""
    if not options.rivals:
        return [_subject(options, "bare", sys.executable)]
    return [
        _subject(options, name, _python(name, options)) for name in RIVALS if name in options.rivals
    ]


def _subject(options: Options, name: str, python: str) -> Subject:
    at_once = (RIVALS[name].at_once or options.in_flight) * options.processes
    return Subject(name, Paced(options, partial(_measure, options, name, python), at_once))


def _python(name: str, options: Options) -> str:
    rival = RIVALS[name]
    return envs.python(
        rival.script.removesuffix(".py"),
        rival.requirements,
        options.envs,
        partial(progress.say, options),
    )


def _measure(options: Options, name: str, python: str, messages: int, seconds: float) -> Measured:
    rival = RIVALS[name]
    with Rig(options, seconds) as rig:
        vendor = rig.vendor()
        command = (python, str(_SCRIPTS / rival.script))
        if rival.queued:
            enqueue = ("enqueue", rig.url, str(messages), *rival.more)
            rig.run(f"the enqueue of {name}", *command, *enqueue)
        for place in range(options.processes):
            first, last = (messages * at // options.processes for at in (place, place + 1))
            work = ("work", rig.url, vendor.url, str(options.in_flight), str(first), str(last))
            rig.work(f"{name}-{place}", *command, *work, *rival.more)
        rig.until("messages at the vendor", vendor.taken, messages)
        rig.until("results that are written", lambda: _results(rig), messages)
        rig.once(vendor, messages)
        kept = (rig.memory() - rig.begun) / messages
        figures = {**rig.steady(vendor, messages), "messages": messages, "redis_kept": kept}
        return Measured(figures, load=rig.load(vendor, options.processes * rival.forks))


def _results(rig: Rig) -> int:
    return sum(1 for _ in rig.store.redis.scan_iter("result:*", count=5000))
