"""Probe: ask an account that is left alone for its balance, where the vendor has that call.

A balance call that works, with money left, says more than waiting: the account is used again at
once, with one message at first. Where there is no such call, or it said so in vain before, the
first message after the wait is the probe.
"""

import asyncio
from collections.abc import Mapping

import structlog

from worker.alarms import Alarms
from worker.contract.errors import StoreError
from worker.contract.settings import Settings
from worker.store import care
from worker.store.care import AccountState
from worker.store.client import AsyncStore
from worker.transport import Lost, NotSent, Transport
from worker.vendors.base import Balance, Call, Vendor

log = structlog.get_logger("xinshi.probe")

_BELIEVED = 3  # times in a row that a balance tells more than the messages that failed


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
        self._alarms = Alarms(settings, store)
        self._busy = False

    async def round(self) -> int:
        """Probe once; returns how many accounts are used again."""
        if self._busy:  # the next tick comes before a slow vendor's answer
            return 0
        self._busy = True
        try:
            found = await self._store.run(care.states(list(self._vendors)))
            probes = (self._probe(state) for state in found.accounts if state.probing)
            return sum(await asyncio.gather(*probes))
        finally:
            self._busy = False

    async def _probe(self, state: AccountState) -> bool:
        try:
            call = self._vendors[state.name].balance()
            return call is not None and await self._ask(state, call)
        except StoreError as error:  # the next round says it again
            log.warning("store.lost", act="probe", error=str(error))
        except Exception as error:  # noqa: BLE001 - one adapter's bug must not keep the others out
            log.error("adapter.broken", account=state.name, error=type(error).__name__)  # noqa: TRY400 - its text may hold a secret
        return False

    async def _ask(self, state: AccountState, call: Call[Balance]) -> bool:
        timeouts = self._settings.vendors[state.name].timeouts
        try:
            balance = await self._transport.call(call, timeouts)
        except (NotSent, Lost) as error:
            await self._leave(state, str(error))
            return False
        if balance.amount <= 0 and not balance.postpaid:
            await self._leave(state, "the balance is used up", empty=True)
            return False
        mended = await self._store.run(care.mend(state.name, believed=_BELIEVED))
        if mended:
            log.warning("account.mended", account=state.name)
        return mended

    async def _leave(self, state: AccountState, why: str, *, empty: bool = False) -> None:
        """Leave it alone for longer, once its time is over."""
        breaker = self._settings.breaker
        code = "" if empty else None  # its vendor says that nothing is left: it is unusable
        act = care.trip(state.name, breaker.suspended, breaker.longest, why[:120], code=code)
        if await self._store.run(act):
            log.error("account.suspended", account=state.name, reason=why)
            if empty:
                await self._alarms.empty(state.name)
