"""Client and AsyncClient: enqueue messages, ask what became of them, take them back."""

from collections.abc import (
    AsyncGenerator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
)
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from producers import tracing
from producers.base import BaseClient, asked, known, one, some
from producers.following import follow, follow_async
from producers.handing import Done, UnderWay, hand_in, hand_in_async
from producers.intake import Batch, Chunk
from producers.life import Life
from producers.snapshot import Snapshot
from worker.contract.errors import NotFoundError
from worker.contract.happenings import Event
from worker.contract.message import Message
from worker.contract.settings import Settings
from worker.contract.status import Stream
from worker.store import acts
from worker.store.acts import Accepted, Act, Entry
from worker.store.consumer import Start
from worker.store.shards import AsyncShards, Shards

T = TypeVar("T")


class Client(BaseClient):
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
            return one(self._hand_in([self._intake.entry(message, trace)])[0])

    def send_many(self, messages: Iterable[Message | Mapping[str, Any]]) -> list[str]:
        """Accept many messages, hundreds a round trip, and return their ids in order.

        Raises BatchError where some were refused: every other one is stored, and the error
        holds the ids and the errors by place. A StoreError has the ids of what is surely stored:
        with several servers, those of the others. Whatever has an idempotency key may be sent
        again, all of it.
        """
        with tracing.sending() as trace:
            batch = Batch(self._intake, messages, trace)
            hand_in(batch, self._begin, self._shards.naming)
            return batch.result()

    def status(self, message_id: str) -> Snapshot:
        """Return what is known of a message; raise NotFoundError."""
        act = acts.find([asked(message_id)])
        return self._snapshot(message_id, self._seek(message_id, act, some))

    def explain(self, message_id: str) -> Life:
        """Return every step of a message and what comes next; raise NotFoundError."""
        act = self._explain(message_id)
        return self._life(message_id, self._seek(message_id, act, lambda found: found is not None))

    def cancel(self, message_id: str) -> bool:
        """Take a message back; False where a vendor was asked already. Raises NotFoundError."""
        act = acts.cancel(asked(message_id))
        done, status = self._seek(message_id, act, known)
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

    def _begin(self, chunk: Chunk) -> UnderWay:
        elsewhere = self._elsewhere()
        act = self._accept(chunk.entries, elsewhere)
        if elsewhere:
            return Done(elsewhere.run(act, self.settings))
        return self._shards.all[chunk.shard].begin(act)

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


class AsyncClient(BaseClient):
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
            return one((await self._hand_in([self._intake.entry(message, trace)]))[0])

    async def send_many(self, messages: Iterable[Message | Mapping[str, Any]]) -> list[str]:
        """Accept many messages; see Client.send_many."""
        with tracing.sending() as trace:
            batch = Batch(self._intake, messages, trace)
            await hand_in_async(batch, lambda chunk: self._hand_in(chunk.entries))
            return batch.result()

    async def status(self, message_id: str) -> Snapshot:
        """Return what is known of a message; see Client.status."""
        act = acts.find([asked(message_id)])
        return self._snapshot(message_id, await self._seek(message_id, act, some))

    async def explain(self, message_id: str) -> Life:
        """Return every step of a message; see Client.explain."""
        act = self._explain(message_id)
        found = await self._seek(message_id, act, lambda answer: answer is not None)
        return self._life(message_id, found)

    async def cancel(self, message_id: str) -> bool:
        """Take a message back; see Client.cancel."""
        act = acts.cancel(asked(message_id))
        done, status = await self._seek(message_id, act, known)
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
