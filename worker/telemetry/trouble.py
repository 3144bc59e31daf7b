"""Trouble: what goes wrong with one of many is logged, and costs no other one its turn."""

import contextlib
from collections.abc import Iterator

import structlog

from worker.contract.errors import StoreError

log = structlog.get_logger("xinshi.trouble")


@contextlib.contextmanager
def apart(act: str, *, broken: str = "adapter.broken", **about: str) -> Iterator[None]:
    """Log what goes wrong with one, named by ``about``, instead of raising it.

    ``act``: what it was about, where the store does not answer; ``broken``: the event's name for
    whatever else it is.
    """
    try:
        yield
    except StoreError as error:
        log.warning("store.lost", act=act, error=str(error), **about)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is only about this one
        log.error(broken, error=type(error).__name__, **about)  # noqa: TRY400 - its text may hold a secret, or quote a message
