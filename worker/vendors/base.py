"""The words every adapter uses. An adapter is pure: it builds a request and reads an answer."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from worker.contract.errors import SettingsError
from worker.contract.events import DeliveryReport, Inbound, Raw
from worker.contract.recipient import national
from worker.contract.record import Content
from worker.contract.segments import length, signature_in, signed
from worker.contract.settings import Account, Template
from worker.contract.status import Status

T = TypeVar("T")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")


class Outcome(StrEnum):
    """What one submit came to, for one recipient."""

    SUBMITTED = "submitted"  #: taken; a report may follow
    REJECTED = "rejected"  #: this text or number will never pass here
    BARRED = "barred"  #: the recipient is on a blacklist here
    CAPPED = "capped"  #: the recipient has had enough for now
    THROTTLED = "throttled"  #: we are too fast; this was no attempt
    UNAVAILABLE = "unavailable"  #: the vendor is in trouble and did not take it
    SUSPENDED = "suspended"  #: our account is unusable: credentials, balance, address
    REFUSED = "refused"  #: not taken, and the vendor does not say why
    UNKNOWN = "unknown"  #: it may have been taken


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One message as an adapter sees it: rendered, ready to be put into a request."""

    id: str  #: ours
    number: str  #: eleven digits
    text: str = ""  #: rendered, without the signature
    signature: str = ""  #: without brackets
    params: Mapping[str, str] = {}  #: of the template
    form: Mapping[str, Any] = {}  #: the template as this vendor knows it

    def __repr__(self) -> str:
        return f"Outgoing(id={self.id!r}, signature={self.signature!r})"


class Submission(msgspec.Struct, frozen=True):
    """The vendor's answer about one recipient."""

    outcome: Outcome
    vendor_message_id: str = ""
    code: str = ""  #: the vendor's own, kept as it came
    reason: str = ""  #: ours, short; never the vendor's text, which may quote the message
    alarm: bool = False  #: a human must see this (template, signature, credentials, our bug)
    split: bool = False  #: too many numbers in one call: submit again in smaller batches
    drained: bool = False  #: the account is unusable because its money or package is used up
    left: "Balance | None" = None  #: what the answer tells in passing, on its first submission


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer. Header names are in lower case."""

    status: int
    body: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def json(self) -> Any:
        """Return the decoded body; raise Unreadable."""
        return decode(self.body)


class Unreadable(ValueError):  # noqa: N818 - it reads as a verdict
    """The answer is none the vendor's document knows. After a submit this means UNKNOWN."""


def decode(body: str) -> Any:
    """Return what a JSON text says; raise Unreadable, also where it is nested without end."""
    try:
        return msgspec.json.decode(body.removeprefix("\ufeff"))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise Unreadable("the body is not JSON") from error


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One HTTP call: what to ask, and how to read the answer.

    ``read`` raises Unreadable for an answer that it does not understand, and nothing else.
    """

    read: Callable[[Response], T] = field(repr=False)
    method: str
    url: str  #: without query; holds no secret
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Balance:
    amount: Decimal
    unit: str  #: "messages" or "yuan"
    postpaid: bool = False  #: a negative amount is normal


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a query by our own id."""

    found: bool
    code: str = ""  #: the vendor's word for its state
    status: Status | None = None  #: what that means, where it is known to mean something


@dataclass(frozen=True, slots=True)
class Code:
    """What one vendor code means to us."""

    outcome: Outcome
    reason: str
    alarm: bool = False
    drained: bool = False  #: the money or the package is used up


class Vendor(ABC):
    """Translates between our words and one vendor's HTTP API."""

    default_url: ClassVar[str] = ""  #: empty: the account must say it
    credentials: ClassVar[tuple[str, ...]]  #: the settings that an account must have
    options: ClassVar[Mapping[str, str | int | bool]] = {}  #: those it may have, with defaults
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}  #: the words an option must be one of
    ranges: ClassVar[Mapping[str, tuple[int, int]]] = {}  #: what a whole number must lie within
    codes: ClassVar[Mapping[str, Code]] = {}  #: the vendor's own; one not listed is REFUSED
    batch: ClassVar[int] = 1  #: recipients that one call may carry
    max_length: int  #: characters of a text with its signature; an option of this name wins
    signature_counts: bool = True  #: towards max_length
    templates_only: bool = False  #: carries a template's form, never a free text
    needs_signature: ClassVar[bool] = False  #: the text itself must begin with 【signature】
    form_keys: ClassVar[tuple[str, ...]] = ()  #: what a template's form for this vendor must have
    form_options: ClassVar[tuple[str, ...]] = ()  #: what it may have
    per_number: ClassVar[tuple[str, ...]] = ()  #: default windows to one number: "1/60s", "15/day"
    per_second: ClassVar[float | None] = None  #: default rate of an account
    concurrency: ClassVar[int | None] = None  #: default submits in flight
    reported: bool = False  #: delivery reports exist; else `submitted` is the end
    windows: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    #: throttle code -> how long it blocks the number, at the first hit, the second, ...

    def __init__(
        self, name: str, account: Account, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Raise SettingsError where the account lacks a credential or has an unknown key."""
        given = account.options
        for key in self.credentials:
            if given.get(key) in (None, ""):
                raise SettingsError(f"vendors.{name}.{key}", f"missing; {account.adapter} needs it")
        for key in given:
            if key not in self.credentials and key not in self.options:
                raise SettingsError(f"vendors.{name}.{key}", f"unknown key for {account.adapter}")
        self.name = name
        self.adapter = account.adapter
        self.clock = clock
        self.base_url = self._address(account)
        self._options = {**self.options, **given}
        for key, value in self._options.items():
            if rule := self._wrong(key, value):
                raise SettingsError(f"vendors.{name}.{key}", rule)
        if "max_length" in self.options:
            self.max_length = self.number("max_length")

    def _address(self, account: Account) -> str:
        key, address = f"vendors.{self.name}.base_url", account.base_url or self.default_url
        if not address:
            raise SettingsError(key, f"missing; {account.adapter} has no fixed address")
        if any(mark in address for mark in "?#@"):  # an address is logged and shown
            raise SettingsError(key, "must be without query, fragment or user name")
        return address.rstrip("/")

    def _wrong(self, key: str, value: object) -> str | None:
        """Return the rule a setting breaks; its type is that of the option's default."""
        default, text = self.options.get(key, ""), str(value)
        if isinstance(default, bool):
            return None if text.lower() in _YES + _NO else "must be true or false"
        if isinstance(default, int):
            least, most = self.ranges.get(key, (0, 1_000_000))
            whole = not isinstance(value, bool) and text.isascii() and text.isdecimal()
            right = whole and len(text) < 8 and least <= int(text) <= most  # noqa: PLR2004
            return None if right else f"must be a whole number from {least} to {most}"
        if isinstance(value, bool) or _CONTROL.search(text):
            return "must be a text without line ends or other control characters"
        if key in self.choices and text not in self.choices[key]:
            return f"must be one of {', '.join(self.choices[key])}"
        return None

    def option(self, key: str) -> str:
        """Return a credential or option as text."""
        return str(self._options[key])

    def flag(self, key: str) -> bool:
        """Return a yes-or-no option."""
        return str(self._options[key]).lower() in _YES

    def number(self, key: str) -> int:
        """Return an option that is a whole number."""
        return int(self._options[key])

    def __repr__(self) -> str:
        return f"<{type(self).__module__} account {self.name!r}>"

    def outgoing(
        self, message_id: str, to: str, content: Content, template: Template | None
    ) -> Outgoing:
        """Return a message as this account would carry it; ``template`` is its own, or None."""
        if template is None:
            return Outgoing(
                id=message_id,
                number=national(to),
                text=content.text,
                signature=content.signature,
            )
        forms = template.forms
        return Outgoing(
            id=message_id,
            number=national(to),
            text=template.render(content.params),
            signature=content.signature,
            params=content.params,
            form=forms.get(self.name) or forms.get(self.adapter) or {},
        )

    def own_signature(self) -> str:
        """Return the brand that the vendor puts in front of messages without a signature."""
        return ""

    def refuse(self, message: Outgoing) -> str | None:
        """Return the rule that keeps this vendor from carrying the message, or None."""
        if self.templates_only:
            if not message.form:
                return "this account carries templates only"
            try:
                self.check_form(message.form, message.params, "form")
            except SettingsError as error:
                return str(error)
        text = signed(message.text, message.signature if self.signature_counts else "")
        if self.needs_signature and not signature_in(text):
            return "no signature: this account needs one in front of the text"
        if (units := length(text)) > self.max_length:
            return f"{units} characters with the signature; at most {self.max_length}"
        return None

    def check_form(
        self, form: Mapping[str, Any], placeholders: Collection[str], key: str = "form"
    ) -> None:
        """Raise SettingsError where a template's form cannot be sent; it stands at ``key``."""
        for name in self.form_keys:
            if form.get(name) in (None, ""):
                raise SettingsError(f"{key}.{name}", "missing")
        for name, value in form.items():
            if name not in self.form_keys + self.form_options:
                raise SettingsError(f"{key}.{name}", "unknown key")
            if name == "params":
                _check_params(value, placeholders, f"{key}.{name}")
            elif isinstance(value, bool) or not isinstance(value, str | int):
                raise SettingsError(f"{key}.{name}", "must be a string or a whole number")

    def group(self, message: Outgoing) -> Hashable:
        """Return what messages must share to travel in one call."""
        return (message.text, message.signature)

    @abstractmethod
    def submit(self, messages: Sequence[Outgoing]) -> Call[list[Submission]]:
        """Return the call that submits these messages (one group, at most ``batch``).

        Its answer has one Submission a message, in the order given.
        """

    def balance(self) -> Call[Balance] | None:
        """Return the call that asks for the balance, or None where the vendor has none."""
        return None

    def query(self, message_id: str) -> Call[Found] | None:
        """Return the call that asks what became of one of our ids, or None."""
        del message_id
        return None

    def polls(self) -> Mapping[str, Call[Raw]]:
        """Return the calls that fetch waiting reports and inbound messages, by kind."""
        return {}

    def more(self, raw: Raw) -> bool:
        """Return whether the polled page was full, so that another waits behind it."""
        del raw
        return False

    def empty(self, raw: Raw) -> bool:
        """Return whether a polled page surely holds nothing."""
        del raw
        return False

    def verify(self, raw: Raw) -> bool:
        """Return whether a callback is genuine, as far as this vendor lets us tell."""
        del raw
        return False

    def acknowledge(self) -> str:
        """Return the body that the vendor wants to hear after a callback."""
        return ""

    def reports(self, raw: Raw) -> Iterable[DeliveryReport]:
        """Return the delivery reports in a callback or page; raise Unreadable."""
        del raw
        return ()

    def inbound(self, raw: Raw) -> Iterable[Inbound]:
        """Return the inbound messages in a callback or page; raise Unreadable."""
        del raw
        return ()


def _check_params(value: object, placeholders: Collection[str], key: str) -> None:
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise SettingsError(key, "must be a list of the names of parameters, in the vendor's order")
    for name in value:
        if name not in placeholders:
            raise SettingsError(key, f"the template has no parameter {name!r}")
