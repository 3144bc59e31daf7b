"""Health: how each account does lately, and how much less it should get for it. Pure.

A share moves away from an account whose errors or slow answers stand out from the others'; when
all are slow nothing moves, because no account would be better. It drifts back by itself, so that
an account that recovered is found out without anybody's doing. What an account's delivery reports
say of it comes from elsewhere (worker.delivery.promptness), and takes from the same share.
"""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_WEIGHT = 0.02  # of the newest answer in the averages: about the last fifty count
_ERRORS = 0.15  # share of failed submits above the others' that stands out
_SLOW, _SLOW_FLOOR = 3.0, 1.0  # times the others' answer time, and at least so many seconds
_CUT = 0.9  # what one bad answer leaves of a factor, where the account stands out by such
_LEAST = 0.05  # never nothing: the few messages it gets tell when it is well again
_DRIFT = 0.01  # what a factor gains a second
_FULL = 1.0


@dataclass(slots=True)
class _Account:
    errors: float = 0.0
    seconds: float = 0.0
    answers: int = 0
    factor: float = _FULL
    noted: float = 0.0


class Health:
    """The accounts of one process. ``now`` is any clock that only goes forward, in seconds."""

    def __init__(self, accounts: Iterable[str]) -> None:
        self._accounts = {name: _Account() for name in accounts}
        self._reported: Mapping[str, float] = {}

    def note(self, account: str, *, failed: bool, seconds: float, now: float) -> None:
        """Take one answer into account: whether it failed, and how long it took."""
        found = self._accounts[account]
        found.factor = self._drifted(found, now)
        found.noted = now
        weight = max(_WEIGHT, 1 / (found.answers + 1))
        found.answers += 1
        found.errors += weight * (failed - found.errors)
        found.seconds += weight * (seconds - found.seconds)
        if self._stands_out(account, failed=failed, seconds=seconds):
            found.factor = max(_LEAST, found.factor * _CUT)

    def factor(self, account: str, now: float) -> float:
        """Return what the account's share is multiplied with, from 0.05 to 1."""
        own = self._drifted(self._accounts[account], now)
        return max(_LEAST, own * self._reported.get(account, _FULL))

    def weigh(self, reported: Mapping[str, float]) -> None:
        """Take over what delivery reports leave of each account's share; unnamed: all of it."""
        self._reported = reported

    def _drifted(self, found: _Account, now: float) -> float:
        return min(_FULL, found.factor + _DRIFT * max(0.0, now - found.noted))

    def _stands_out(self, account: str, *, failed: bool, seconds: float) -> bool:
        """Return whether an answer is bad, and the account has clearly more such than others."""
        others = [each for name, each in self._accounts.items() if name != account and each.answers]
        if not others:
            return False
        own = self._accounts[account]
        errors = statistics.median(each.errors for each in others)
        slow = max(_SLOW_FLOOR, _SLOW * statistics.median(each.seconds for each in others))
        failing = failed and own.errors > errors + _ERRORS
        return failing or (seconds > slow and own.seconds > slow)
