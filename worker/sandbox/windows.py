"""Limits a vendor keeps for one number: an interval, a calendar day, a rolling window."""

from collections import deque

from worker.sandbox.days import day


class NumberLimits:
    """When each number was last sent to, and how often today (Asia/Shanghai)."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, int]] = {}  #: number -> time, count of its day

    def over(self, number: str, now: float, *, interval: float, daily: int) -> bool:
        """Tell whether one more would break a limit; 0 stands for none."""
        found = self._last.get(number)
        if found is None:
            return False
        last, count = found
        too_soon = interval > 0 and now - last < interval
        return too_soon or (daily > 0 and count >= daily and day(last) == day(now))

    def add(self, number: str, now: float) -> None:
        last, count = self._last.get(number, (now, 0))
        self._last[number] = (now, count + 1 if day(last) == day(now) else 1)

    def clear(self) -> None:
        self._last.clear()


class Rolling:
    """At most ``count`` for one number within ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._times: dict[str, deque[float]] = {}

    def pass_on(self, number: str, now: float, count: int) -> bool:
        """Count one more if it still fits, and tell whether it did."""
        times = self._times.setdefault(number, deque())
        while times and now - times[0] >= self._seconds:
            times.popleft()
        if len(times) >= count:
            return False
        times.append(now)
        return True

    def clear(self) -> None:
        self._times.clear()
