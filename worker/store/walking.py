"""Walks: every key of a kind, or every entry of a stream, a part at a time.

What comes or goes meanwhile may be seen or not.
"""

from collections.abc import Iterator

from worker.store.client import Store
from worker.store.entries import BEGIN, rows

_KEYS = 1000  # looked at a call
_ENTRIES = 1000  # of a stream, a call


def names(store: Store, prefix: str) -> Iterator[list[str]]:
    """Yield the names of keys that begin so; some may come twice."""
    cursor = 0
    while True:
        cursor, found = store.command("SCAN", cursor, "MATCH", f"{prefix}*", "COUNT", _KEYS)
        if found:
            yield [each.decode() for each in found]
        if not cursor:
            return


def entries(
    store: Store, stream: str, last: str = "+"
) -> Iterator[list[tuple[str, dict[bytes, bytes]]]]:
    """Yield id and fields of the entries of a stream, up to the ``last`` one."""
    place = BEGIN
    while True:
        found = list(rows(store.command("XRANGE", stream, f"({place}", last, "COUNT", _ENTRIES)))
        if not found:
            return
        yield found
        place = found[-1][0]
