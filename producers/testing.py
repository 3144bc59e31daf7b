"""Outbox: the messages of a web app under test, kept in memory instead of Redis.

    from producers.testing import Outbox

    with Outbox() as outbox, outbox.catching():
        ...                                     # every Client and AsyncClient of this process
        assert outbox.last.text == "【信使】您的包裹已到"
        outbox.deliver(outbox.last.id)          # what a vendor would have said in the end

With pytest the fixture ``xinshi_outbox`` is that outbox. Checks, errors, idempotency keys and
statuses are those of the real clients: the same code runs, only what would go to Redis does not.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

import msgspec

from producers.base import utc_now
from producers.client import AsyncClient, Client
from producers.diversion import diverted
from producers.ids import new_id
from producers.memory import Kept, Memory
from worker.contract import record as packing
from worker.contract import signing
from worker.contract.happenings import Event
from worker.contract.recipient import mask
from worker.contract.settings import Settings
from worker.contract.status import Status, Stream


@dataclass(frozen=True, slots=True)
class Sent:
    """One message as it stood when the outbox was asked."""

    id: str
    to: str = field(repr=False)  #: E.164, +8613800138000
    text: str = field(repr=False)  #: as it would leave: rendered, 【signature】 in front
    stream: Stream
    status: Status
    template: str  #: its name, or empty
    params: Mapping[str, str] = field(repr=False)
    signature: str  #: without 【】, or empty
    account: str  #: the one it was pinned to or submitted by, or empty
    tag: str
    code: str  #: the vendor's last word, as a test had it said

    @classmethod
    def of(cls, kept: Kept) -> Self:
        record, content = kept.record, packing.content(kept.record)
        return cls(
            id=kept.id,
            to=record.to,
            text=kept.text,
            stream=record.stream,
            status=record.status,
            template=content.template,
            params=content.params,
            signature=content.signature,
            account=record.account or record.pin,
            tag=record.tag,
            code=record.code,
        )

    def __str__(self) -> str:
        return f"{self.id} to {mask(self.to)}: {self.status}"


class Outbox(Client):
    """A Client without Redis, and what was sent through it or caught from an app's clients.

    ``aio`` is the AsyncClient on the same messages. Templates and routes are known where
    ``config`` (or XINSHI_CONFIG, or ./xinshi.toml) has them, as with any client. Not usable:
    what only a worker does.
    """

    def __init__(
        self,
        config: str | Path | Settings | None = None,
        *,
        clock: Callable[[], datetime] = utc_now,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        """Read the settings; raise SettingsError."""
        self._memory = Memory(clock)
        seams = {"clock": clock, "new_id": new_id, "diversion": self._memory}
        super().__init__(None, config, **seams)
        self.aio = AsyncClient(None, self.settings, **seams)

    @contextmanager
    def catching(self) -> Iterator[Self]:
        """Put the messages of every client of this process here, whenever it was made.

        An app's client keeps its own settings: its templates, its routes, its checks.
        """
        with diverted(self._memory):
            yield self

    @property
    def messages(self) -> list[Sent]:
        """What was accepted, in order; a repeated idempotency key adds nothing."""
        return [Sent.of(kept) for kept in self._memory.all()]

    @property
    def last(self) -> Sent:
        """The latest message; raises LookupError where there is none."""
        messages = self.messages
        if not messages:
            raise LookupError("the outbox is empty")
        return messages[-1]

    def clear(self) -> None:
        """Forget everything, the idempotency keys included."""
        self._memory.clear()

    def submit(self, message_id: str, *, account: str = "") -> Sent:
        """Let a vendor take it: submitted. ``account``: else its pin, or the first of its route."""
        return self._played(message_id, Status.SUBMITTED, account=account)

    def deliver(self, message_id: str) -> Sent:
        """Let the handset confirm it: delivered."""
        return self._played(message_id, Status.DELIVERED)

    def fail(
        self, message_id: str, *, code: str = "", status: Status | str = Status.UNDELIVERED
    ) -> Sent:
        """Let it end badly: undelivered, or another ``status`` (rejected, expired, unknown...).

        ``code`` is the vendor's word for it. Raises ValueError where the message cannot end so
        any more, and NotFoundError.
        """
        return self._played(message_id, Status(status), code=code)

    def webhook(self, message_id: str, secret: str) -> tuple[bytes, dict[str, str]]:
        """Return the request, body and headers, that tells an app the status of a message now.

        ``secret``: ``whsec_...``, as the app verifies with. Raises NotFoundError, ValueError.
        """
        event = _event(self._memory.get(message_id))
        at = event.to_dict()["at"]
        body = msgspec.json.encode({"type": event.type, "timestamp": at, "data": event.data})
        webhook_id, sent = f"evt_{event.id}", str(int(time.time()))
        return body, {
            "Content-Type": "application/json",
            signing.ID: webhook_id,
            signing.TIMESTAMP: sent,
            signing.SIGNATURE: signing.sign(signing.key(secret), webhook_id, sent, body),
        }

    def _played(self, message_id: str, goal: Status, *, account: str = "", code: str = "") -> Sent:
        return Sent.of(self._memory.play(message_id, goal, account=account, code=code))


def _event(kept: Kept) -> Event:
    """Return the event of the status that a message has now."""
    record = kept.record
    data: dict[str, object] = {
        "id": kept.id,
        "status": str(record.status),
        "stream": str(record.stream),
        "account": record.account,
        "to": mask(record.to),
        "tag": record.tag,
        "reason": record.reason,
        "code": record.code,
        "attempts": record.attempts,
        "segments": record.segments,
        "vendor_message_id": record.vendor_message_id,
    }
    return Event(f"{record.updated}-{len(record.trail)}", str(record.status), record.updated, data)
