"""saq: a job a message.

``with_saq.py enqueue REDIS COUNT``, ``with_saq.py work REDIS VENDOR IN_FLIGHT FIRST LAST``.
"""

import asyncio
import sys
from typing import Any

from job import Job, make, plain_store
from saq import Queue, Worker

CHUNK = 500  # that are sent at once


async def submit(ctx: dict[str, Any], *, message: str, number: str, text: str) -> None:
    await ctx["own"].submit({"id": message, "number": number, "text": text})


async def _enqueue(url: str, count: int) -> None:
    queue = Queue.from_url(url)
    await queue.connect()
    for first in range(0, count, CHUNK):
        places = range(first, min(count, first + CHUNK))
        # ttl=-1: no result of saq's own, for the job writes one; ids are unique already.
        await asyncio.gather(
            *(queue.enqueue("submit", ttl=-1, **_fields(place)) for place in places)
        )
    await queue.disconnect()


def _fields(place: int) -> dict[str, str]:
    """Return a job's fields; ``id`` is a word of saq's own."""
    job = make(place)
    return {"message": job.pop("id"), **job}


async def _work(url: str, vendor: str, in_flight: int) -> None:
    async def open_job(ctx: dict[str, Any]) -> None:
        ctx["own"] = own = Job(vendor, plain_store(url, in_flight))
        await own.open()

    queue = Queue.from_url(url)
    await queue.connect()
    await Worker(queue, [submit], concurrency=in_flight, startup=open_job).start()


if __name__ == "__main__":
    if sys.argv[1] == "enqueue":
        asyncio.run(_enqueue(sys.argv[2], int(sys.argv[3])))
    else:
        asyncio.run(_work(sys.argv[2], sys.argv[3], int(sys.argv[4])))
