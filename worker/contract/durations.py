"""Durations and limits as people write them: ``5m``, ``1/60s``, ``15/day``."""

import re
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)", re.ASCII)
_WINDOW = re.compile(r"([1-9]\d*)\s*/\s*(?:(day)|(\d+(?:\.\d+)?)\s*(s|m|h))", re.ASCII)
_LONGEST = 3660 * 86400.0  # ten years: what is longer is a slip, and too much for Redis's clock
_MOST, _WIDEST = 10_000, 366 * 86400.0  # of a window; the store remembers the time of each message


def seconds(value: object) -> float:
    """Return the seconds of ``"5m"``, ``90``, ``timedelta(minutes=5)``; raise ValueError."""
    if isinstance(value, timedelta):
        found = value.total_seconds()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found = float(min(value, _LONGEST + 1))  # an integer may be more than a float holds
    elif isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        found = float(match[1]) * _SECONDS[match[2]]
    else:
        raise ValueError('a duration is a number of seconds or like "30s", "5m", "24h", "7d"')
    if not 0 < found <= _LONGEST:
        raise ValueError("a duration must be longer than nothing and at most ten years")
    return found


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``count`` messages in a rolling window, or in a calendar day of Asia/Shanghai."""

    count: int
    seconds: float  #: 0: the calendar day

    @classmethod
    def parse(cls, text: str) -> "Window":
        """Read ``15/day``, ``1/60s``, ``5/1h``; raise ValueError."""
        match = _WINDOW.fullmatch(text.strip())
        if match is None:
            raise ValueError('a limit is like "1/60s", "5/1h" or "15/day"')
        length = 0.0 if match[2] else float(match[3]) * _SECONDS[match[4]]
        if not match[2] and length <= 0:
            raise ValueError("a window must be longer than nothing")
        count = float(match[1])
        if count > _MOST or length > _WIDEST:
            raise ValueError(f"a limit is at most {_MOST} in a window of at most a year")
        return cls(int(count), length)


#: The zone of quiet hours, of calendar days, and of every time that is told without one.
BEIJING = ZoneInfo("Asia/Shanghai")

_HOURS = re.compile(r"(\d{1,2}):([0-5]\d)\s*-\s*(\d{1,2}):([0-5]\d)", re.ASCII)
_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A part of each day in Asia/Shanghai, in minutes since midnight; it may cross midnight."""

    begins: int
    ends: int

    @classmethod
    def parse(cls, text: object) -> "QuietHours":
        """Read ``21:00-08:00``; raise ValueError."""
        match = _HOURS.fullmatch(text.strip()) if isinstance(text, str) else None
        if match is None:
            raise ValueError('quiet hours are like "21:00-08:00", or "" for none')
        begins, ends = (
            int(hours) * 60 + int(minutes)
            for hours, minutes in ((match[1], match[2]), (match[3], match[4]))
        )
        if max(begins, ends) > _DAY or begins % _DAY == ends % _DAY:
            raise ValueError("quiet hours begin and end at different times of a day")
        return cls(begins % _DAY, ends % _DAY)
