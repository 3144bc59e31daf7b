"""Client and AsyncClient: enqueue messages, ask what became of them, take them back."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
)
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from producers import tracing
from producers.diversion import Diversion, current
from producers.following import Listening, follow, follow_async
from producers.ids import new_id
from producers.intake import Batch, Intake
from producers.life import Life
from producers.snapshot import Snapshot, unreported
from worker import vendors
from worker.contract import settings as reading
from worker.contract.errors import ConflictError, NotFoundError, StoreError
from worker.contract.happenings import Event
from worker.contract.message import Message
from worker.contract.record import Record
from worker.contract.settings import Settings
from worker.contract.status import Status, Stream
from worker.store import acts, care
from worker.store.acts import Accepted, Act, Entry
from worker.store.care import Circumstances
from worker.store.consumer import Start
from worker.store.sealing import UNSEALED, Seal
from worker.store.shards import AsyncShards, Shards

T = TypeVar("T")
_CHUNK = 500  # messages an accept carries: some milliseconds of Redis's one thread


def utc_now() -> datetime:
    return datetime.now(UTC)


class _Client:
    """What both clients know: settings, checks, and how an answer reads."""

    def __init__(
        self,
        redis_url: str | None = None,
        config: str | Path | Settings | None = None,
        *,
        clock: Callable[[], datetime] = utc_now,
        new_id: Callable[[], str] = new_id,
        diversion: Diversion | None = None,
    ) -> None:
        """Read the settings; raise SettingsError.

        ``redis_url`` wins over the file and the environment; ``config`` is the path of an
        xinshi.toml (default: XINSHI_CONFIG, then ./xinshi.toml if it is there). ``diversion`` is
        asked instead of Redis, whatever else is diverted (see producers.testing).
        """
        self._diversion = diversion
        if isinstance(config, Settings):
            self.settings = config.at(redis_url) if redis_url else config
        else:
            self.settings = reading.load(config, redis_url=redis_url)
        self._vendors = vendors.load_all(self.settings)
        self._clock = clock
        self._intake = Intake(self.settings, self._vendors, clock=clock, new_id=new_id)
        self._seal = Seal(self.settings.privacy.text_keys)

    def _elsewhere(self) -> Diversion | None:
        return self._diversion or current()

    def _accept(self, entries: list[Entry], elsewhere: Diversion | None) -> Act[list[Accepted]]:
        store = self.settings.store
        return acts.accept(
            entries,
            retention=store.retention,
            idempotency=store.idempotency,
            number_key=self._intake.number_key,
            seal=UNSEALED if elsewhere else self._seal,  # what a test looks at is in clear
        )

    def _explain(self, message_id: str) -> Act[Circumstances | None]:
        return care.explain(_asked(message_id), tuple(self.settings.vendors))

    def _listening(
        self, group: str, types: Collection[str] | None, start: Start, wait: float | None
    ) -> list[Listening]:
        """Return one for each shard."""
        if self._elsewhere():
            raise StoreError("this client is diverted from Redis, where the events are")
        timeout, many = self.settings.store.timeout, len(self.settings.cells)
        return [
            Listening(group, types=types, start=start, wait=wait, timeout=timeout, shards=many)
            for _ in range(many)
        ]

    def _snapshot(self, message_id: str, found: list[Record | None]) -> Snapshot:
        (record,) = found
        if record is None:
            raise NotFoundError(message_id)
        reason = unreported(
            record,
            reported=self._reported(record),
            horizon=self.settings.store.reports,
            now=self._clock(),
        )
        return Snapshot.of(message_id, record, reason)

    def _reported(self, record: Record) -> bool:
        vendor = self._vendors.get(record.account)
        return vendor is None or vendor.reported

    def _life(self, message_id: str, found: Circumstances | None) -> Life:
        if found is None:
            raise NotFoundError(message_id)
        reported = self._reported(found.record)
        return Life.of(message_id, found, self.settings, reported=reported)


def _one(answer: Accepted) -> str:
    if answer.state == "conflict":
        raise ConflictError(answer.id)
    return answer.id


def _asked(message_id: str) -> str:
    """Return an id as it can be asked for; raise NotFoundError where it is surely none of ours."""
    if not message_id.isascii():
        raise NotFoundError(message_id)
    return message_id


def _some(found: list[Record | None]) -> bool:
    return found[0] is not None


def _known(found: tuple[bool, Status | None]) -> bool:
    return found[1] is not None


class Client(_Client):
    """The synchronous client. Safe to share between threads; close it, or use it in a ``with``."""

    def __init__(
        self,
        redis_url: str | None = None,
        config: str | Path | Settings | None = None,
        **seams: Any,
    ) -> None:
        super().__init__(redis_url, config, **seams)
        self._shards = Shards(self.settings)

    def send(
        self,
        to: str,
        text: str | None = None,
        *,
        template: str | None = None,
        params: Mapping[str, str] | None = None,
        signature: str | None = None,
        stream: str = Stream.NOTICE,
        account: str | None = None,
        idempotency_key: str | None = None,
        send_at: datetime | str | None = None,
        validity: float | str | timedelta | None = None,
        tag: str | None = None,
    ) -> str:
        """Accept one message and return its id.

        Raises MessageError (nothing stored), ConflictError (the idempotency key belongs to
        another content) or StoreError (Redis did not answer within ``store.timeout``).
        """
        message = Message(
            to,
            text,
            template=template,
            params=params,
            signature=signature,
            stream=stream,
            account=account,
            idempotency_key=idempotency_key,
            send_at=send_at,
            validity=validity,
            tag=tag,
        )
        with tracing.sending(message.stream) as trace:
            return _one(self._hand_in([self._intake.entry(message, trace)])[0])

    def send_many(self, messages: Iterable[Message | Mapping[str, Any]]) -> list[str]:
        """Accept many messages, hundreds a round trip, and return their ids in order.

        Raises BatchError where some were refused: every other one is stored, and the error
        holds the ids and the errors by place. A StoreError has the ids of what is surely stored:
        with several servers, those of the others. Whatever has an idempotency key may be sent
        again, all of it.
        """
        with tracing.sending() as trace:
            batch = Batch(self._intake, messages, trace)
            for shard in batch.shards:
                with batch.known():
                    for chunk in batch.chunks(shard, _CHUNK):
                        batch.note(chunk, self._hand_in(chunk.entries))
            return batch.result()

    def status(self, message_id: str) -> Snapshot:
        """Return what is known of a message; raise NotFoundError."""
        act = acts.find([_asked(message_id)])
        return self._snapshot(message_id, self._seek(message_id, act, _some))

    def explain(self, message_id: str) -> Life:
        """Return every step of a message and what comes next; raise NotFoundError."""
        act = self._explain(message_id)
        return self._life(message_id, self._seek(message_id, act, lambda found: found is not None))

    def cancel(self, message_id: str) -> bool:
        """Take a message back; False where a vendor was asked already. Raises NotFoundError."""
        act = acts.cancel(_asked(message_id))
        done, status = self._seek(message_id, act, _known)
        if status is None:
            raise NotFoundError(message_id)
        return done

    def events(
        self,
        group: str = "app",
        *,
        types: Collection[str] | None = None,
        start: Start = "oldest",
        wait: float | None = None,
    ) -> Iterator[Event]:
        """Return an iterator over what happens; each event comes to one consumer of its group.

        An event is done with when the next one is asked for. What is in hand when the loop ends
        otherwise (break, an error), or for longer than a minute, comes again: at least once. The
        first one who names a ``group`` creates it, from the oldest event on or for those to come
        (``start``). Events of other ``types`` than those given are passed over for the whole group.

        It waits for events for ever, or ends after ``wait`` seconds without one. It outlives a
        server that restarts; StoreError is raised only where Redis never answered, refuses the
        command, or is away when ``wait`` is over. ValueError names a bad argument.
        """
        return follow(self._shards, self._listening(group, types, start, wait))

    def _hand_in(self, entries: list[Entry]) -> list[Accepted]:
        """Store messages to numbers of one shard."""
        elsewhere = self._elsewhere()
        act = self._accept(entries, elsewhere)
        if elsewhere:
            return elsewhere.run(act, self.settings)
        return self._shards.ask(self._shards.placing.of(entries[0].to), act)

    def _seek(self, message_id: str, act: Act[T], there: Callable[[T], bool]) -> T:
        elsewhere = self._elsewhere()
        if elsewhere:
            return elsewhere.run(act, self.settings)
        return self._shards.seek(message_id, act, there)

    def close(self) -> None:
        self._shards.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient(_Client):
    """The same as coroutines, for one event loop; ``await`` close, or use ``async with``."""

    def __init__(
        self,
        redis_url: str | None = None,
        config: str | Path | Settings | None = None,
        **seams: Any,
    ) -> None:
        super().__init__(redis_url, config, **seams)
        self._shards = AsyncShards(self.settings)

    async def send(
        self,
        to: str,
        text: str | None = None,
        *,
        template: str | None = None,
        params: Mapping[str, str] | None = None,
        signature: str | None = None,
        stream: str = Stream.NOTICE,
        account: str | None = None,
        idempotency_key: str | None = None,
        send_at: datetime | str | None = None,
        validity: float | str | timedelta | None = None,
        tag: str | None = None,
    ) -> str:
        """Accept one message and return its id; see Client.send."""
        message = Message(
            to,
            text,
            template=template,
            params=params,
            signature=signature,
            stream=stream,
            account=account,
            idempotency_key=idempotency_key,
            send_at=send_at,
            validity=validity,
            tag=tag,
        )
        with tracing.sending(message.stream) as trace:
            return _one((await self._hand_in([self._intake.entry(message, trace)]))[0])

    async def send_many(self, messages: Iterable[Message | Mapping[str, Any]]) -> list[str]:
        """Accept many messages; see Client.send_many."""
        with tracing.sending() as trace:
            batch = Batch(self._intake, messages, trace)
            await asyncio.gather(*(self._hand_in_all(batch, shard) for shard in batch.shards))
            return batch.result()

    async def _hand_in_all(self, batch: Batch, shard: int) -> None:
        with batch.known():
            for chunk in batch.chunks(shard, _CHUNK):
                batch.note(chunk, await self._hand_in(chunk.entries))

    async def status(self, message_id: str) -> Snapshot:
        """Return what is known of a message; see Client.status."""
        act = acts.find([_asked(message_id)])
        return self._snapshot(message_id, await self._seek(message_id, act, _some))

    async def explain(self, message_id: str) -> Life:
        """Return every step of a message; see Client.explain."""
        act = self._explain(message_id)
        found = await self._seek(message_id, act, lambda answer: answer is not None)
        return self._life(message_id, found)

    async def cancel(self, message_id: str) -> bool:
        """Take a message back; see Client.cancel."""
        act = acts.cancel(_asked(message_id))
        done, status = await self._seek(message_id, act, _known)
        if status is None:
            raise NotFoundError(message_id)
        return done

    def events(
        self,
        group: str = "app",
        *,
        types: Collection[str] | None = None,
        start: Start = "oldest",
        wait: float | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Return an async iterator over what happens; see Client.events.

        Leave it with ``aclose`` (``contextlib.aclosing`` does it): then what is in hand comes to
        another consumer at once.
        """
        return follow_async(self._shards, self._listening(group, types, start, wait))

    async def _hand_in(self, entries: list[Entry]) -> list[Accepted]:
        elsewhere = self._elsewhere()
        act = self._accept(entries, elsewhere)
        if elsewhere:
            return elsewhere.run(act, self.settings)
        return await self._shards.ask(self._shards.placing.of(entries[0].to), act)

    async def _seek(self, message_id: str, act: Act[T], there: Callable[[T], bool]) -> T:
        elsewhere = self._elsewhere()
        if elsewhere:
            return elsewhere.run(act, self.settings)
        return await self._shards.seek(message_id, act, there)

    async def close(self) -> None:
        await self._shards.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
