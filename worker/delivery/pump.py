"""The pump: it claims ready messages and has them submitted, on one event loop a process.

``run(stream)`` is what one ring of the doorbell does: claim in batches while slots are free,
until the stream is empty or the time slice is over. Submissions live on in the loop; nothing
waits for the slowest answer before it claims more.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from worker.contract import promptness
from worker.contract.errors import StoreError
from worker.contract.recipient import mask
from worker.contract.record import Record
from worker.contract.settings import Settings
from worker.contract.status import Status, Stream
from worker.delivery.care import Care
from worker.delivery.claims import Claim, Claims
from worker.delivery.groups import Batch
from worker.delivery.health import Health
from worker.delivery.promptness import Watch
from worker.delivery.settling import Settling
from worker.delivery.submit import Submitter, trace
from worker.store import acts
from worker.store.acts import Claimed
from worker.store.client import AsyncStore
from worker.telemetry.metrics import IN_FLIGHT, UNSETTLED, Counts
from worker.transport import Transport
from worker.vendors.base import Vendor

log = structlog.get_logger("xinshi.pump")

_GATHER = 0.03  # seconds at the most that a call waits for the next claim's recipients
_SLICE = 16  # calls that begin in one turn of the loop
_MUCH = 256  # messages that are left for another claim at once
_LEAST = 32  # slots worth a claim: smaller batches cost a round trip for little
_RECONNECT = 0.5  # seconds between two tries to reach Redis
_PAUSE = 1.0  # seconds at the most between two looks: an account may be well again before its time


class Pump:
    """Claims and submits for one process, on its event loop."""

    def __init__(
        self,
        settings: Settings,
        vendors: Mapping[str, Vendor],
        store: AsyncStore,
        transport: Transport,
        *,
        chance: Callable[[], float] = random.random,
        counts: Counts | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._counts = counts or Counts()
        self._health = Health(vendors)
        self._claims = Claims(settings, vendors, store, health=self._health, chance=chance)
        prompt = settings.health.prompt
        counted = promptness.counted(prompt, vendors)
        self._watch = Watch(counted, prompt, store, self._health)
        self._settling = Settling(store, settings.store, counted)
        self._submitter = Submitter(
            settings,
            vendors,
            transport,
            settling=self._settling,
            health=self._health,
            care=Care(settings, store),
            chance=chance,
            counts=self._counts,
        )
        self._in_flight: set[asyncio.Task[None]] = set()
        self._rest: asyncio.TimerHandle | None = None  # when calls leave that are not full
        self._held = 0  # slots of claims on their way
        self._freed = asyncio.Event()
        self._again: dict[Stream, bool] = {}
        self.busy = asyncio.Event()  #: other streams than otp are served just now
        self._stopped = asyncio.Event()
        self._counts.gauges[IN_FLIGHT.name] = lambda: self.in_flight
        self._counts.gauges[UNSETTLED.name] = lambda: self._settling.unwritten

    async def run(self, stream: Stream) -> int:
        """Serve one ring: claim until the stream is empty or the slice is over.

        Returns how many messages were claimed. A ring for a stream that is being served already
        only makes that pump look once more.
        """
        if stream in self._again:
            self._again[stream] = True
            return 0
        self._again[stream] = False
        self._know_whether_busy()
        try:
            return await self._serve(stream)
        finally:
            del self._again[stream]
            self._know_whether_busy()
            self._freed.set()

    def _know_whether_busy(self) -> None:
        if self._again.keys() - {Stream.OTP}:
            self.busy.set()
        else:
            self.busy.clear()

    @property
    def in_flight(self) -> int:
        """How many calls to vendors are open."""
        return len(self._in_flight)

    def stop(self) -> None:
        """Claim nothing more; what is in flight goes on."""
        self._stopped.set()
        self._freed.set()

    async def drain(self) -> None:
        """Wait until everything in flight is answered and settled; hand the rest over.

        A ring that this process took as it stopped may have ended with it: ring again, last.
        """
        self._submit_rest()
        while self._again or self._in_flight:
            self._freed.clear()
            await self._freed.wait()
            self._submit_rest()
        await self._watch.rest()
        await self._settling.flush()
        for stream in Stream:
            await self._claims.take_back(stream)
            await self._ring(stream)

    async def _serve(self, stream: Stream) -> int:
        end = time.monotonic() + self._settings.worker.slice
        claimed, beginning = 0, None
        ahead, much = None, False
        while claim := ahead or await self._next(stream, end):
            # Where there is much, Redis works at the next one while this one's calls begin.
            ahead = self._ask_ahead(stream, end) if much else None
            found = await claim.answer
            if beginning:  # it went on during the claim
                await beginning
            messages = self._taken(claim, found)
            if found is None:
                await self._reconnect(end)
                continue
            claimed += len(messages)
            beginning = asyncio.create_task(self._begin(messages, claim.begun))
            much = found.left >= _MUCH and not found.pause
            if stream is Stream.OTP or found.pause or not found.left:
                await beginning
                self._submit_rest()
            if ahead:
                continue
            if found.pause:
                await self._pause(min(found.pause, _PAUSE, end - time.monotonic()))
            elif not found.left and not self._again[stream]:
                return claimed
        if beginning:
            await beginning
        await self._hand_over(stream)
        return claimed

    async def _next(self, stream: Stream, end: float) -> Claim | None:
        """Ask for more as soon as there are free slots; None when the slice is over."""
        if self._over(end):
            return None
        room = min(await self._room(stream), self._settings.worker.batch)
        return None if self._over(end) else self._ask(stream, room)

    def _ask_ahead(self, stream: Stream, end: float) -> Claim | None:
        batch = self._settings.worker.batch
        if self._over(end) or self._free(stream) < batch:
            return None
        return self._ask(stream, batch)

    async def _hand_over(self, stream: Stream) -> None:
        """Ring for what is left, once more for each ring that ends here meanwhile."""
        while True:
            self._again[stream] = False
            await self._ring(stream)
            if self._stopped.is_set() or not self._again[stream]:
                return

    def _over(self, end: float) -> bool:
        return self._stopped.is_set() or time.monotonic() > end

    def _most(self, stream: Stream) -> int:
        """Return the slots that a stream may use; the last ones are otp's."""
        worker = self._settings.worker
        return worker.in_flight - (0 if stream is Stream.OTP else worker.reserve)

    def _free(self, stream: Stream) -> int:
        taken = len(self._in_flight) + self._submitter.waiting + self._held
        return self._most(stream) - taken

    async def _room(self, stream: Stream) -> int:
        """Wait for free slots."""
        # Never so many that a few slow answers hold up everything else.
        least = 1 if stream is Stream.OTP else max(1, min(_LEAST, self._most(stream) // 8))
        while not self._stopped.is_set():
            room = self._free(stream)
            if room >= least:
                return room
            self._submit_rest()
            self._freed.clear()
            await self._freed.wait()
        return 0

    async def _pause(self, seconds: float) -> None:
        """Sleep until an account has a slot again, or the process stops."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), max(seconds, 0.001))

    def _ask(self, stream: Stream, most: int) -> Claim:
        """Send a claim, and hold slots for what it brings."""
        self._watch.look(time.monotonic())
        self._again[stream] = False
        self._held += most
        return self._claims.send(stream, most)

    async def _reconnect(self, end: float) -> None:
        """Wait until Redis answers again; asked with what changes nothing, not with a claim."""
        while not self._over(end):
            await self._pause(_RECONNECT)
            with contextlib.suppress(StoreError):
                await self._store.run(acts.find(["-"]))
                return

    async def _ring(self, stream: Stream) -> None:
        try:
            await self._store.run(acts.ring(stream))
        except StoreError as error:  # the sweep rings instead
            log.warning("store.lost", act="ring", stream=str(stream), error=str(error))

    def _taken(self, claim: Claim, found: Claimed | None) -> list[tuple[str, Record]]:
        """Return what is ours to submit, and hold its slots; tell what became of the rest."""
        self._held -= claim.most
        self._freed.set()
        taken: list[tuple[str, Record]] = []
        if found is None:
            return taken
        self._submitter.bounds.heed(found.bounds)
        for message_id, record in found.messages:
            if record.status is Status.SUBMITTING:
                taken.append((message_id, record))
            else:
                self._counts.stepped(record)
                _log_step(message_id, record)
        self._held += len(taken)
        return taken

    async def _begin(self, messages: Sequence[tuple[str, Record]], begun: float) -> None:
        """Begin to submit, in slices: a code may wait in the same loop."""
        for first in range(0, len(messages), _SLICE):
            part = messages[first : first + _SLICE]
            self._submit(self._submitter.calls(part, begun))
            self._held -= len(part)
            await asyncio.sleep(0)
        if self._submitter.waiting and self._rest is None:
            self._rest = asyncio.get_running_loop().call_later(_GATHER, self._submit_rest)

    def _submit(self, calls: Iterable[Batch]) -> None:
        for batch in calls:
            task = asyncio.create_task(self._submitter.submit(batch))
            self._in_flight.add(task)
            task.add_done_callback(self._finished)

    def _submit_rest(self) -> None:
        """Submit what waited for more recipients."""
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        self._submit(self._submitter.rest())

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._freed.set()
        if not task.cancelled() and (error := task.exception()):
            log.error(
                "submit.broken",
                error=type(error).__name__,
                trace=trace(error),
            )


def _log_step(message_id: str, record: Record) -> None:
    """Log what the claim itself decided: expired, put aside, nobody can carry it."""
    log.info(
        "claim.step",
        status=str(record.status),
        id=message_id,
        stream=str(record.stream),
        account=record.account,
        to=mask(record.to),
        reason=record.reason,
    )
