"""The consumer: Celery's own, without its talk to the other workers.

Mingle and gossip exchange clocks and revoked tasks, and we have neither. Mingle holds each start
up for a second. Gossip is worse: where a connection breaks again while it is made anew, as in a
failover, it fails on its way down, and the worker ends.
"""

from typing import Any

from celery.worker.consumer import Consumer as CelerysOwn


class Consumer(CelerysOwn):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "without_mingle": True, "without_gossip": True})
