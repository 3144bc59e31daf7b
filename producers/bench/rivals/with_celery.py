"""Celery and requests: a task a message, on its own Redis transport.

``with_celery.py enqueue REDIS COUNT POOL CONCURRENCY``,
``with_celery.py work REDIS VENDOR IN_FLIGHT FIRST LAST POOL CONCURRENCY``.
"""

import sys
import threading

import redis
import requests
from celery import Celery

TAKE = """
if not redis.call('SET', KEYS[1], 1, 'NX', 'EX', 86400) then return 0 end
return redis.call('INCR', KEYS[2])
"""
command, url = sys.argv[1:3]
vendor = sys.argv[3] if command == "work" else ""
app = Celery("rival", broker=url)
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False)
own = threading.local()  # a session and a client for each thread; after a fork, for each process


def _open() -> None:
    own.store = redis.Redis.from_url(url)
    own.take = own.store.register_script(TAKE)
    own.session = requests.Session()
    own.session.trust_env = False  # no look at proxies and .netrc for each request


@app.task(name="submit")
def submit(id: str, number: str, text: str) -> None:  # noqa: A002 - the job's own words
    """Deduplicate and take a rate token; POST; write the result."""
    if not hasattr(own, "session"):
        _open()
    job = {"id": id, "number": number, "text": text}
    if not own.take(keys=[f"once:{id}", "rate"]):
        return
    code = own.session.post(vendor, data=job, timeout=10).json()["code"]
    own.store.hset(f"result:{id}", mapping={"code": code})


def _enqueue(count: int) -> None:
    with app.producer_pool.acquire(block=True) as producer:  # one connection for all
        for place in range(count):
            job = {
                "id": f"job-{place}",
                "number": f"138{place:08d}",
                "text": f"您的订单{place:07d}已经发货，请注意查收，感谢您的支持和信任。",
            }
            submit.apply_async(kwargs=job, producer=producer)


if __name__ == "__main__":
    if command == "enqueue":
        _enqueue(int(sys.argv[3]))
    else:
        pool, concurrency = sys.argv[-2:]
        app.worker_main(["worker", "-P", pool, "-c", concurrency, "-l", "WARNING"])
