"""Tries: how often an address may try to sign in."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

MOST = 10  #: tries of one address within the window
WINDOW = 60.0  #: seconds

_ADDRESSES = 10_000  # that are remembered; the one that tried longest ago is forgotten first
_PREFIX = 64  # bits of an IPv6 address: whoever has one, has all behind them


class Tries:
    """The tries that failed, by address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, address: str) -> float:
        """Return the seconds until the address may try again; 0: now."""
        failed = self._failed.get(_owner(address))
        if failed is None or len(failed) < MOST:
            return 0.0
        return max(0.0, failed[0] + WINDOW - self._clock())

    def fail(self, address: str) -> None:
        """Count one."""
        owner = _owner(address)
        self._failed.setdefault(owner, deque(maxlen=MOST)).append(self._clock())
        self._failed.move_to_end(owner)
        if len(self._failed) > _ADDRESSES:
            self._failed.popitem(last=False)

    def succeed(self, address: str) -> None:
        """Forget those of an address."""
        self._failed.pop(_owner(address), None)


def _owner(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address[:100]
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ip_network((int(found), _PREFIX), strict=False))
