"""Progress: what is measured now, on stderr, a line each; a smoke run says nothing."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from producers.bench.options import Options


def say(options: Options, text: str) -> None:
    """Say something on a line of its own."""
    _put(options, f"{text}\n")


@contextmanager
def step(options: Options, text: str) -> Iterator[list[str]]:
    """Say what begins, and on the same line how long it took and what is put in the list."""
    _put(options, f"{text} ... ")
    begun, more = time.monotonic(), list[str]()
    try:
        yield more
    finally:
        _put(options, ", ".join([f"{time.monotonic() - begun:.1f} s", *more]) + "\n")


def duration(seconds: float) -> str:
    """Return a time for people who wait: 306 becomes "5 min"."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"  # noqa: PLR2004


def _put(options: Options, text: str) -> None:
    if not options.quick:
        sys.stderr.write(text)
        sys.stderr.flush()
