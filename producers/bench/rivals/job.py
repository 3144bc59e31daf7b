"""The job as every asynchronous rival does it; a script of its own kind, beside them."""

import json
from typing import Any

import aiohttp
import redis.asyncio

TAKE = """
if not redis.call('SET', KEYS[1], 1, 'NX', 'EX', 86400) then return 0 end
return redis.call('INCR', KEYS[2])
"""


def make(place: int) -> dict[str, str]:
    """Return the arguments of one job."""
    return {
        "id": f"job-{place}",
        "number": f"138{place:08d}",
        "text": f"您的订单{place:07d}已经发货，请注意查收，感谢您的支持和信任。",
    }


class Job:
    """What a worker opens once: an HTTP session, a store, the script."""

    def __init__(self, vendor: str, store: Any) -> None:
        self._vendor = vendor
        self._store = store

    async def open(self) -> None:
        self._take = await self._store.script_load(TAKE)
        # Our own loopback vendor knows no limit; nor may the pool.
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def submit(self, job: dict[str, str]) -> None:
        """Deduplicate and take a rate token; POST; write the result."""
        if not int(await self._store.evalsha(self._take, 2, f"once:{job['id']}", "rate")):
            return
        async with self._session.post(self._vendor, data=job) as answer:
            code = json.loads(await answer.read())["code"]
        await self._store.hset(f"result:{job['id']}", mapping={"code": code})


def plain_store(url: str, in_flight: int) -> "redis.asyncio.Redis":
    """Return redis-py's own client, with a connection for each that may want one."""
    return redis.asyncio.Redis.from_url(url, max_connections=in_flight + 1)
