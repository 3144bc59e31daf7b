"""Store and AsyncStore: carry out acts on a Redis server, in bounded time.

Every act may be sent twice: accept knows its ids, settle and defer are fenced by the attempt's
number, and a claim with a ticket, asked afresh, takes back what the lost answer had opened. So
where a connection broke, an act is sent once more on another one, as long as time is left.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, TypeVar

import redis
import redis.asyncio
from redis.exceptions import AuthenticationError, NoScriptError, ReadOnlyError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.settings import Durability
from worker.store import address, sentinel
from worker.store.acts import Act

T = TypeVar("T")

# WAIT is about what its own connection wrote last. An act that is said again may write nothing,
# as what it wants was written by another connection before: so something is written in any case.
_WRITE = ("INCRBY", keys.RINGS, 0)


def _waiting(durability: Durability, timeout: float) -> tuple[str | int, ...] | None:
    """Return the command that waits until what was written may count; None for memory."""
    milliseconds = int(timeout * 800)  # less than the call's own time
    if durability is Durability.FSYNC:
        return ("WAITAOF", 1, 0, milliseconds)
    if durability is Durability.REPLICA:
        return ("WAIT", 1, milliseconds)
    return None


def _queue(pipe: Any, *commands: Iterable[Any]) -> None:
    for command in commands:
        pipe.execute_command(*command)


def _durable(answers: list[Any], durability: Durability) -> Any:
    """Return the script's answer, if its writes are as safe as they must be; raise StoreError."""
    answer, _, kept = answers
    if (kept[0] if isinstance(kept, list) else kept) < 1:
        raise StoreError(f"Redis did not make it durable ({durability}) in time")
    return answer


class Store:
    """The store for synchronous callers. Safe to share between threads."""

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 2.0,
        connections: int = 64,
        durability: Durability = Durability.MEMORY,
    ) -> None:
        self._timeout = timeout
        self._durability = durability
        self._wait = _waiting(durability, timeout)
        self._redis = address.client(url, timeout=timeout, connections=connections)

    def run(self, act: Act[T]) -> T:
        """Carry out an act; raise StoreError within the time-out."""
        begun = time.monotonic()
        try:
            try:
                return act.read(self._send(act))
            except RedisConnectionError:
                if time.monotonic() - begun > self._timeout / 2:
                    raise
                again = act.afresh() if act.afresh else act
                return again.read(self._send(again))
        except (RedisError, OSError) as error:
            raise _store_error(error) from error

    def _send(self, act: Act[T]) -> Any:
        try:
            return self._execute(act, "EVALSHA", act.script.digest)
        except NoScriptError:
            return self._execute(act, "EVAL", act.script.source)

    def _execute(self, act: Act[T], command: str, script: str) -> Any:
        if not act.durable or self._wait is None:
            return self._redis.execute_command(command, script, 0, *act.args)  # type: ignore[no-untyped-call]
        with self._redis.pipeline(transaction=False) as pipe:  # one connection: WAIT is about it
            _queue(pipe, (command, script, 0, *act.args), _WRITE, self._wait)
            return _durable(pipe.execute(), self._durability)

    def command(self, *words: str | bytes | int) -> Any:
        """Send one plain command; raise StoreError within the time-out."""
        try:
            return self._redis.execute_command(*words)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise _store_error(error) from error

    @property
    def timeout(self) -> float:
        """Seconds within which an answer comes, or an error."""
        return self._timeout

    @property
    def redis(self) -> "redis.Redis":
        """The connection itself, for what only looks."""
        return self._redis

    def close(self) -> None:
        self._redis.close()


class AsyncStore:
    """The store for one event loop."""

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 2.0,
        connections: int = 16,
        durability: Durability = Durability.MEMORY,
    ) -> None:
        self._timeout = timeout
        self._durability = durability
        self._wait = _waiting(durability, timeout)
        self._redis = address.async_client(url, timeout=timeout, connections=connections)

    async def run(self, act: Act[T]) -> T:
        """Carry out an act; raise StoreError within the time-out."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    return act.read(await self._send(act))
                except RedisConnectionError:
                    if time.monotonic() - begun > self._timeout / 2:
                        raise
                    again = act.afresh() if act.afresh else act
                    return again.read(await self._send(again))
        except (RedisError, OSError) as error:
            raise _store_error(error) from error

    async def _send(self, act: Act[T]) -> Any:
        try:
            return await self._execute(act, "EVALSHA", act.script.digest)
        except NoScriptError:
            return await self._execute(act, "EVAL", act.script.source)

    async def _execute(self, act: Act[T], command: str, script: str) -> Any:
        if not act.durable or self._wait is None:
            return await self._redis.execute_command(command, script, 0, *act.args)  # type: ignore[no-untyped-call]
        async with self._redis.pipeline(transaction=False) as pipe:  # one connection, as above
            _queue(pipe, (command, script, 0, *act.args), _WRITE, self._wait)
            return _durable(await pipe.execute(), self._durability)

    async def command(self, *words: str | bytes | int) -> Any:
        """Send one plain command; raise StoreError within the time-out."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._redis.execute_command(*words)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise _store_error(error) from error

    @property
    def timeout(self) -> float:
        """Seconds within which an answer comes, or an error."""
        return self._timeout

    @property
    def redis(self) -> "redis.asyncio.Redis":
        """The connection itself, for what only looks."""
        return self._redis

    async def close(self) -> None:
        await self._redis.aclose()


def _store_error(error: Exception) -> StoreError:
    """Say what happened without the address, which may hold a password."""
    if isinstance(error, AuthenticationError):
        return StoreError("Redis refused the user name or the password in redis_url")
    if untrusted := address.untrusted(error):
        return StoreError(f"Redis's certificate is not trusted: {untrusted}")
    if isinstance(error, sentinel.NO_MASTER):
        return StoreError(
            "no Sentinel names a master that is up; do they run, and do they know the service and "
            "the sentinel_password of redis_url?"
        )
    if isinstance(error, RedisTimeoutError | TimeoutError):
        return StoreError(
            "Redis did not answer in time; send again with the same idempotency key to be sure"
        )
    if isinstance(error, RedisConnectionError | OSError):
        return StoreError("Redis cannot be reached; is it running at redis_url?")
    return StoreError(f"Redis refused: {str(error)[:200]}")


def passes(error: StoreError) -> bool:
    """Return whether a StoreError is about a server that is away, which will be over."""
    cause = error.__cause__
    if isinstance(cause, AuthenticationError):
        return False
    return isinstance(cause, RedisConnectionError | RedisTimeoutError | OSError | ReadOnlyError)
