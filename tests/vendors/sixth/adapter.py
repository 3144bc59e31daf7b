"""Sixth 第六, which does not exist: free text, one number a call, JSON; reports are pushed.

CONTRIBUTING.md walks through this file. It lacks inbound messages and a query by our own id.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar, TypeVar

from worker.contract.events import DeliveryReport, Raw
from worker.contract.segments import signed
from worker.contract.status import Status
from worker.vendors._callbacks import OPTIONS, Pushed
from worker.vendors._operators import DELIVERED, FAILED, State
from worker.vendors._reading import (
    OK,
    UNLISTED,
    e164,
    http,
    moment,
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
    Outcome,
    Outgoing,
    Response,
    Submission,
    Unreadable,
)

T = TypeVar("T")


class Adapter(Pushed):
    default_url = "https://api.sixth.example"
    credentials = ("user", "key")
    options: ClassVar = {"callback_ack": "ok", **OPTIONS}
    max_length = 500
    needs_signature = True
    per_number = ("1/60s",)
    windows: ClassVar = {"4": ("60s",)}
    reported = True
    codes: ClassVar[Mapping[str, Code]] = {
        "0": Code(Outcome.SUBMITTED, ""),
        "1": Code(Outcome.SUSPENDED, "the user or its key is wrong"),
        "2": Code(Outcome.REJECTED, "the number is malformed"),
        "3": Code(Outcome.BARRED, "the number is on a blacklist"),
        "4": Code(Outcome.CAPPED, "too soon for this number"),
        "5": Code(Outcome.SUSPENDED, "the balance is used up", drained=True),
        "6": Code(Outcome.REJECTED, "the text is not approved", alarm=True),
        "7": Code(Outcome.THROTTLED, "too many calls at once"),
        "8": Code(Outcome.UNAVAILABLE, "a fault of the vendor's system"),
    }
    states: ClassVar[Mapping[str, State]] = {
        "arrived": DELIVERED,
        "lost": FAILED,
        "refused": State(Status.REJECTED, "refused by the operator"),
    }

    def submit(self, messages: Sequence[Outgoing]) -> Call[list[Submission]]:
        (message,) = messages
        form = {
            "to": message.number,
            "text": signed(message.text, message.signature),
            "ref": message.id,
        }
        return self._call("send", form, lambda response: [self._verdict(response)])

    def balance(self) -> Call[Balance]:
        return self._call("balance", {}, _balance)

    def verify(self, raw: Raw) -> bool:
        return self.agrees(raw) or False

    def reports(self, raw: Raw) -> Iterator[DeliveryReport]:
        given = raw.params
        if not given.get("id") or not given.get("state"):
            raise Unreadable("a report without id or state")
        code = shown(given["state"])
        state = self.states.get(code, FAILED)
        yield DeliveryReport(
            vendor_message_id=shown(given["id"]),
            to=e164(given.get("to")),
            status=state.status,
            code=code,
            reason=state.reason,
            at=moment(given.get("time", "")),
        )

    def _call(self, path: str, form: Mapping[str, str], read: Callable[[Response], T]) -> Call[T]:
        keys = {"user": self.option("user"), "key": self.option("key")}
        return Call(read, "POST", f"{self.base_url}/v1/{path}", form={**keys, **form})

    def _verdict(self, response: Response) -> Submission:
        if response.status != OK:
            return http(response)
        data = record(response.json())
        code = word(data.get("code"))
        found = self.codes.get(code, UNLISTED)
        taken = found.outcome is Outcome.SUBMITTED
        return verdict(found, code, shown(optional(data.get("id"))) if taken else "")


def _balance(response: Response) -> Balance:
    if response.status != OK:
        raise Unreadable(f"no balance: HTTP {response.status}")
    data = record(response.json())
    if (code := word(data.get("code"))) != "0":
        raise Unreadable(f"no balance: code {shown(code)}")
    return Balance(Decimal(whole(data.get("left"))), "messages")
