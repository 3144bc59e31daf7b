"""The keyring: whose request this is, what its key allows, and how much of it a second."""

import hmac
import math
import time
from collections.abc import Callable, Mapping

from producers.gateway.problems import Problem
from worker.contract.gateway import Role, digest_of
from worker.contract.settings import ApiKey

_SCHEME = "bearer"


class Meter:
    """A rate with a second's worth of burst. A batch may overdraw it; then all wait."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._rate = per_second
        self._most = max(1.0, per_second)
        self._clock = clock
        self._left, self._at = self._most, clock()

    def wait(self) -> float:
        """Return the seconds until one more is allowed; 0: now."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        return max(0.0, (1 - self._left) / self._rate)

    def take(self, count: int) -> None:
        self._left -= count


class Keyring:
    """The API keys of the settings."""

    def __init__(
        self, keys: Mapping[str, ApiKey], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keys = [(each.digest, each) for each in keys.values()]
        self._meters = {
            each.name: Meter(each.per_second, clock)
            for each in keys.values()
            if each.per_second is not None
        }

    def authorize(self, header: str | None) -> ApiKey:
        """Return the key that an Authorization header names; raise Problem."""
        if not self._keys:
            raise _unauthorized("this gateway has no API keys; set [gateway] api_keys")
        scheme, _, given = (header or "").strip().partition(" ")
        if scheme.lower() != _SCHEME:
            raise _unauthorized("send the header Authorization: Bearer <api key>")
        found = self._find(given.strip())
        if found is None:
            raise _unauthorized("the API key is not known here")
        if found.role is not Role.APP:
            raise Problem("not-allowed", f"its role is {found.role}: it opens the console alone")
        return found

    def operator(self, secret: str) -> ApiKey | None:
        """Return the key of an operator; None where it is none."""
        found = self._find(secret)
        return found if found is not None and found.role is Role.OPERATOR else None

    def _find(self, secret: str) -> ApiKey | None:
        digest, found = digest_of(secret), None
        for known, key in self._keys:  # all of them: the time tells nothing
            if hmac.compare_digest(known, digest):
                found = key
        return found

    def admit(self, key: ApiKey) -> None:
        """Count one request; raise Problem where the key has had enough."""
        meter = self._meters.get(key.name)
        if meter is None:
            return
        if wait := meter.wait():
            headers = {"Retry-After": str(max(1, math.ceil(wait)))}
            raise Problem("too-many", f"at most {key.per_second:g} a second", headers=headers)
        meter.take(1)

    def charge(self, key: ApiKey, more: int) -> None:
        """Count what an admitted request carries beyond the first message."""
        if meter := self._meters.get(key.name):
            meter.take(more)


def _unauthorized(detail: str) -> Problem:
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="xinshi"'})
