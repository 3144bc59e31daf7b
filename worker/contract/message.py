"""Message: one text to one recipient, as a producer asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from worker.contract import recipient
from worker.contract.durations import BEIJING, seconds
from worker.contract.errors import MessageError
from worker.contract.status import Stream

_STREAMS = frozenset(Stream)
_MAX_KEY, _MAX_TAG = 200, 64
_MAX_TEXT = 10_000  # characters; no vendor takes more


@dataclass(frozen=True, slots=True)
class Message:
    """One text to one recipient. Checked when it is made: MessageError names field and rule.

    What depends on the settings (templates, accounts, a vendor's longest text, the clock) is
    checked when it is sent.
    """

    to: str = field(repr=False)  #: any usual form of a mainland mobile; kept as +8613800138000
    text: str | None = field(default=None, repr=False)  #: either this ...
    template: str | None = field(default=None, kw_only=True)  #: ... or the name of a template
    params: Mapping[str, str] | None = field(default=None, kw_only=True, repr=False)
    signature: str | None = field(default=None, kw_only=True)  #: the brand, without 【】
    stream: str = field(default=Stream.NOTICE, kw_only=True)
    account: str | None = field(default=None, kw_only=True)  #: pins one account: no failover
    idempotency_key: str | None = field(default=None, kw_only=True)
    #: the same key within a day gives the first message's id and sends nothing
    send_at: datetime | str | None = field(default=None, kw_only=True)
    #: kept aware; a time without a zone is Asia/Shanghai
    validity: float | str | timedelta | None = field(default=None, kw_only=True)
    #: kept in seconds; counted from send_at
    tag: str | None = field(default=None, kw_only=True)  #: the producer's own label

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "to", recipient.parse(self.to))
        _check_content(self)
        if not isinstance(self.stream, str) or self.stream not in _STREAMS:
            raise MessageError("stream", f"unknown; there are {', '.join(Stream)}")
        if self.params is not None:
            put(self, "params", _params(self.params))
        if self.signature is not None:
            put(self, "signature", _signature(self.signature))
        if self.send_at is not None:
            put(self, "send_at", _time(self.send_at))
        if self.validity is not None:
            put(self, "validity", _validity(self.validity))
        _check_text("account", self.account, _MAX_TAG)
        _check_text("idempotency_key", self.idempotency_key, _MAX_KEY)
        _check_text("tag", self.tag, _MAX_TAG)

    @classmethod
    def of(cls, values: "Message | Mapping[str, Any]") -> "Message":
        """Return the message itself, or the one that a mapping of its fields describes."""
        if isinstance(values, Message):
            return values
        if not isinstance(values, Mapping):
            raise MessageError("message", "must be a Message or a mapping of its fields")
        for name in values:
            if name not in _FIELDS:
                raise MessageError(str(name)[:40], f"unknown field; there are {', '.join(_FIELDS)}")
        if "to" not in values:
            raise MessageError("to", "missing")
        return cls(**values)


_FIELDS = tuple(each.name for each in fields(Message))


def _check_content(message: Message) -> None:
    if (message.text is None) == (message.template is None):
        raise MessageError("text", "give either a text or a template, not both and not neither")
    if message.text is not None:
        if not isinstance(message.text, str) or not message.text.strip():
            raise MessageError("text", "must not be empty")
        if message.params:
            raise MessageError("params", "belong to a template; this message has a text")
        _check_length("text", message.text)
    elif not isinstance(message.template, str) or not message.template:
        raise MessageError("template", "must be the name of a template")


def _check_length(name: str, text: str) -> None:
    if len(text) > _MAX_TEXT:
        raise MessageError(name, f"at most {_MAX_TEXT} characters")
    _encodable(name, text)


def _encodable(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MessageError(name, "holds half a surrogate pair; it is no valid text") from error


def _params(params: object) -> dict[str, str]:
    if not isinstance(params, Mapping):
        raise MessageError("params", "must be a mapping of names to texts")
    found = {}
    for name, value in params.items():
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise MessageError(f"params.{name}", "must be a string")
        _encodable("params", str(name))
        found[str(name)] = str(value)
        _check_length(f"params.{name}", found[str(name)])
    return found


def _signature(text: object) -> str:
    if not isinstance(text, str):
        raise MessageError("signature", "must be a string")
    bare = text.strip().removeprefix("【").removesuffix("】")
    if not bare or "【" in bare or "】" in bare:
        raise MessageError("signature", "is the brand alone, without 【】 inside, and not empty")
    _encodable("signature", bare)
    return bare


def _time(value: object) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise MessageError(
                "send_at", "not a time in ISO 8601, 2026-11-20T09:30+08:00"
            ) from error
    if not isinstance(value, datetime):
        raise MessageError("send_at", "must be a datetime or a text in ISO 8601")
    return value if value.tzinfo else value.replace(tzinfo=BEIJING)


def _validity(value: object) -> float:
    try:
        return seconds(value)
    except ValueError as error:
        raise MessageError("validity", str(error)) from error


def _check_text(name: str, value: object, most: int) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not value.strip():
        raise MessageError(name, "must not be empty")
    if len(value) > most:
        raise MessageError(name, f"at most {most} characters")
    _encodable(name, value)
