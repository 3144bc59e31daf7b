"""Bounds: how many recipients one call may carry, where an account refused one as too large.

What one process learns is for all: it stands in the account's state, and every claim tells it. When
it is over, the size that the vendor's documents name is tried again.
"""

import time
from collections.abc import Callable, Mapping

HOLDS = 3600.0  #: seconds for which a bound holds


class Bounds:
    """The bounds that one process knows of."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[int, float]] = {}

    def of(self, account: str, most: int) -> int:
        """Return how many recipients a call may carry; ``most``: what the vendor takes."""
        if account not in self._kept:  # nearly always, and asked for each message
            return most
        bound, until = self._kept[account]
        return min(bound, most) if self._clock() < until else most

    def learn(self, account: str, most: int, seconds: float = HOLDS) -> bool:
        """Bound an account's calls for a while; returns whether as small a bound was unknown."""
        if self.of(account, most + 1) <= most:
            return False
        self._kept[account] = most, self._clock() + seconds
        return True

    def heed(self, told: Mapping[str, tuple[int, int]]) -> None:
        """Take over what a claim told: recipients, and the ms for which that holds."""
        for account, (most, left) in told.items():
            self.learn(account, most, left / 1000)
