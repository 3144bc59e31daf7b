"""A dump: all that a Redis server holds, to search in."""

from collections.abc import Callable
from typing import Any

import redis


def everything(raw: redis.Redis) -> bytes:
    """Every name and every value."""
    found = []
    for name in raw.scan_iter("*"):
        read: dict[Any, Callable[..., Any]] = {
            b"string": raw.get,
            b"hash": raw.hgetall,
            b"set": raw.smembers,
            b"list": lambda name: raw.lrange(name, 0, -1),
            b"zset": lambda name: raw.zrange(name, 0, -1),
            b"stream": raw.xrange,
        }
        found.append(repr((name, read[raw.type(name)](name))))
    return "\n".join(found).encode()
