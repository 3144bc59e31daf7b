"""The sandbox: which vendor is asked for what, and everything that may go wrong on the way."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

from aiohttp import web

from worker.contract.settings import Account
from worker.sandbox import rules
from worker.sandbox.chuangrui import Chuangrui
from worker.sandbox.chuangxin import Chuangxin
from worker.sandbox.dialect import Dialect, Order
from worker.sandbox.endings import DELIVERED, INSTEAD, REASONS, Ending, Fate
from worker.sandbox.exchange import HTML, TEXT, Answer, Incoming, json, read
from worker.sandbox.faults import SLOW, Fault, Faults, Spoil
from worker.sandbox.largesms import Largesms
from worker.sandbox.pushes import Sleep
from worker.sandbox.rules import Settings
from worker.sandbox.state import Clock, State
from worker.sandbox.tencent import Tencent
from worker.sandbox.zhenzi import Zhenzi

_DIALECTS: tuple[type[Dialect], ...] = (Tencent, Largesms, Chuangxin, Chuangrui, Zhenzi)
_PLAIN = Order()
_USUAL_REASON = {"throttle": "account", "suspended": "credentials"}
_UNREADABLE = {
    "garbage": Answer(b"\x00\xff<<not an answer>>", content_type=TEXT),
    "empty": Answer(content_type=TEXT),
    "html": Answer("<html><body>系统维护中</body></html>".encode(), content_type=HTML),
}


class Sandbox:
    """All five vendors at one address. Everything it needs of the world is handed in.

    ``accounts`` (by name) are accepted beside the built-in credentials. The ledger keeps the
    latest ``ledger_size`` messages in full.
    """

    def __init__(
        self,
        accounts: Mapping[str, Account] | None = None,
        *,
        settings: Settings | None = None,
        clock: Clock = time.time,
        sleep: Sleep = asyncio.sleep,
        seed: int | None = None,
        ledger_size: int = 200_000,
        ledger_path: str | Path | None = None,
    ) -> None:
        self._start = settings or Settings()
        self.settings = rules.copied(self._start)
        self.state = State(
            accounts or {},
            settings=self.settings,
            clock=clock,
            sleep=sleep,
            ledger_size=ledger_size,
            ledger_path=Path(ledger_path) if ledger_path else None,
        )
        self.faults = Faults(Random(seed).random)
        self.dialects = {kind.vendor: kind(self.state) for kind in _DIALECTS}
        self._sleep = sleep
        self._released = asyncio.Event()
        self._paths: dict[str, tuple[Dialect, str]] = {}

    def clear(self) -> None:
        """Return to the state at the start, settings included; hanging requests are let go."""
        rules.take_over(self.settings, rules.copied(self._start))
        self.faults.clear()
        self.state.clear()
        self.release()

    def release(self) -> None:
        """Close the connections that hang on purpose."""
        self._released.set()
        self._released = asyncio.Event()

    def _find(self, path: str) -> tuple[Dialect, str] | None:
        """Find a vendor's call by how its path ends: any prefix may stand before it."""
        found = self._paths.get(path)
        if found is None:
            for dialect in self.dialects.values():
                for tail, operation in dialect.paths.items():
                    if path.endswith(tail):
                        found = self._paths[path] = (dialect, operation)
        return found

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request to a vendor."""
        incoming = await read(request)
        found = self._find(incoming.path)
        if found is None:
            message = f"There is no api match host[{request.host}]/uri[{incoming.path}]"
            return json({"message": message}, 404).response()
        dialect, named = found
        state, vendor = self.state, dialect.vendor
        operation = dialect.operation(named, incoming)
        state.requests[f"{vendor} {operation}"] += 1
        state.open[vendor] += 1
        try:
            order = self._order(dialect, operation, incoming)
            if order.spoil:
                answer = await self._spoiled(dialect, operation, incoming, order)
            else:
                answer = await self._answer(dialect, operation, incoming, order)
        finally:
            state.open[vendor] -= 1
        if answer is None:
            return _drop(request)
        return answer.response()

    def _order(self, dialect: Dialect, operation: str, incoming: Incoming) -> Order:
        """Decide what is to become of a request: a fault first, then the numbers' fates."""
        numbers = dialect.numbers(incoming) if operation == "send" else ()
        state = self.state
        fates = {n: found for n in numbers if (found := state.fate(n)) is not DELIVERED}
        if self.faults.listed:
            fault = self.faults.pick(dialect.vendor, operation, numbers)
            if fault:
                return self._ordered(fault, dialect, operation, fates)
        if not fates:
            return _PLAIN
        spoil = next((found.spoil for found in fates.values() if found.spoil), None)
        return Order(fates, spoil=spoil)

    def _ordered(
        self, fault: Fault, dialect: Dialect, operation: str, fates: Mapping[str, Fate]
    ) -> Order:
        """Return what a fault wants, before what the numbers' fates do to the request."""
        order = Order(fates, spoil=fault.spoil())
        if fault.kind == "report":
            order.state = fault.code
        elif fault.kind == "code":
            order.code, order.message = fault.code, fault.message
        elif fault.kind in _USUAL_REASON:
            refusal = REASONS[fault.reason or _USUAL_REASON[fault.kind]]
            order.refusal = refusal
            if dialect.refused(operation, refusal) is None:
                order.refusal, order.fates = None, {}
                ending = INSTEAD.get(refusal, Ending.UNDELIVERED)
                order.otherwise = Fate(refusal=refusal, ending=ending)
        return order

    async def _answer(
        self, dialect: Dialect, operation: str, incoming: Incoming, order: Order
    ) -> Answer:
        answer: Answer | None = None
        if order.code:
            answer = dialect.coded(operation, order.code, order.message)
        elif order.refusal:
            answer = dialect.refused(operation, order.refusal)
        answer = answer or dialect.answer(operation, incoming, order)
        for push in order.early:
            await self.state.pusher.knock(push)
        if self.settings.latency:
            await self._sleep(self.settings.latency)
        return answer

    async def _spoiled(
        self, dialect: Dialect, operation: str, incoming: Incoming, order: Order
    ) -> Answer | None:
        """Answer as the fault wants it; None stands for a connection closed without an answer."""
        kind, taken, seconds = order.spoil or Spoil("drop", taken=False)
        seconds = self.settings.slow if seconds == SLOW else seconds
        answer: Answer | None = None
        if kind == "delay" and not taken:
            await self._sleep(seconds)
        if taken or kind == "delay":
            answer = await self._answer(dialect, operation, incoming, order)
        if kind == "delay" and taken:
            await self._sleep(seconds)
        if kind == "hang":
            await self._hang()
        if kind in ("hang", "drop", "delay"):
            return answer if kind == "delay" else None
        if kind.isdigit():
            return dialect.broken(int(kind))
        if kind == "truncated" and answer:
            return replace(answer, body=answer.body[: len(answer.body) // 2])
        return _UNREADABLE.get(kind, _UNREADABLE["empty"])

    async def _hang(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.hang):
                await self._released.wait()


def _drop(request: web.Request) -> web.Response:
    """Close the connection without an answer."""
    if request.transport:
        request.transport.abort()
    return web.Response()
