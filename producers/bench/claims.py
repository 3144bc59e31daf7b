"""Claims without a worker: the store's acts alone, where only they are measured or wanted."""

from collections.abc import Iterator

import msgspec

from worker.contract.durations import Window
from worker.contract.record import Record
from worker.contract.status import Status, Stream
from worker.store import acts
from worker.store.acts import Settled
from worker.store.client import Store

_BATCH = 128  # the worker's own


def plan(account: str, windows: tuple[str, ...] = (), *, shards: int = 1) -> bytes:
    """Return the plan of one account without a limit but the windows; see claim.lua."""
    pairs = [(each.count, int(each.seconds * 1000)) for each in map(Window.parse, windows)]
    return msgspec.msgpack.encode(
        {
            "accounts": [
                {
                    "name": account,
                    "max_length": 1000,
                    "templates_only": False,
                    "templates": {},
                    "windows": pairs,
                    "learns": False,
                    "interval": 0,
                    "share": 0.0,
                    "burst": 50.0,
                    "concurrency": 0,
                    "life": 600_000,
                }
            ],
            "evade": False,
            "caps": {"number": [], "prefix": [], "tag": []},
            "suppress": False,
            "quiet": False,
            "shards": shards if shards > 1 else False,
        }
    )


def claim_all(store: Store, packed: bytes) -> Iterator[list[tuple[str, Record]]]:
    """Claim notices until none is ready; yield each batch with what was decided."""
    while True:
        found = store.run(acts.claim(Stream.NOTICE, _BATCH, packed))
        yield found.messages
        if not found.left:
            return


def submit_all(store: Store, account: str, shared: int) -> list[tuple[str, str]]:
    """Take every notice to ``submitted`` as if a vendor had, ``shared`` messages under one id.

    Returns number and vendor's id of each.
    """
    pairs: list[tuple[str, str]] = []
    for batch in claim_all(store, plan(account)):
        items = []
        for message_id, record in batch:
            vendor_id = f"v{len(pairs) // shared}"
            pairs.append((record.to[-11:], vendor_id))
            items.append(
                Settled(
                    id=message_id,
                    attempt=record.attempt,
                    status=Status.SUBMITTED,
                    vendor_message_id=vendor_id,
                )
            )
        store.run(acts.settle(items, reports=3600.0))
    return pairs
