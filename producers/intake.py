"""Intake: from a producer's Message to the store's Entry, or a MessageError that says why not."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec

from worker.contract.durations import seconds
from worker.contract.errors import BatchError, ConflictError, MessageError, StoreError
from worker.contract.message import Message
from worker.contract.record import Content
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

    def entry(self, message: Message) -> Entry:
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
            id=self._new_id(),
            key=message.idempotency_key or "",
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


class Batch:
    """Messages on their way: the good ones as entries, the others as errors by their place."""

    def __init__(self, intake: Intake, messages: Iterable[Message | Mapping[str, Any]]) -> None:
        self.entries: list[Entry] = []
        self.ids: list[str | None] = []
        self.errors: dict[int, MessageError] = {}
        self._places: list[int] = []
        for place, values in enumerate(messages):
            self.ids.append(None)
            try:
                self.entries.append(intake.entry(Message.of(values)))
                self._places.append(place)
            except MessageError as error:
                self.errors[place] = error

    def note(self, first: int, answers: Iterable[Accepted]) -> None:
        """Keep the store's answers for the entries from ``first`` on."""
        for place, answer in zip(self._places[first:], answers, strict=False):
            if answer.state == "conflict":
                self.errors[place] = ConflictError(answer.id)
            else:
                self.ids[place] = answer.id

    @contextmanager
    def known(self) -> Iterator[None]:
        """Let a StoreError say what of the batch is surely stored."""
        try:
            yield
        except StoreError as error:
            error.ids = list(self.ids)
            raise

    def result(self) -> list[str]:
        """Return the ids in order; raise BatchError where a message was refused."""
        if self.errors:
            raise BatchError(self.ids, self.errors)
        return [message_id for message_id in self.ids if message_id is not None]
