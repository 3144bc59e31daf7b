"""Process: what one worker process owns: a loop, a store, the vendors' connections and the pump."""

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial

import structlog

from worker import __version__, interpreter, terms, vendors
from worker.contract.errors import StoreError
from worker.contract.jobs import queue
from worker.contract.settings import Settings
from worker.contract.status import Stream
from worker.delivery.bell import listen
from worker.delivery.pump import Pump
from worker.heartbeat.heart import Heart
from worker.heartbeat.presence import Presence
from worker.heartbeat.pulse import Pulse
from worker.incoming.homes import Homes
from worker.incoming.intake import Intake
from worker.incoming.polls import Poller
from worker.loop import Lag, Loop
from worker.notify.notifier import Notifier
from worker.rounds.balances import Balances
from worker.rounds.probe import Prober
from worker.rounds.resolve import Resolver
from worker.rounds.sharing import Sharing
from worker.rounds.staleness import Staleness
from worker.rounds.upkeep import Upkeep
from worker.store import acts, scripts
from worker.store.presence import Vitals
from worker.store.shards import AsyncShards
from worker.telemetry.exposition import Exposition
from worker.telemetry.metrics import By, Counts
from worker.transport import Transport

log = structlog.get_logger("xinshi.process")

_SETTLING = 10.0  # seconds that settling may take after the last answer, when the worker stops


class Process:
    """Starts warm, so that the first message is as fast as the second; ends clean."""

    _presence: Presence | None = None
    _beating: Future[None]
    _listening: Future[None] | None = None
    _keeping: asyncio.Task[None]
    _lagging: asyncio.Task[None]

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._vendors = vendors.load_all(settings)
        self._loop = Loop()
        self._transport = Transport()
        self._shard = settings.served()
        self._shards = AsyncShards(settings)
        self._store = self._shards.all[self._shard]
        heart = settings.worker.heartbeat
        self._pulse = Pulse(Heart(heart), self._store) if heart else None
        self._living: asyncio.Task[None] | None = None
        self._pump: Pump | None = None
        self._counts = Counts()
        self._exposition = Exposition(self._counts, By.WORKER)
        parts = (settings, self._vendors, self._store, self._transport)
        self._upkeep = Upkeep(self._store, self._counts)
        self._resolver = Resolver(*parts)
        self._prober = Prober(*parts)
        self._poller = Poller(*parts)
        homes = Homes(self._store, self._shards)
        self._intake = Intake(*parts, homes=homes, metrics=self._counts)
        self._sharing = Sharing(settings, self._vendors, self._store, self._shards)
        self._notifier = Notifier(settings)
        self._balances = Balances(*parts)
        self._staleness = Staleness(settings, self._vendors, self._store)

    def start(self) -> None:
        """Start the loop and open what it needs."""
        self._loop.start()
        self._loop.run(self._open())
        self._exposition.start(self._settings.metrics.listen)
        interpreter.tune()
        log.info(
            "process.started",
            shard=self._shards.names[self._shard],
            accounts=list(self._vendors),
            in_flight=self._settings.worker.in_flight,
        )

    async def _open(self) -> None:
        self._transport.open()
        parts = self._settings, self._vendors, self._store, self._transport
        self._pump = Pump(*parts, counts=self._counts)
        self._lagging = asyncio.create_task(Lag(self._counts.loop_lag.note).run())
        if self._pulse:
            self._living = asyncio.create_task(self._pulse.run())
        self._keeping = asyncio.create_task(terms.tell(self._settings, self._store))
        with contextlib.suppress(StoreError):  # a first connection; the pump waits for Redis
            await self._store.run(acts.find(["-"]))
            for name in ("claim", "settle"):  # else the first message would wait for them
                await self._store.command("SCRIPT", "LOAD", scripts.load(name).source)

    def appear(self, node: str, queues: Sequence[str]) -> None:
        """Say from now on that this process is alive and serves queues; once is enough.

        ``node``: what Celery calls this worker, its host included.
        """
        if self._pump is not None and self._presence is None:
            vitals = partial(_vitals, self._pump, int(time.time() * 1000), tuple(queues))
            self._presence = Presence(self._store, f"{node}:{os.getpid()}", vitals)
            self._beating = self._loop.begin(self._presence.run())
            if queue(Stream.OTP) in queues:
                self._listening = self._loop.begin(
                    listen(self._store, self._pump.run, self._pump.busy)
                )

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
        return self._loop.run(self._upkeep.release())

    def sweep(self) -> int:
        """Mark lost attempts as unknown and ring for forgotten work; returns the lost ones."""
        return self._loop.run(self._upkeep.sweep())

    def resolve(self) -> int:
        """Look at unknown messages whose time has come; returns how many."""
        return self._loop.run(self._resolver.round())

    def probe(self) -> int:
        """Probe accounts that are left alone; returns how many are used again."""
        return self._loop.run(self._prober.round())

    def poll(self) -> int:
        """Poll what is to be polled; returns how many pages had something.

        One shard polls for all: what a poll returns is gone at the vendor.
        """
        if self._shard:
            return 0
        pages = self._loop.run(self._poller.round())
        return pages + self.intake() if pages else 0

    def balances(self) -> int:
        """Ask for balances that are due, then look for old polls; returns how many came.

        As with polls, one shard does it for all.
        """
        if self._shard:
            return 0
        came = self._loop.run(self._balances.round())
        self._loop.run(self._staleness.round())
        return came

    def intake(self) -> int:
        """Parse what stands in the spool; returns how many pages."""
        return self._loop.run(self._intake.round())

    def notify(self) -> int:
        """Start what posts webhooks, where it does not run; returns how many endpoints began."""
        return self._loop.run(self._notifier.tick())

    def share(self) -> int:
        """Share the accounts with the other shards; returns how many have anything to share."""
        return self._loop.run(self._sharing.round())

    def consuming(self) -> None:
        """Note that Celery's consumer runs; from its thread, every other second."""
        if self._pulse:
            self._pulse.heard()

    def stopping(self) -> None:
        """Claim nothing more from now on; callable from a signal handler."""
        if self._pump is not None:
            self._loop.soon(self._pump.stop)
            self._loop.soon(self._notifier.stop)

    def stop(self) -> None:
        """Finish what is in flight, settle it, and close everything."""
        pump, self._pump = self._pump, None
        if pump is None:
            return
        self._loop.soon(pump.stop)
        if self._listening is not None:
            self._listening.cancel()
        self._loop.soon(self._notifier.stop)
        if self._presence is not None:  # first: it takes nothing more
            self._loop.soon(self._presence.end)
            self._beating.result()
        longest = max((each.timeouts.total for each in self._settings.vendors.values()), default=0)
        try:
            self._loop.run(asyncio.wait_for(pump.drain(), longest + _SETTLING))
        except TimeoutError:
            # What is not settled now has its attempt and deadline in the store: it ends unknown.
            log.error("process.unsettled")  # noqa: TRY400 - a trace says nothing here
        self._loop.run(self._close())
        self._exposition.stop()
        self._loop.stop()
        log.info("process.stopped")

    async def _close(self) -> None:
        if self._living:
            self._living.cancel()
        self._keeping.cancel()
        self._lagging.cancel()
        await self._notifier.close()
        await self._transport.close()
        await self._shards.close()


def _vitals(pump: Pump, started: int, queues: Sequence[str]) -> Vitals:
    """Return what a process says of itself."""
    return Vitals(version=__version__, started=started, in_flight=pump.in_flight, queues=queues)
