"""A lease: one holder at a time over all processes, until it gives it back or is gone."""

import secrets

from worker.store import scripts
from worker.store.acts import Act
from worker.store.client import AsyncStore


def lease(key: str, token: str, life: float) -> Act[bool]:
    """Take a lease, or keep it, for ``life`` seconds; 0 gives it back. Returns if it is ours."""
    args = (key, token, int(life * 1000))
    return Act(scripts.load("lease"), args, lambda answer: answer == 1)


class Lease:
    """One wish to hold a key's lease. Raises StoreError."""

    def __init__(self, store: AsyncStore, key: str, life: float) -> None:
        self._store = store
        self._key = key
        self._life = life
        self._token = secrets.token_hex(8)

    async def take(self) -> bool:
        """Take it, or keep what we hold for another ``life``; returns whether we hold it."""
        return await self._store.run(lease(self._key, self._token, self._life))

    async def release(self) -> None:
        """Give it back, if we hold it."""
        await self._store.run(lease(self._key, self._token, 0))
