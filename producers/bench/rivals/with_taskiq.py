"""taskiq on a Redis stream: a task a message, or a task an envelope of many messages.

``with_taskiq.py enqueue REDIS COUNT SIZE``,
``with_taskiq.py work REDIS VENDOR IN_FLIGHT FIRST LAST SIZE``: it becomes taskiq's own worker.
An envelope's messages are at work together, on a Redis connection that pipelines by itself.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from job import Job, make, plain_store
from pipelined import Pipelined
from taskiq import TaskiqEvents, TaskiqState
from taskiq_redis import RedisStreamBroker

CHUNK = 100  # that are sent at once
url = os.environ.get("RIVAL_REDIS") or sys.argv[2]
vendor = os.environ.get("RIVAL_VENDOR", "")
in_flight = int(os.environ.get("RIVAL_IN_FLIGHT", "1"))
enveloped = bool(os.environ.get("RIVAL_ENVELOPED"))
broker = RedisStreamBroker(url=url)


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def _open(state: TaskiqState) -> None:
    store: Any = Pipelined(url) if enveloped else plain_store(url, in_flight)
    state.job = Job(vendor, store)
    await state.job.open()


@broker.task(task_name="submit")
async def submit(id: str, number: str, text: str) -> None:  # noqa: A002 - the job's own words
    await broker.state.job.submit({"id": id, "number": number, "text": text})


@broker.task(task_name="submit_many")
async def submit_many(jobs: list[dict[str, str]]) -> None:
    await asyncio.gather(*(broker.state.job.submit(job) for job in jobs))


async def _enqueue(count: int, size: int) -> None:
    await broker.startup()
    for first in range(0, count, CHUNK * size):
        jobs = [make(place) for place in range(first, min(count, first + CHUNK * size))]
        if size == 1:
            await asyncio.gather(*(submit.kiq(**job) for job in jobs))
        else:
            parts = (jobs[at : at + size] for at in range(0, len(jobs), size))
            await asyncio.gather(*(submit_many.kiq(part) for part in parts))
    await broker.shutdown()


def _work(size: int) -> None:
    most = max(1, int(sys.argv[4]) // size)
    os.environ |= {"RIVAL_REDIS": url, "RIVAL_VENDOR": sys.argv[3], "RIVAL_IN_FLIGHT": sys.argv[4]}
    os.environ["RIVAL_ENVELOPED"] = "1" if size > 1 else ""
    here = Path(__file__)
    os.execv(  # noqa: S606 - taskiq's own command
        sys.executable,
        [
            *(sys.executable, "-m", "taskiq", "worker", f"{here.stem}:broker"),
            *("--app-dir", str(here.parent), "--workers", "1", "--max-async-tasks", str(most)),
        ],
    )


if __name__ == "__main__":
    if sys.argv[1] == "enqueue":
        asyncio.run(_enqueue(int(sys.argv[3]), int(sys.argv[4])))
    else:
        _work(int(sys.argv[-1]))
