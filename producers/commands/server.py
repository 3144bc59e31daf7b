"""What ``xinshi doctor`` asks of Redis: is it there, may we write, will it keep what it has."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import redis

from producers.commands.checks import Check, error, ok, warning
from worker.contract import keys
from worker.contract.durations import BEIJING
from worker.contract.errors import StoreError
from worker.contract.settings import Durability
from worker.store import acts
from worker.store.client import Store

_OLDEST = (6, 2)
_WAITAOF = (7, 2)  # from here on a server can wait for its disk
_SLOW = 0.05  # seconds of an answer from a server nearby
_DRIFT_WARNING, _DRIFT_ERROR = 1.0, 5.0
_NEARLY_FULL = 0.9
_NOBODY = "doctor"  # no message has this id


def check(store: Store, durability: Durability = Durability.MEMORY) -> Iterator[Check]:
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
        yield durable(info | _synced(store), durability)
    yield writable(store)
    ahead = offset(store)
    yield clock(ahead)
    yield day(datetime.now(BEIJING), ahead)


def described(info: Mapping[str, Any], took: float) -> Iterator[Check]:
    """Judge what the server says of itself."""
    version = str(info.get("redis_version", "0"))
    name = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {version}"
    answer = f"{name}, answers in {took * 1000:.1f} ms"
    if _version(info) < _OLDEST:
        yield error("redis", answer, "upgrade: 6.2 is the oldest that works")
    elif took > _SLOW:
        yield warning("redis", answer, "it should be near, and not be shared with slow commands")
    else:
        yield ok("redis", answer)
    if info.get("cluster_enabled"):
        yield error("redis mode", "it is a cluster", "use a single server, with a replica")
    yield _memory(info)
    yield _persistence(info)


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


def durable(info: Mapping[str, Any], wanted: Durability) -> Check:
    """Judge whether the server can give what the ``durability`` setting asks for."""
    check = "durability"
    if wanted is Durability.REPLICA and not int(info.get("connected_slaves", 0)):
        advice = "start a replica, or nothing is accepted and nothing claimed"
        return error(check, "replica, but no replica is connected", advice)
    if wanted is Durability.FSYNC and not _waits_for_aof(info):
        advice = "upgrade to Redis 7.2 or Valkey: without WAITAOF nothing is accepted"
        return error(check, "fsync, but this server has no WAITAOF", advice)
    if wanted is Durability.FSYNC and not info.get("aof_enabled"):
        advice = "set appendonly yes, or nothing is accepted and nothing claimed"
        return error(check, "fsync, but there is no append-only file", advice)
    if wanted is Durability.FSYNC and info.get("appendfsync", "always") != "always":
        advice = "set appendfsync always: with everysec the answer may come before the sync"
        return warning(check, "fsync, but the file is synced once a second", advice)
    return ok(check, str(wanted))


def _synced(store: Store) -> dict[str, Any]:
    """Return how the server syncs its file, as far as it lets us ask."""
    try:
        found = store.redis.config_get("appendfsync")
    except redis.RedisError:
        return {}
    return {str(name): value for name, value in found.items()} if isinstance(found, dict) else {}


def _waits_for_aof(info: Mapping[str, Any]) -> bool:
    return "valkey_version" in info or _version(info) >= _WAITAOF


def _version(info: Mapping[str, Any]) -> tuple[int, ...]:
    version = str(info.get("redis_version", "0"))
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


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


def day(now: datetime, ahead: float) -> Check:
    """Judge whether this machine and Redis are in the same day of Asia/Shanghai.

    ``now``: by this machine, in that zone; ``ahead``: its seconds ahead of Redis, for which the
    day of a limit is eight hours after UTC's.
    """
    if now.utcoffset() != timedelta(hours=8):
        found = f"this machine has Asia/Shanghai {now:%z} from UTC"
        return error("day", found, "mend its time zones (the package tzdata)")
    theirs = now - timedelta(seconds=ahead)
    left = timedelta(days=1) - timedelta(hours=theirs.hour, minutes=theirs.minute)
    found = f"{theirs:%Y-%m-%d} in Asia/Shanghai, for another {left.total_seconds() / 3600:.1f} h"
    if now.date() != theirs.date() and abs(ahead) > _DRIFT_WARNING:
        told = f"{found}; this machine says {now:%Y-%m-%d}"
        return warning("day", told, "synchronise both machines (chrony, ntp)")
    return ok("day", found)
