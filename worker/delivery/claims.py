"""Claims: what a pump asks Redis for, by a plan of accounts and on tickets.

Two claims of one stream may be on their way at once: where there is much to do, Redis works at the
next one while this process begins the calls of the one before.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import structlog

from worker.contract.errors import StoreError
from worker.contract.settings import Settings
from worker.contract.status import Stream
from worker.delivery import limits, routes
from worker.delivery.health import Health
from worker.store import acts
from worker.store.acts import Claimed, Ticket
from worker.store.client import AsyncStore
from worker.vendors.base import Vendor

log = structlog.get_logger("xinshi.claims")

_LANES = 2  # claims of one stream on their way at once


class Claim(NamedTuple):
    """A claim on its way."""

    begun: float  #: the monotonic time at which it was sent
    most: int  #: messages that it may bring
    answer: asyncio.Task[Claimed | None]  #: None where Redis did not answer


class Claims:
    """The claims of one process."""

    def __init__(
        self,
        settings: Settings,
        vendors: Mapping[str, Vendor],
        store: AsyncStore,
        *,
        health: Health,
        chance: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._vendors = vendors
        self._store = store
        self._health = health
        self._chance = chance
        self._plans: dict[tuple[Stream, tuple[str, ...]], bytes] = {}
        name = secrets.token_hex(8)
        self._tickets = {  # those that no claim on its way has
            stream: [Ticket(f"{name}:{stream}:{lane}") for lane in range(_LANES)]
            for stream in Stream
        }

    def send(self, stream: Stream, most: int) -> Claim:
        """Send a claim for up to ``most`` messages."""
        ticket = self._tickets[stream].pop()
        answer = asyncio.create_task(self._answer(stream, most, ticket))
        return Claim(time.monotonic(), most, answer)

    async def take_back(self, stream: Stream) -> None:
        """Take back what answers that were lost had opened; nothing of it has left."""
        for ticket in self._tickets[stream]:
            if ticket.answered < ticket.turn:
                await self._ask(stream, 0, ticket)

    async def _answer(self, stream: Stream, most: int, ticket: Ticket) -> Claimed | None:
        try:
            return await self._ask(stream, most, ticket)
        finally:
            self._tickets[stream].append(ticket)

    async def _ask(self, stream: Stream, most: int, ticket: Ticket) -> Claimed | None:
        try:
            return await self._store.run(
                acts.claim(stream, most, self._plan(stream), ticket=ticket)
            )
        except StoreError as error:
            log.warning("store.lost", act="claim", stream=str(stream), error=str(error))
            return None

    def _plan(self, stream: Stream) -> bytes:
        """Return what the claim is to know: the accounts in today's order, with their limits."""
        now = time.monotonic()
        order = routes.order(
            self._settings.route(stream),
            self._settings.weights(stream),
            lambda name: self._health.factor(name, now),
            self._chance,
        )
        if (stream, order) not in self._plans:
            self._plans[stream, order] = limits.pack(stream, self._settings, self._vendors, order)
        return self._plans[stream, order]
