"""Intake: from a producer's Message to the store's Entry, or a MessageError that says why not."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    """Some entries that one shard accepts in one step, and their places in the batch."""

    shard: int
    entries: list[Entry]
    places: list[int]


class Batch:
    """Messages on their way, and what became of each: its id, or an error by its place."""

    def __init__(
        self, intake: Intake, messages: Iterable[Message | Mapping[str, Any]], trace: str = ""
    ) -> None:
        self._intake = intake
        self._messages = list(messages)  # all of them: nothing is stored where that fails
        self._trace = trace
        self.ids: list[str | None] = [None] * len(self._messages)
        self.errors: dict[int, MessageError] = {}
        self._lost: dict[int, StoreError] = {}

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Check the messages; yield those of a shard whenever there are enough, then the rest.

        What goes to a shard that did not answer once is checked and not yielded.
        """
        placing = self._intake.placing
        homes: dict[int, Chunk] = {}
        for place, values in enumerate(self._messages):
            try:
                entry = self._intake.entry(Message.of(values), self._trace)
            except MessageError as error:
                self.errors[place] = error
                continue
            shard = placing.of(entry.to)
            chunk = homes.setdefault(shard, Chunk(shard, [], []))
            chunk.entries.append(entry)
            chunk.places.append(place)
            if len(chunk.entries) == size:
                yield from self._wanted(homes.pop(shard))
        for chunk in homes.values():
            yield from self._wanted(chunk)

    def _wanted(self, chunk: Chunk) -> Iterator[Chunk]:
        if chunk.shard not in self._lost:
            yield chunk

    def note(self, chunk: Chunk, answers: Iterable[Accepted]) -> None:
        """Keep the store's answers."""
        for place, answer in zip(chunk.places, answers, strict=True):
            if answer.state == "conflict":
                self.errors[place] = ConflictError(answer.id)
            else:
                self.ids[place] = answer.id

    def lose(self, shard: int, error: StoreError) -> None:
        """Note that a shard did not answer, for its messages; the others go on."""
        self._lost.setdefault(shard, error)

    def is_lost(self, shard: int) -> bool:
        return shard in self._lost

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
        errors = list(self._lost.values())
        error = errors[0]
        if len(self._intake.placing) > 1:
            stored = sum(each is not None for each in self.ids)
            said = "; ".join(dict.fromkeys(str(each) for each in errors))
            found = StoreError(f"{said} ({stored} of {len(self.ids)} messages are stored: see ids)")
            found.__cause__ = error.__cause__
            error = found
        error.ids = list(self.ids)
        return error
