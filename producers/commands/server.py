"""What ``xinshi doctor`` asks of Redis: is it there, may we write, will it keep what it has."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import redis

from producers.commands.checks import Check, error, ok, warning
from worker.contract import keys
from worker.contract.errors import StoreError
from worker.store import acts
from worker.store.client import Store

_OLDEST = (6, 2)
_SLOW = 0.05  # seconds of an answer from a server nearby
_DRIFT_WARNING, _DRIFT_ERROR = 1.0, 5.0
_NEARLY_FULL = 0.9
_NOBODY = "doctor"  # no message has this id


def check(store: Store) -> Iterator[Check]:
    """Check the server; a first error means that nothing more can be asked."""
    try:
        store.run(acts.find([_NOBODY]))
        begun = time.monotonic()
        store.run(acts.find([_NOBODY]))
        took = time.monotonic() - begun
    except StoreError as problem:
        yield error("redis", str(problem), "start it, or check redis_url and XINSHI_REDIS_URL")
        return
    try:
        info = store.redis.info()
    except redis.RedisError:
        yield warning("redis", "it answers, but INFO is forbidden", "allow it for this user")
    else:
        yield from described(info, took)
    yield writable(store)
    yield clock(offset(store))


def described(info: Mapping[str, Any], took: float) -> Iterator[Check]:
    """Judge what the server says of itself."""
    version = str(info.get("redis_version", "0"))
    name = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {version}"
    answer = f"{name}, answers in {took * 1000:.1f} ms"
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < _OLDEST:
        yield error("redis", answer, "upgrade: 6.2 is the oldest that works")
    elif took > _SLOW:
        yield warning("redis", answer, "it should be near, and not be shared with slow commands")
    else:
        yield ok("redis", answer)
    if info.get("cluster_enabled"):
        yield error("redis mode", "it is a cluster", "use a single server, with a replica")
    yield _memory(info)
    yield _persistence(info)
    yield _workers(info)


def _memory(info: Mapping[str, Any]) -> Check:
    policy = str(info.get("maxmemory_policy", "noeviction"))
    most, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    found = f"{policy}, {used / 2**20:.0f} MB used" + (f" of {most / 2**20:.0f}" if most else "")
    if policy != "noeviction":
        advice = "set maxmemory-policy noeviction: this one throws messages away"
        return error("redis memory", found, advice)
    if most and used > most * _NEARLY_FULL:
        return warning("redis memory", found, "give it more: when it is full nothing is accepted")
    return ok("redis memory", found)


def _persistence(info: Mapping[str, Any]) -> Check:
    if not info.get("aof_enabled"):
        advice = "set appendonly yes, or a crash loses what was accepted"
        return warning("redis disk", "no append-only file", advice)
    for name in ("aof_last_write_status", "aof_last_bgrewrite_status"):
        if info.get(name, "ok") != "ok":
            return error("redis disk", f"{name} is {info[name]}", "look at the disk and its space")
    return ok("redis disk", "append-only file is on")


def _workers(info: Mapping[str, Any]) -> Check:
    """Judge whether anybody listens: an idle worker waits in a BRPOP on its queues."""
    count = int(info.get("blocked_clients", 0))
    if count:
        return ok("workers", f"{count} wait for work")
    advice = "start one, or one more if all of them are busy"
    return warning("workers", "none waits for work", advice)


def writable(store: Store) -> Check:
    """Try a write that changes nothing."""
    try:
        store.redis.delete(keys.message(_NOBODY))
    except redis.ReadOnlyError:
        return error("redis writes", "it is a read-only replica", "point redis_url at the primary")
    except redis.RedisError as problem:
        advice = "look at its log: disk full, no replicas, or this user's rights"
        return error("redis writes", f"refused: {str(problem)[:80]}", advice)
    return ok("redis writes", "allowed")


def offset(store: Store) -> float:
    """Return by how many seconds this machine is ahead of Redis."""
    before = time.time()
    seconds, micros = store.redis.time()
    after = time.time()
    return (before + after) / 2 - (float(seconds) + float(micros) / 1_000_000)


def clock(ahead: float) -> Check:
    """Judge the difference between two clocks."""
    word = "ahead of" if ahead > 0 else "behind"
    found = f"{abs(ahead):.2f} s {word} Redis"
    if abs(ahead) > _DRIFT_ERROR:
        return error("clock", found, "synchronise both machines (chrony, ntp)")
    if abs(ahead) > _DRIFT_WARNING:
        return warning("clock", found, "synchronise both machines (chrony, ntp)")
    return ok("clock", found)
