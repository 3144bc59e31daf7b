"""Zhenzi 榛子云: free text (v1) or templates (v2), and a query by our own id.

It lacks inbound messages and an id of its own: ours goes along as messageId, which must not
repeat and demands that a callback address is set for the application. The form of that callback
is documented nowhere and nothing signs it, so what it says is a hint until the query confirms it.
Its clientIp, the end user's address, is not sent: a message does not know it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

import msgspec

from worker.contract.events import DeliveryReport, Raw
from worker.contract.segments import signed
from worker.contract.settings import Account
from worker.contract.status import Status
from worker.vendors import _operators
from worker.vendors._callbacks import OPTIONS, Pushed
from worker.vendors._operators import State
from worker.vendors._reading import (
    OK,
    UNLISTED,
    http,
    optional,
    record,
    shown,
    verdict,
    whole,
    word,
)
from worker.vendors.base import (
    Balance,
    Call,
    Code,
    Found,
    Outcome,
    Outgoing,
    Response,
    Submission,
    Unreadable,
    decode,
)

T = TypeVar("T")
_SENT = State(Status.SUBMITTED, "sent, says the vendor")
_FAILED = State(Status.UNDELIVERED, "failed, says the vendor")
_REPEATED = Code(Outcome.UNKNOWN, "our id was used before: ask what became of it")


class Adapter(Pushed):
    default_url = "https://sms.zhenzikj.com"  # personal accounts have a host of their own
    credentials = ("app_id", "app_secret")
    options: ClassVar = {
        "api": "v1",
        "signature_in_text": False,  # the signature belongs to the application, in the console
        "send_message_id": True,
        "callback_ack": "success",
        "callback_success": "delivered",  # what a callback's success means; the query says less
        **OPTIONS,
    }
    choices: ClassVar = {"api": ("v1", "v2"), "callback_success": ("delivered", "submitted")}
    max_length = 1000
    form_keys = ("template_id", "params")
    windows: ClassVar = {"109": ("day",)}
    codes: ClassVar[Mapping[str, Code]] = {
        "0": Code(Outcome.SUBMITTED, ""),
        "100": Code(Outcome.REJECTED, "a parameter is malformed or the number empty"),
        "101": Code(Outcome.REJECTED, "more than 1000 characters"),
        "105": Code(Outcome.SUSPENDED, "no such application"),
        "106": Code(Outcome.SUSPENDED, "the application is forbidden"),
        "107": Code(Outcome.SUSPENDED, "our address is not allowed"),
        "108": Code(Outcome.SUSPENDED, "the balance is used up", drained=True),
        "109": Code(Outcome.CAPPED, "too many today for this number"),
        "110": Code(Outcome.SUSPENDED, "the application's secret is wrong"),
        "111": Code(Outcome.SUSPENDED, "no such account"),
        "117": Code(Outcome.REJECTED, "the template is wrong or not approved", alarm=True),
        "1000": Code(Outcome.UNAVAILABLE, "a fault of the vendor's system"),
    }
    words: ClassVar[Mapping[str, Code]] = {
        # No code is documented for an id used twice or sent without a callback address.
        "重复": _REPEATED,
        "已存在": _REPEATED,
        "回调": Code(Outcome.SUSPENDED, "messageId needs a callback address in the console"),
    }
    states: ClassVar[Mapping[str, State]] = {
        "fail": _FAILED,
        "failed": _FAILED,
        "failure": _FAILED,
        "error": _FAILED,
        "delivered": _operators.DELIVERED,
    }

    def __init__(
        self, name: str, account: Account, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(name, account, clock)
        self.templates_only = self.option("api") == "v2"
        self.signature_counts = self.flag("signature_in_text")
        self.reported = self.flag("send_message_id")  # without an id nothing joins a callback

    def submit(self, messages: Sequence[Outgoing]) -> Call[list[Submission]]:
        (message,) = messages
        own = {"messageId": message.id} if self.flag("send_message_id") else {}
        path = "/sms/v2/send.do" if self.templates_only else "/sms/send.do"
        form = {"number": message.number, **self._content(message), **own}
        return self._call(path, form, lambda response: [self._verdict(response, own)])

    def balance(self) -> Call[Balance]:
        return self._call("/account/balance.do", {}, _balance)

    def query(self, message_id: str) -> Call[Found] | None:
        """Ask by our own id. What is found was sent; whether it arrived is not documented."""
        if not self.flag("send_message_id"):
            return None
        form = {"messageId": message_id}
        return self._call(
            "/smslog/findSmsByMessageId.do", form, lambda response: _found(response, message_id)
        )

    def verify(self, raw: Raw) -> bool:
        """Check the token or address where one was agreed; else let any callback pass.

        Its reports are hints, so a forged one costs a query and changes nothing.
        """
        return self.agrees(raw) is not False

    def reports(self, raw: Raw) -> Iterator[DeliveryReport]:
        given = {key.lower(): value for key, value in _given(raw).items()}
        own = optional(given.get("messageid"))
        if not own:
            raise Unreadable("a callback without messageId")
        told = (optional(given.get(key)) for key in ("status", "state", "code"))
        code = shown(next(filter(None, told), ""))
        state = self._state(code)
        yield DeliveryReport(own, "", state.status, code, state.reason, hint=True)

    def _state(self, code: str) -> State:
        """Return what a callback's word means; one never seen means sent, and no more."""
        if code.lower() in ("success", "0"):
            delivered = self.option("callback_success") == "delivered"
            return _operators.DELIVERED if delivered else _SENT
        if found := self.states.get(code.lower()):
            return found
        return _operators.WORDS.get(code.upper(), _SENT)

    def _content(self, message: Outgoing) -> dict[str, str]:
        if self.templates_only:
            params = [message.params[name] for name in message.form["params"]]
            return {
                "templateId": str(message.form["template_id"]),
                "templateParams": msgspec.json.encode(params).decode(),
            }
        brand = message.signature if self.flag("signature_in_text") else ""
        return {"message": signed(message.text, brand)}

    def _call(self, path: str, form: Mapping[str, str], read: Callable[[Response], T]) -> Call[T]:
        keys = {"appId": self.option("app_id"), "appSecret": self.option("app_secret")}
        return Call(read, "POST", f"{self.base_url}{path}", form={**keys, **form})

    def _verdict(self, response: Response, own: Mapping[str, str]) -> Submission:
        if response.status != OK:
            return http(response)
        data = record(response.json())
        code, text = word(data.get("code")), optional(data.get("data"))
        if code == "0":
            return verdict(self.codes[code], code, own.get("messageId", ""))
        told = (found for part, found in self.words.items() if part in text)
        return verdict(next(told, self.codes.get(code, UNLISTED)), code)


def _data(response: Response) -> Any:
    """Return ``data`` of a success; raise Unreadable naming the code of a failure."""
    if response.status != OK:
        raise Unreadable(f"refused: HTTP {response.status}")
    body = record(response.json())
    if (code := word(body.get("code"))) != "0":
        raise Unreadable(f"refused: code {shown(code)}")
    return body.get("data")


def _balance(response: Response) -> Balance:
    return Balance(Decimal(whole(_data(response))), "messages")


def _found(response: Response, message_id: str) -> Found:
    """Read the record asked for: an object, the JSON text of one, or nothing."""
    data = _data(response)
    if isinstance(data, str):
        data = decode(data) if data.strip() else None
    if data is None or data == {}:
        return Found(found=False)
    fields = record(data)
    if (own := optional(fields.get("messageId"))) and own != message_id:
        raise Unreadable("the answer is about another message")
    code = shown(optional(fields.get("status")))
    return Found(found=True, code=code, status=Adapter.states.get(code.lower(), _SENT).status)


def _given(raw: Raw) -> Mapping[str, Any]:
    if any(key.lower() == "messageid" for key in raw.params):
        return raw.params
    return record(decode(raw.body))
