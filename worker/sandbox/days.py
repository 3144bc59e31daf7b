"""The vendors' calendar: everything they date is in Asia/Shanghai, which has had no summer time
since 1991."""

import time
from functools import lru_cache

_OFFSET = 8 * 3600
_DAY = 86400


def day(moment: float) -> int:
    """Return the number of the calendar day that Unix time ``moment`` falls on."""
    return int((moment + _OFFSET) // _DAY)


def stamp(moment: float) -> str:
    """Return ``2017-04-12 01:38:21``."""
    return _stamp(int(moment))


@lru_cache(maxsize=64)
def _stamp(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(second + _OFFSET))


def digits(moment: float) -> str:
    """Return ``20170412013821345``: to the millisecond, without separators."""
    second = int(moment)
    thousandths = int((moment - second) * 1000)
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(second + _OFFSET)) + f"{thousandths:03d}"
