"""Records: what became of many messages, as the store has them."""

from collections.abc import Sequence

from worker.contract.status import Status
from worker.store import acts
from worker.store.client import Store

_CHUNK = 5000  # records at once


def others(store: Store, ids: Sequence[str], status: Status) -> list[str]:
    """Return the ids of those that have another status, or no record."""
    found = []
    for first in range(0, len(ids), _CHUNK):
        part = list(ids[first : first + _CHUNK])
        records = store.run(acts.find(part))
        found += [
            each
            for each, record in zip(part, records, strict=True)
            if record is None or record.status is not status
        ]
    return found
