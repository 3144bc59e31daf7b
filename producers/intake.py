"""Intake: from a producer's Message to the store's Entry, or a MessageError that says why not."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from worker.contract.durations import seconds
from worker.contract.errors import BatchError, ConflictError, MessageError, StoreError
from worker.contract.message import Message
from worker.contract.record import Content, sign
from worker.contract.segments import count, length, signed
from worker.contract.settings import Settings, Template
from worker.contract.status import Stream
from worker.store.acts import Accepted, Entry
from worker.vendors.base import Vendor

_encode = msgspec.json.Encoder().encode
_FAR = 366 * 86400.0  # seconds that a send_at may lie ahead: what is later is a slip
_GRACE = 5.0  # seconds that a send_at may lie in the past: clocks differ, requests take time


class Intake:
    """Checks messages against the settings; the clock and the ids are handed in."""

    def __init__(
        self,
        settings: Settings,
        vendors: Mapping[str, Vendor],
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._vendors = vendors
        self._clock = clock
        self._new_id = new_id
        self.placing = settings.placing
        self._aliases = settings.privacy.aliases
        self.number_key = self._aliases.print  #: tells which one the aliases have

    def entry(self, message: Message, trace: str = "") -> Entry:
        """Return what to store of a message; raise MessageError naming field and rule."""
        settings = self._settings
        template = self._template(message)
        content = Content(
            text=message.text or "",
            template=message.template or "",
            params=dict(sorted((message.params or {}).items())),  # one digest, whatever the order
            signature=message.signature
            or (template.signature if template else "")
            or settings.signature,
        )
        text = template.render(content.params) if template else content.text
        if self._vendors:
            self._check_accounts(message, content, template)
        units = length(signed(text, content.signature))
        encoded = _encode(content)
        validity = message.validity or settings.streams[Stream(message.stream)].validity
        return Entry(
            id=self.placing.marked(self._new_id(), message.to),
            key=self._aliases.once(message.idempotency_key or ""),
            digest=_digest(message, encoded) if message.idempotency_key else "-",
            stream=message.stream,
            to=message.to,
            content=encoded,
            length=units,
            segments=count(units),
            template=content.template,
            pin=message.account or "",
            tag=message.tag or "",
            due=self._due(message),
            validity=int(seconds(validity) * 1000),
            trace=trace,
            alias=self._aliases.number(message.to),
            sign=sign(content, text),
        )

    def _template(self, message: Message) -> Template | None:
        if message.template is None:
            return None
        template = self._settings.templates.get(message.template)
        if template is None:
            known = ", ".join(self._settings.templates) or "none in the settings"
            raise MessageError("template", f"unknown; there are {known}")
        given = message.params or {}
        if missing := [name for name in template.placeholders if name not in given]:
            raise MessageError(f"params.{missing[0]}", f"missing for template {message.template}")
        if extra := [name for name in given if name not in template.placeholders]:
            raise MessageError(f"params.{extra[0]}", f"not in template {message.template}")
        return template

    def _check_accounts(
        self, message: Message, content: Content, template: Template | None
    ) -> None:
        """Refuse what no account of its route could carry."""
        names: Sequence[str] = self._settings.route(Stream(message.stream))
        if message.account is not None:
            if message.account not in self._vendors:
                raise MessageError("account", f"unknown; there are {', '.join(self._vendors)}")
            names = (message.account,)
        refusals = {}
        for name in names:
            vendor = self._vendors[name]
            refusal = vendor.refuse(vendor.outgoing("", message.to, content, template))
            if refusal is None:
                return
            refusals[name] = refusal
        rules = "; ".join(f"{name}: {rule}" for name, rule in refusals.items())
        raise MessageError("template" if template else "text", f"no account can carry it ({rules})")

    def _due(self, message: Message) -> int:
        if not isinstance(message.send_at, datetime):
            return 0
        ahead = (message.send_at - self._clock()).total_seconds()
        if ahead < -_GRACE:
            raise MessageError("send_at", "is in the past")
        if ahead > _FAR:
            raise MessageError("send_at", "is more than a year ahead")
        return int(message.send_at.timestamp() * 1000)


def _digest(message: Message, content: bytes) -> str:
    """Return what two messages under one idempotency key must share."""
    said = "\n".join((message.to, message.stream, message.account or "")).encode()
    return hashlib.blake2b(said + b"\n" + content, digest_size=9).hexdigest()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some entries that are accepted in one step, and their places in the batch."""

    entries: list[Entry]
    places: list[int]


class Batch:
    """Messages on their way: the good ones as entries, the others as errors by their place."""

    def __init__(
        self, intake: Intake, messages: Iterable[Message | Mapping[str, Any]], trace: str = ""
    ) -> None:
        self.ids: list[str | None] = []
        self.errors: dict[int, MessageError] = {}
        self._homes: dict[int, Chunk] = {}  # all that goes to a shard
        self._placing = intake.placing
        self._lost: list[StoreError] = []
        for place, values in enumerate(messages):
            self.ids.append(None)
            try:
                entry = intake.entry(Message.of(values), trace)
            except MessageError as error:
                self.errors[place] = error
                continue
            home = self._homes.setdefault(self._placing.of(entry.to), Chunk([], []))
            home.entries.append(entry)
            home.places.append(place)

    @property
    def shards(self) -> list[int]:
        """Those that messages go to."""
        return list(self._homes)

    def chunks(self, shard: int, size: int) -> Iterator[Chunk]:
        """Yield what goes to a shard, a part at a time."""
        home = self._homes[shard]
        for first in range(0, len(home.entries), size):
            last = first + size
            yield Chunk(home.entries[first:last], home.places[first:last])

    def note(self, chunk: Chunk, answers: Iterable[Accepted]) -> None:
        """Keep the store's answers."""
        for place, answer in zip(chunk.places, answers, strict=True):
            if answer.state == "conflict":
                self.errors[place] = ConflictError(answer.id)
            else:
                self.ids[place] = answer.id

    @contextmanager
    def known(self) -> Iterator[None]:
        """Note that a shard did not answer, for its messages; the others may go on."""
        try:
            yield
        except StoreError as error:
            self._lost.append(error)

    def result(self) -> list[str]:
        """Return the ids in order; raise BatchError where a message was refused.

        Raises StoreError where a server did not answer, which says what is surely stored.
        """
        if self._lost:
            raise self._doubt()
        if self.errors:
            raise BatchError(self.ids, self.errors)
        return [message_id for message_id in self.ids if message_id is not None]

    def _doubt(self) -> StoreError:
        error = self._lost[0]
        if len(self._placing) > 1:
            stored = sum(each is not None for each in self.ids)
            said = "; ".join(dict.fromkeys(str(each) for each in self._lost))
            found = StoreError(f"{said} ({stored} of {len(self.ids)} messages are stored: see ids)")
            found.__cause__ = error.__cause__
            error = found
        error.ids = list(self.ids)
        return error
