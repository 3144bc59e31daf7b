"""Runway: how long a balance lasts at the pace at which it falls. Pure; no clock.

Two paces are looked at. The day's (the last 24 hours) knows nights and lunch breaks, and is what
a runway of days depends on. The last hour's knows of a campaign that began just now, and is what
a runway of hours depends on. So the last hour's pace is believed for the next six hours where it
is the faster one, and the day's from then on: a surge shortens the runway at once, but does not
make three days out of a month; a quiet night does not lengthen it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

_HOUR = 3_600_000  # ms
_DAY = 24 * _HOUR
_SURGE = 6.0  # hours for which the last hour's pace is believed
_ENOUGH = _HOUR // 2  # ms that a window must have seen, or it says nothing


@dataclass(frozen=True, slots=True)
class Point:
    """What was left at one moment."""

    at: int  #: ms since 1970
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Runway:
    """How long it lasts. None: not enough is known, nothing is used, or it is paid afterwards."""

    hours: float | None = None
    per_day: float | None = None  #: what is used a day at the day's pace, in the balance's unit


def reckon(points: Sequence[Point], amount: Decimal, *, postpaid: bool = False) -> Runway:
    """Return how long ``amount`` lasts, from what was left before, the oldest first."""
    day = _pace(points, _DAY)
    per_day = None if day is None else day * 24
    if postpaid:
        return Runway(None, per_day)
    if amount <= 0:
        return Runway(0.0, per_day)
    if not day:
        return Runway(None, per_day)
    surge = max(_pace(points, _HOUR) or 0.0, day)
    hours = float(amount) / surge
    if hours > _SURGE:
        hours = _SURGE + (float(amount) - surge * _SURGE) / day
    return Runway(hours, per_day)


def _pace(points: Sequence[Point], window: int) -> float | None:
    """Return what was used an hour within a window that ends with the newest point.

    Only decreases count: a top-up is none, and hides at most what was used beside it.
    """
    seen = [each for each in points if each.at >= points[-1].at - window]
    span = seen[-1].at - seen[0].at if seen else 0
    if span < _ENOUGH:
        return None
    used = sum(
        (max(Decimal(0), one.amount - two.amount) for one, two in pairwise(seen)), Decimal(0)
    )
    return float(used) / span * _HOUR
