"""arq: a job a message.

``with_arq.py enqueue REDIS COUNT``, ``with_arq.py work REDIS VENDOR IN_FLIGHT FIRST LAST``.
"""

import asyncio
import sys
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker, func
from job import Job, make, plain_store

CHUNK = 100  # that are sent at once


async def submit(ctx: dict[str, Any], id: str, number: str, text: str) -> None:  # noqa: A002
    await ctx["job"].submit({"id": id, "number": number, "text": text})


async def _enqueue(url: str, count: int) -> None:
    pool = await create_pool(RedisSettings.from_dsn(url))
    for first in range(0, count, CHUNK):
        places = range(first, min(count, first + CHUNK))
        await asyncio.gather(*(pool.enqueue_job("submit", **make(place)) for place in places))
    await pool.aclose()


def _work(url: str, vendor: str, in_flight: int) -> None:
    async def open_job(ctx: dict[str, Any]) -> None:
        ctx["job"] = job = Job(vendor, plain_store(url, in_flight))
        await job.open()

    asyncio.set_event_loop(asyncio.new_event_loop())
    Worker(
        functions=[func(submit, keep_result=0)],  # none of arq's own, for the job writes one
        redis_settings=RedisSettings.from_dsn(url),
        on_startup=open_job,
        max_jobs=in_flight,
    ).run()


if __name__ == "__main__":
    if sys.argv[1] == "enqueue":
        asyncio.run(_enqueue(sys.argv[2], int(sys.argv[3])))
    else:
        _work(sys.argv[2], sys.argv[3], int(sys.argv[4]))
