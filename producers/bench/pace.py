"""Pace: how many messages a subject gets, so that each is at work for about as long.

What is fast and what is slow differ by a factor of twenty: with the same messages for all, either
the fast ones have no steady part, or the slow ones take minutes. A short trial tells how fast a
subject is, and then each round how many messages the next one has. Rates are what is compared.
"""

import math
from collections.abc import Callable

from producers.bench.figures import Measured
from producers.bench.options import Options

SECONDS = 5.0  #: that a subject is at work in a round
AROUND = 5.0  #: seconds that its start, its filled queue and its end take, roughly
_DEADLINE = 60.0  # seconds that a round of one subject may take, all included
_SLOWEST = 50.0  # messages a second: whoever was told how many to take may be as slow as this
_FILLS = 4  # a trial takes so many times what is in flight, or it tells nothing of a steady rate
_LEAST, _MOST = 200, 200_000  # messages


class Paced:
    """Measures a subject with as many messages as it handles in some seconds.

    ``measure`` takes the messages, and the seconds that all of it may take; ``at_once``: what is
    in flight.
    """

    def __init__(
        self, options: Options, measure: Callable[[int, float], Measured], at_once: int
    ) -> None:
        self._fixed = options.fixed()
        self._measure = measure
        self._trial = max(_LEAST, _FILLS * at_once)
        self._rate = math.nan

    def __call__(self) -> Measured:
        if self._fixed is not None:
            return self._measure(self._fixed, deadline(self._fixed))
        if math.isnan(self._rate):
            self._take(self._trial)
        return self._take(round(min(_MOST, max(_LEAST, self._rate * SECONDS))))

    def _take(self, messages: int) -> Measured:
        found = self._measure(messages, _DEADLINE)
        self._rate = found.figures["rate"]
        return found


def deadline(messages: int) -> float:
    """Return the seconds that a round with so many messages may take, however slow one is."""
    return _DEADLINE + messages / _SLOWEST


def expected(options: Options, subjects: int) -> float | None:
    """Return the seconds that some subjects take; None where the messages are given."""
    if options.fixed() is not None:
        return None
    return subjects * (AROUND + options.rounds * (AROUND + SECONDS))
