"""Entries: how Redis answers about its streams, read; whether the client parsed it or not."""

from collections.abc import Iterator
from typing import Any

BEGIN = "0-0"


def of_one_stream(answer: Any) -> Any:
    """Return the entries of the one stream that XREADGROUP or XREAD was asked about."""
    if not answer:
        return []
    streams = answer.items() if isinstance(answer, dict) else answer
    return next(iter(streams))[1]


def rows(entries: Any) -> Iterator[tuple[str, dict[bytes, bytes]]]:
    """Yield id and fields of each entry."""
    for entry_id, fields in entries or []:
        if entry_id is None or fields is None:  # Redis 6.2 says so of what was deleted
            continue
        found = fields
        if not isinstance(fields, dict):
            found = dict(zip(fields[::2], fields[1::2], strict=True))
        yield entry_id.decode(), found


def moment(entry_id: str) -> int:
    """Return when an entry was added, ms since 1970 by Redis's clock."""
    return int(entry_id.partition("-")[0])
