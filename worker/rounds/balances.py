"""Balances: what accounts have left, asked where the vendor can be asked and kept in the store."""

import asyncio

import structlog

from worker.contract import keys
from worker.rounds.base import Rounds
from worker.store import balances
from worker.telemetry.trouble import apart
from worker.transport import Lost, NotSent
from worker.vendors.base import Balance, Call, Vendor

log = structlog.get_logger("xinshi.balances")

_SOON = 15.0  # seconds before its time at which the next round may ask: half of beat's tick
_RETRY = 60.0  # seconds at the most until an account that did not answer is asked again


class Balances(Rounds):
    """Asks every account that is due, whichever process has the turn."""

    async def round(self) -> int:
        """Ask once; returns how many balances came. One that fails holds up no other."""
        return sum(await asyncio.gather(*(self._ask(each) for each in self._vendors.values())))

    async def _ask(self, vendor: Vendor) -> bool:
        with apart("balance", account=vendor.name):
            call = vendor.balance()
            return call is not None and await self._take_turn(vendor, call)
        return False

    async def _take_turn(self, vendor: Vendor, call: Call[Balance]) -> bool:
        """Ask, if it is due and nobody else does: the key says both, and ends by itself."""
        every = self._settings.vendors[vendor.name].balance_every
        if not every:
            return False
        key, life = keys.ASKED + vendor.name, max(every / 2, every - _SOON)
        if not await self._store.command("SET", key, 1, "NX", "PX", int(life * 1000)):
            return False
        try:
            found = await self._call(vendor.name, call)
        except (NotSent, Lost) as error:  # nothing is kept: a failure says a balance of 0
            log.warning("balance.failed", account=vendor.name, reason=str(error))
            await self._store.command("PEXPIRE", key, int(min(life, _RETRY - _SOON) * 1000))
            return False
        await self._keep(vendor.name, found)
        return True

    async def _keep(self, account: str, found: Balance) -> None:
        act = balances.keep(account, found.amount, found.unit, postpaid=found.postpaid)
        await self._store.run(act)
        (stored,) = (await self._store.run(balances.read([account]))).accounts
        await self._alarms.balance(stored)
