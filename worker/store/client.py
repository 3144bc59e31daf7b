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
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError

from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.settings import Durability
from worker.store import address
from worker.store.acts import Act
from worker.store.ahead import Ahead
from worker.store.failures import store_error

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


class _Bounded:
    """What both stores know of time."""

    def __init__(self, timeout: float, durability: Durability) -> None:
        self._timeout = timeout
        self._durability = durability
        self._wait = _waiting(durability, timeout)

    @property
    def timeout(self) -> float:
        """Seconds within which an answer comes, or an error."""
        return self._timeout


class Store(_Bounded):
    """The store for synchronous callers. Safe to share between threads."""

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 2.0,
        connections: int = 64,
        durability: Durability = Durability.MEMORY,
    ) -> None:
        super().__init__(timeout, durability)
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
            raise store_error(error) from error

    def begin(self, act: Act[T]) -> Ahead[T]:
        """Send an act and don't wait: what the caller does meanwhile is done beside the server."""
        return Ahead(self._redis, act, self.run, sends=not act.durable or self._wait is None)

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

    def command(self, *words: str | bytes | float) -> Any:
        """Send one plain command; raise StoreError within the time-out."""
        try:
            return self._redis.execute_command(*words)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise store_error(error) from error

    @property
    def redis(self) -> "redis.Redis":
        """The connection itself, for what only looks."""
        return self._redis

    def close(self) -> None:
        self._redis.close()


class AsyncStore(_Bounded):
    """The store for one event loop."""

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 2.0,
        connections: int = 16,
        durability: Durability = Durability.MEMORY,
    ) -> None:
        super().__init__(timeout, durability)
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
            raise store_error(error) from error

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

    async def command(self, *words: str | bytes | float) -> Any:
        """Send one plain command; raise StoreError within the time-out."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._redis.execute_command(*words)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise store_error(error) from error

    @property
    def redis(self) -> "redis.asyncio.Redis":
        """The connection itself, for what only looks."""
        return self._redis

    async def close(self) -> None:
        await self._redis.aclose()
