"""The bare loop that a bench compares with: aiohttp and redis.asyncio, no queue, nothing kept.

The same job as a worker's, written the plain way: decode the job, one EVALSHA (deduplicate, take
a token of the rate), one POST, one write of the result; 256 at once, from memory.
Run it as ``python -m producers.bench.bare VENDOR_URL REDIS_URL MESSAGES``; prints JSON.
"""

import asyncio
import json
import sys
import time

import aiohttp
import redis.asyncio

_IN_FLIGHT = 256
_TAKE = """
if not redis.call('SET', KEYS[1], 1, 'NX', 'EX', 86400) then return 0 end
return redis.call('INCR', KEYS[2])
"""


async def measure(vendor: str, redis_url: str, messages: int) -> dict[str, float]:
    """Return the rate and the CPU time a message, in ms, over ``messages``."""
    jobs = [
        json.dumps({"id": f"bare-{number}", "number": f"138{number:08d}", "text": f"订单{number}"})
        for number in range(messages)
    ]
    store = redis.asyncio.Redis.from_url(redis_url, max_connections=_IN_FLIGHT)
    take = await store.script_load(_TAKE)
    slots = asyncio.Semaphore(_IN_FLIGHT)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def submit(job: str) -> None:
            message = json.loads(job)
            try:
                await store.evalsha(take, 2, f"bare:{message['id']}", "bare:rate")
                async with session.post(vendor, data=message) as answer:
                    code = (await answer.json())["code"]
                await store.hset(f"bare:result:{message['id']}", mapping={"code": code})
            finally:
                slots.release()

        begun, used = time.monotonic(), time.process_time()
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                await slots.acquire()
                group.create_task(submit(job))
        took, cpu = time.monotonic() - begun, time.process_time() - used
    await store.aclose()
    return {"rate": messages / took, "cpu_ms": cpu / messages * 1000}


if __name__ == "__main__":
    found = asyncio.run(measure(sys.argv[1], sys.argv[2], int(sys.argv[3])))
    sys.stdout.write(json.dumps(found) + "\n")
