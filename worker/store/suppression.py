"""The suppression list: numbers that get no marketing, everywhere, by one account or by a brand.

A plain set a scope; the claim looks into it, opt-outs and blacklist reports write to it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from redis.exceptions import RedisError

from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.recipient import national
from worker.store.client import Store

EVERYWHERE = "all"
_SIGNED = "sign:"  # as _optout.lua has it
_SCANNED = 1000  # numbers a call


def under(signature: str) -> str:
    """Return the scope of a signature; it comes without brackets."""
    return _SIGNED + signature


class Suppression:
    """The list of one store. Numbers are E.164. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._redis = store.redis

    def add(self, numbers: Sequence[str], scope: str = EVERYWHERE) -> int:
        """Suppress numbers; returns how many were not before."""
        with _errors(), self._redis.pipeline() as pipe:
            if scope.startswith(_SIGNED):  # the claim looks into them only where there are any
                pipe.sadd(keys.SIGNATURES, scope.removeprefix(_SIGNED))
            pipe.sadd(keys.SUPPRESSED + scope, *map(national, numbers))
            return int(pipe.execute()[-1])

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

    def sizes(self, accounts: Iterable[str]) -> dict[str, int]:
        """Return how many numbers everywhere, accounts and signatures have; looks at no other key.

        It is quick in a store of millions of keys, where ``scopes`` is not.
        """
        with _errors():
            signs = sorted(each.decode() for each in self._redis.smembers(keys.SIGNATURES))
            scopes = [EVERYWHERE, *accounts, *map(under, signs)]
            with self._redis.pipeline(transaction=False) as pipe:
                for each in scopes:
                    pipe.scard(keys.SUPPRESSED + each)
                return dict(zip(scopes, pipe.execute(), strict=True))

    def holding(self, number: str, scopes: Sequence[str]) -> list[str]:
        """Return those of some scopes that hold a number."""
        with _errors(), self._redis.pipeline(transaction=False) as pipe:
            for each in scopes:
                pipe.sismember(keys.SUPPRESSED + each, national(number))
            return [scope for scope, held in zip(scopes, pipe.execute(), strict=True) if held]

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
