"""Probe: ask an account that is left alone for its balance, where the vendor has that call.

A balance call that works, with money left, says more than waiting: the account is used again at
once, with one message at first. Where there is no such call, or it said so in vain before, the
first message after the wait is the probe.
"""

import asyncio

import structlog

from worker.rounds.base import Rounds
from worker.store import care
from worker.store.care import AccountState
from worker.telemetry.trouble import apart
from worker.transport import Lost, NotSent
from worker.vendors.base import Balance, Call

log = structlog.get_logger("xinshi.probe")

_BELIEVED = 3  # times in a row that a balance tells more than the messages that failed


class Prober(Rounds):
    """Probes the accounts whose breaker is open."""

    async def round(self) -> int:
        """Probe once; returns how many accounts are used again."""
        return await self._alone(self._look)

    async def _look(self) -> int:
        found = await self._store.run(care.states(list(self._vendors)))
        probes = (self._probe(state) for state in found.accounts if state.probing)
        return sum(await asyncio.gather(*probes))

    async def _probe(self, state: AccountState) -> bool:
        with apart("probe", account=state.name):
            call = self._vendors[state.name].balance()
            return call is not None and await self._ask(state, call)
        return False

    async def _ask(self, state: AccountState, call: Call[Balance]) -> bool:
        try:
            balance = await self._call(state.name, call)
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
