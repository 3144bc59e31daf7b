"""Patience: when an event that an endpoint did not take is tried again. Pure."""

import math
from email.utils import parsedate_to_datetime

_WAITS = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0)  # seconds; the last for ever
_SPREAD = 0.2  # of a wait, added at the most, so that what failed together comes apart
_LONGEST = 3600.0  # seconds that an endpoint may ask to be left alone


def backoff(tries: int, chance: float) -> float:
    """Return the seconds until the next try.

    ``tries``: failed ones before this one; ``chance``: from 0 to below 1.
    """
    return _WAITS[min(tries, len(_WAITS) - 1)] * (1 + _SPREAD * chance)


def retry_after(header: str, now: float) -> float:
    """Return the seconds that a Retry-After asks for: a number, or a date; 0 where it says none.

    ``now``: seconds since 1970. At most an hour.
    """
    text = header.strip()
    try:
        asked = float(text) if text.isascii() else 0.0
    except ValueError:
        try:
            asked = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, OverflowError):
            asked = 0.0
    return min(max(0.0, asked), _LONGEST) if math.isfinite(asked) else 0.0
