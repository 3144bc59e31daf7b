"""The one hook by which tests keep a web app's messages away from Redis."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Protocol, TypeVar

from worker.contract.settings import Settings
from worker.store.acts import Act

T = TypeVar("T")


class Diversion(Protocol):
    """What clients ask instead of Redis; called from any thread or task, and must not wait."""

    def run(self, act: Act[T], settings: Settings) -> T:
        """Carry out an act of a client that has these settings."""


class _Place:
    current: ClassVar[Diversion | None] = None


def current() -> Diversion | None:
    """Return what every client of this process asks now; None: Redis."""
    return _Place.current


@contextmanager
def diverted(to: Diversion) -> Iterator[None]:
    """Let every Client and AsyncClient of this process ask ``to``, those made before included.

    Validation stays the clients' own: only what would have gone to Redis is diverted.
    """
    before, _Place.current = _Place.current, to
    try:
        yield
    finally:
        _Place.current = before
