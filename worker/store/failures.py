"""Failures: what went wrong with a server, as a StoreError that says what to do."""

from redis.exceptions import AuthenticationError, ReadOnlyError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from worker.contract.errors import StoreError
from worker.store import address, sentinel


def store_error(error: Exception) -> StoreError:
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
