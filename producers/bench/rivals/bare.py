"""No queue at all: aiohttp and Redis in one loop, jobs from memory, nothing kept of them.

``bare.py work REDIS VENDOR IN_FLIGHT FIRST LAST plain|tuned``; tuned: one Redis connection that
pipelines by itself. It stays after its work until it is told to end.
"""

import asyncio
import json
import sys
from typing import Any

from job import Job, make, plain_store
from pipelined import Pipelined


async def work(job: Job, in_flight: int, waiting: list[str]) -> None:
    """Submit what waits, so many at once."""
    slots = asyncio.Semaphore(in_flight)

    async def one(packed: str) -> None:
        try:
            await job.submit(json.loads(packed))
        finally:
            slots.release()

    async with asyncio.TaskGroup() as group:
        for packed in waiting:
            await slots.acquire()
            group.create_task(one(packed))


async def main(url: str, vendor: str, in_flight: int, places: range, kind: str) -> None:
    store: Any = Pipelined(url) if kind == "tuned" else plain_store(url, in_flight)
    job = Job(vendor, store)
    await job.open()
    await work(job, in_flight, [json.dumps(make(place)) for place in places])
    await asyncio.Event().wait()


if __name__ == "__main__":
    _, url, vendor, in_flight, first, last, kind = sys.argv[1:]
    asyncio.run(main(url, vendor, int(in_flight), range(int(first), int(last)), kind))
