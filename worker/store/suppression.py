"""The suppression list: numbers that get no marketing, everywhere or by one account.

A plain set a scope; the claim looks into it, opt-outs and blacklist reports write to it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from redis.exceptions import RedisError

from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.recipient import national
from worker.store.client import Store

EVERYWHERE = "all"
_SCANNED = 1000  # numbers a call


class Suppression:
    """The list of one store. Numbers are E.164. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._redis = store.redis

    def add(self, numbers: Sequence[str], scope: str = EVERYWHERE) -> int:
        """Suppress numbers; returns how many were not before."""
        with _errors():
            return int(self._redis.sadd(keys.SUPPRESSED + scope, *map(national, numbers)))

    def remove(self, numbers: Sequence[str], scope: str = EVERYWHERE) -> int:
        """Take numbers off the list; returns how many were on it."""
        with _errors():
            return int(self._redis.srem(keys.SUPPRESSED + scope, *map(national, numbers)))

    def scopes(self) -> dict[str, int]:
        """Return the scopes that hold numbers, and how many."""
        with _errors():
            found = [key.decode() for key in self._redis.scan_iter(f"{keys.SUPPRESSED}*")]
            return {
                key.removeprefix(keys.SUPPRESSED): int(self._redis.scard(key))
                for key in sorted(found)
            }

    def numbers(self, scope: str = EVERYWHERE) -> Iterator[str]:
        """Yield the numbers of a scope, in no order; one that is added meanwhile may come twice."""
        with _errors():
            for each in self._redis.sscan_iter(keys.SUPPRESSED + scope, count=_SCANNED):
                digits = each if isinstance(each, str) else each.decode()
                yield f"+86{digits}"


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreError(f"Redis does not answer ({type(error).__name__})") from error
