"""The suppression list: numbers that get no marketing, everywhere, by one account or by a brand.

A plain set a scope; the claim looks into it, opt-outs and blacklist reports write to it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from redis.exceptions import RedisError

from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.recipient import national
from worker.store.client import Store
from worker.store.shards import Shards

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
            signs = sorted(map(_text, self._redis.smembers(keys.SIGNATURES)))
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
                yield f"+86{_text(each)}"


class Suppressions:
    """The lists of all shards as one. A number stands where it lives.

    Copies elsewhere, of numbers that moved as a shard was added, are not told twice.
    """

    def __init__(self, shards: Shards) -> None:
        self._placing = shards.placing
        self._all = [Suppression(store) for store in shards.all]

    def add(self, numbers: Sequence[str], scope: str = EVERYWHERE) -> int:
        """Suppress numbers; returns how many were not before."""
        return sum(self._all[home].add(some, scope) for home, some in self._homes(numbers).items())

    def remove(self, numbers: Sequence[str], scope: str = EVERYWHERE) -> int:
        """Take numbers off the list, their copies as well; returns how many were on it."""
        gone = 0
        for home, some in self._homes(numbers).items():
            for place, each in enumerate(self._all):
                count = each.remove(some, scope)
                gone += count if place == home else 0
        return gone

    def scopes(self) -> dict[str, int]:
        """Return the scopes that hold numbers, and how many."""
        return _added(each.scopes() for each in self._all)

    def sizes(self, accounts: Iterable[str]) -> dict[str, int]:
        """Return how many numbers everywhere, accounts and signatures have; see Suppression."""
        accounts = list(accounts)
        return _added(each.sizes(accounts) for each in self._all)

    def holding(self, number: str, scopes: Sequence[str]) -> list[str]:
        """Return those of some scopes that hold a number."""
        return self._all[self._placing.of(number)].holding(number, scopes)

    def listing(self, number: str, accounts: Iterable[str]) -> list[str]:
        """Return all scopes that hold a number; asks nobody but its home."""
        home = self._all[self._placing.of(number)]
        return home.holding(number, list(home.sizes(accounts)))

    def numbers(self, scope: str = EVERYWHERE) -> Iterator[str]:
        """Yield the numbers of a scope, in no order."""
        for place, each in enumerate(self._all):
            for number in each.numbers(scope):
                home = self._placing.of(number)
                if home == place or not self._all[home].holding(number, [scope]):
                    yield number

    def bring_home(self) -> int:
        """Bring each number home that is not there, as a shard was added; returns how many."""
        count = 0
        for place, each in enumerate(self._all):
            for scope in each.scopes():
                moved: list[str] = []
                for number in each.numbers(scope):
                    if self._placing.of(number) != place:
                        moved.append(number)
                    if len(moved) == _SCANNED:
                        count, moved = count + self.add(moved, scope), []
                count += self.add(moved, scope)
        return count

    def _homes(self, numbers: Sequence[str]) -> dict[int, list[str]]:
        homes: dict[int, list[str]] = {}
        for each in numbers:
            homes.setdefault(self._placing.of(each), []).append(each)
        return homes


def _added(each: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for sizes in each:
        total.update(sizes)
    return dict(total)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreError(f"Redis does not answer ({type(error).__name__})") from error


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()
