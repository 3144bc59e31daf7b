"""Rounds: what beat's ticks start in a process, beside the messages' own way to the vendors.

A round looks after many accounts, or messages, at once; one that fails costs none of the others its
turn (worker.telemetry.trouble), and comes again with a later round.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from worker.contract.settings import Settings
from worker.store.client import AsyncStore
from worker.telemetry.alarms import Alarms
from worker.transport import Transport
from worker.vendors.base import Call, Vendor

T = TypeVar("T")


class Rounds:
    """The base of all that makes rounds and asks vendors in them."""

    def __init__(
        self,
        settings: Settings,
        vendors: Mapping[str, Vendor],
        store: AsyncStore,
        transport: Transport,
    ) -> None:
        self._settings = settings
        self._vendors = vendors
        self._store = store
        self._transport = transport
        self._alarms = Alarms(settings, store)
        self._round = asyncio.Lock()

    async def _alone(self, look: Callable[[], Awaitable[int]]) -> int:
        """Look once, unless the look before goes on; returns what it found, 0 for no look.

        The next tick comes before a slow vendor's answer.
        """
        if self._round.locked():
            return 0
        async with self._round:
            return await look()

    async def _call(self, account: str, call: Call[T]) -> T:
        """Return the answer of an account's vendor, asked within its time-outs.

        Raises NotSent or Lost.
        """
        return await self._transport.call(call, self._settings.vendors[account].timeouts)
