"""Probe: ask an account that is left alone for its balance, where the vendor has that call.

A balance call that works, with money left, says more than waiting: the account is used again at
once. Where there is no such call, the first message after the wait is the probe.
"""

from collections.abc import Mapping

import structlog

from worker.contract.settings import Settings
from worker.store import care
from worker.store.care import AccountState
from worker.store.client import AsyncStore
from worker.transport import Lost, NotSent, Transport
from worker.vendors.base import Balance, Call, Vendor

log = structlog.get_logger("xinshi.probe")


class Prober:
    """Probes the accounts whose breaker is open."""

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

    async def round(self) -> int:
        """Probe once; returns how many accounts are used again."""
        found = await self._store.run(care.states(list(self._vendors)))
        mended = 0
        for state in found.accounts:
            call = self._vendors[state.name].balance() if state.probing else None
            if call is not None:
                mended += await self._probe(state, call)
        return mended

    async def _probe(self, state: AccountState, call: Call[Balance]) -> bool:
        timeouts = self._settings.vendors[state.name].timeouts
        try:
            balance = await self._transport.call(call, timeouts)
        except (NotSent, Lost) as error:
            await self._leave(state, str(error))
            return False
        if balance.amount <= 0 and not balance.postpaid:
            await self._leave(state, "the balance is used up")
            return False
        await self._store.run(care.mend(state.name))
        log.warning("account.mended", account=state.name)
        return True

    async def _leave(self, state: AccountState, why: str) -> None:
        """Leave it alone for longer, once its time is over."""
        breaker = self._settings.breaker
        act = care.trip(state.name, breaker.suspended, breaker.longest, why[:120])
        if await self._store.run(act):
            log.error("account.suspended", account=state.name, reason=why)
