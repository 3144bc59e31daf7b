"""Process: what one worker process owns: a loop, a store, an HTTP session and the pump."""

import asyncio
import contextlib
import time

import structlog

from worker import vendors
from worker.contract.errors import StoreError
from worker.contract.recipient import mask
from worker.contract.settings import Settings
from worker.contract.status import Stream
from worker.intake import Intake
from worker.loop import Loop
from worker.polls import Poller
from worker.probe import Prober
from worker.pump import Pump
from worker.resolve import Resolver
from worker.store import acts
from worker.store.acts import Released, Swept
from worker.store.client import AsyncStore
from worker.transport import Transport

log = structlog.get_logger("xinshi.process")

_RELEASE, _SWEEP = 1000, 1000  # messages a call: some ms of Redis's one thread
_ROUNDS = 50  # calls of one tick; the next comes in a second
_SETTLING = 10.0  # seconds that settling may take after the last answer, when the worker stops


class Process:
    """Starts warm, so that the first message is as fast as the second; ends clean."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._vendors = vendors.load_all(settings)
        self._loop = Loop()
        self._transport = Transport()
        self._store = AsyncStore(
            settings.redis_url,
            timeout=settings.store.timeout,
            durability=settings.store.durability,
        )
        self._pump: Pump | None = None
        parts = (settings, self._vendors, self._store, self._transport)
        self._resolver = Resolver(*parts)
        self._prober = Prober(*parts)
        self._poller = Poller(*parts)
        self._intake = Intake(*parts)

    def start(self) -> None:
        """Start the loop and open what it needs."""
        self._loop.start()
        self._loop.run(self._open())
        log.info(
            "process.started",
            accounts=list(self._vendors),
            in_flight=self._settings.worker.in_flight,
        )

    async def _open(self) -> None:
        self._transport.open()
        self._pump = Pump(self._settings, self._vendors, self._store, self._transport)
        with contextlib.suppress(StoreError):  # a first connection; the pump waits for Redis
            await self._store.run(acts.find(["-"]))

    def submit(self, stream: Stream) -> int:
        """Serve one ring; blocks the caller's thread until the pump is done."""
        assert self._pump is not None, "start() comes first"
        begun = time.monotonic()
        claimed = self._loop.run(self._pump.run(stream))
        if claimed:
            seconds = round(time.monotonic() - begun, 3)
            log.info("pump.done", stream=str(stream), claimed=claimed, seconds=seconds)
        return claimed

    def release(self) -> int:
        """Move what is due to its ready list; returns how many."""
        total = 0
        for _ in range(_ROUNDS):
            found: Released = self._loop.run(self._store.run(acts.release(_RELEASE)))
            total += found.released
            if not found.more:
                break
        if total:
            log.info("release.done", released=total)
        return total

    def sweep(self) -> int:
        """Mark lost attempts as unknown and ring for forgotten work; returns the lost ones."""
        found: Swept = self._loop.run(self._store.run(acts.sweep(_SWEEP)))
        for message_id, record in found.lost:
            log.warning(
                "attempt.lost",
                id=message_id,
                stream=str(record.stream),
                account=record.account,
                to=mask(record.to),
                attempt=record.attempt,
            )
        if found.rings:
            log.info("sweep.rang", rings=found.rings)
        return len(found.lost)

    def resolve(self) -> int:
        """Look at unknown messages whose time has come; returns how many."""
        return self._loop.run(self._resolver.round())

    def probe(self) -> int:
        """Probe accounts that are left alone; returns how many are used again."""
        return self._loop.run(self._prober.round())

    def poll(self) -> int:
        """Poll what is to be polled; returns how many pages had something."""
        pages = self._loop.run(self._poller.round())
        return pages + self.intake() if pages else 0

    def intake(self) -> int:
        """Parse what stands in the spool; returns how many pages."""
        return self._loop.run(self._intake.round())

    def stopping(self) -> None:
        """Claim nothing more from now on; callable from a signal handler."""
        if self._pump is not None:
            self._loop.soon(self._pump.stop)

    def stop(self) -> None:
        """Finish what is in flight, settle it, and close everything."""
        pump, self._pump = self._pump, None
        if pump is None:
            return
        self._loop.soon(pump.stop)
        longest = max((each.timeouts.total for each in self._settings.vendors.values()), default=0)
        try:
            self._loop.run(asyncio.wait_for(pump.drain(), longest + _SETTLING))
        except TimeoutError:
            # What is not settled now has its attempt and deadline in the store: it ends unknown.
            log.error("process.unsettled")  # noqa: TRY400 - a trace says nothing here
        self._loop.run(self._close())
        self._loop.stop()
        log.info("process.stopped")

    async def _close(self) -> None:
        await self._transport.close()
        await self._store.close()
