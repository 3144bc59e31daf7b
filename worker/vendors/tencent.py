"""XiaoRui 小睿, on Tencent Cloud's market as product 15477: free text, an answer a number.

Reports and inbound messages are polled, and gone at the vendor once read. The platform behind
the market pushes them too, as a JSON array that mixes both; nothing signs that push.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, TypeVar

import msgspec

from worker.contract import recipient
from worker.contract.events import DeliveryReport, Inbound, Kind, Raw
from worker.contract.segments import signed
from worker.contract.status import Status
from worker.vendors import _operators, _tencent
from worker.vendors._callbacks import OPTIONS, Pushed
from worker.vendors._operators import State
from worker.vendors._reading import (
    MISSING,
    OK,
    UNLISTED,
    e164,
    each,
    in_order,
    moment,
    once,
    optional,
    record,
    remainder,
    rows,
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
    decode,
)

T = TypeVar("T")
_PARTS = 1000  # of a yuan: balances are in 厘
_REFUSED = State(Status.REJECTED, "refused by the operator")
_ILLEGAL = State(Status.REJECTED, "the text is not allowed")
_NUMBER = State(Status.REJECTED, "the number is malformed")
_LONG = State(Status.REJECTED, "the channel takes no long text")
_LOST = State(Status.UNKNOWN, "lost between the vendor and the operator")


class Adapter(Pushed):
    # Tencent has announced the end of this gateway product: ask the vendor for the address.
    default_url = "https://service-k6817kix-1259721353.ap-shanghai.apigateway.myqcloud.com/release"
    credentials = ("secret_id", "secret_key", "account", "password")
    options: ClassVar = {
        "extno": "",  # the access number; the seller tells it
        "max_length": 1000,  # none is documented
        "page_size": 500,  # items of one poll
        "send_action": False,  # name the action where the samples do not
        "callback_ack": "OK",
        **OPTIONS,
    }
    ranges: ClassVar = {"max_length": (1, 10_000), "page_size": (10, 1000)}
    batch = 200  # 500 by the table, 200 by the advice of status 102
    needs_signature = True
    reported = True
    windows: ClassVar = {"MA:0022": ("1800s",)}
    codes: ClassVar[Mapping[str, Code]] = {  # of the call: `status`
        "1": Code(Outcome.REJECTED, "the request is malformed", alarm=True),
        "2": Code(Outcome.SUSPENDED, "our address is not allowed"),
        "3": Code(Outcome.SUSPENDED, "the account or its password is wrong"),
        "4": Code(Outcome.SUSPENDED, "wrong version"),
        "5": Code(Outcome.REFUSED, "another error"),
        "6": Code(Outcome.SUSPENDED, "the account is of another protocol"),
        "7": Code(Outcome.SUSPENDED, "the account is disabled"),
        "8": Code(Outcome.REJECTED, "the number is empty"),
        "9": Code(Outcome.REJECTED, "the text is empty"),
        "21": Code(Outcome.THROTTLED, "too many connections"),
        # Also said of a template or text that the vendor refuses.
        "100": Code(Outcome.UNAVAILABLE, "an internal error, or no route"),
        "102": Code(Outcome.THROTTLED, "too many numbers in one call"),
    }
    results: ClassVar[Mapping[str, Code]] = {  # of one number: `result`
        "0": Code(Outcome.SUBMITTED, ""),
        "10": Code(Outcome.SUSPENDED, "the access number is wrong"),
        "15": Code(Outcome.SUSPENDED, "the balance is used up", drained=True),
        "17": Code(Outcome.REJECTED, "the signature is not registered", alarm=True),
    }
    states: ClassVar[Mapping[str, State]] = {
        # This platform's own meanings: MA: is the operators' word for something else.
        "REJECTED": _REFUSED,  # the operators' REJECTD has a letter less
        **dict.fromkeys(
            ("MA:0001", "MA:0023", "MA:0027", "MA:0028", "MA:0029"), _operators.BLACKLIST
        ),
        **dict.fromkeys(("MA:0002", "MA:0012"), _ILLEGAL),
        "MA:0003": State(Status.UNDELIVERED, "no route to the number"),
        **dict.fromkeys(("MA:0005", "MA:0014", "MA:0021"), _NUMBER),
        "MA:0022": State(Status.UNDELIVERED, "too many in half an hour for this number"),
        "MA:0024": State(Status.REJECTED, "the text is not registered"),
        **dict.fromkeys(("MA:0025", "MO:200"), _LONG),
        "MA:0026": State(Status.UNDELIVERED, "the parts of a long text did not meet in time"),
        **dict.fromkeys(("MO:0254", "MO:0255"), _LOST),  # it may have been delivered all the same
    }

    def submit(self, messages: Sequence[Outgoing]) -> Call[list[Submission]]:
        numbers = [message.number for message in messages]
        form = {
            "mobile": once(numbers),
            "content": signed(messages[0].text, messages[0].signature),
            "extno": self.option("extno"),
            **self._action("send"),
        }
        return self._call("smssend", form, partial(self._answers, numbers=numbers))

    def balance(self) -> Call[Balance]:
        return self._call("smsoverage", {"action": "balance"}, _balance)

    def polls(self) -> Mapping[str, Call[Raw]]:
        size = self.option("page_size")
        inbound = {"action": "mo", "szie": size, "size": size}  # misspelt in the table and samples
        return {
            "report": self._call(
                "smsreport", {"size": size, **self._action("report")}, partial(_page, "report")
            ),
            "inbound": self._call("smsmo", inbound, partial(_page, "inbound")),
        }

    def more(self, raw: Raw) -> bool:
        try:
            return len(_items(raw)) >= self.number("page_size")
        except Unreadable:
            return False

    def empty(self, raw: Raw) -> bool:
        try:
            return not _items(raw)
        except Unreadable:
            return False

    def verify(self, raw: Raw) -> bool:
        """Tell the platform's push by the token in our address, or by the address it comes from.

        The push itself carries no secret: where neither was agreed, none is genuine.
        """
        return self.agrees(raw) or False

    def reports(self, raw: Raw) -> Iterator[DeliveryReport]:
        """Yield the reports of a page or push; raise Unreadable at the end where one was none."""
        return _each(raw, self._report, flag=1)

    def inbound(self, raw: Raw) -> Iterator[Inbound]:
        """Yield the messages of a page or push; raise Unreadable at the end where one was none."""
        return _each(raw, _inbound, flag=0)

    def _report(self, row: Mapping[str, Any]) -> DeliveryReport:
        code = _given(row.get("stat"))
        state = self.states.get(code)
        if state is None:
            ours = code.startswith(("MA:", "MO:"))
            state = _operators.FAILED if ours else _operators.state(code)
        return DeliveryReport(
            vendor_message_id=_given(row.get("mid")),
            to=e164(row.get("mobile")),
            status=state.status,
            code=code,
            reason=state.reason,
            at=moment(optional(row.get("time"))),
            barred=state.barred,
        )

    def _action(self, name: str) -> dict[str, str]:
        return {"action": name} if self.flag("send_action") else {}

    def _call(self, path: str, form: Mapping[str, str], read: Callable[[Response], T]) -> Call[T]:
        keys = {"account": self.option("account"), "password": self.option("password")}
        headers = _tencent.authorization(
            self.option("secret_id"), self.option("secret_key"), self.clock()
        )
        form = {**keys, **form, "rt": "json"}
        return Call(read, "POST", f"{self.base_url}/{path}", form=form, headers=headers)

    def _answers(self, response: Response, numbers: Sequence[str]) -> list[Submission]:
        if response.status != OK:
            return [_tencent.refusal(response)] * len(numbers)
        data = record(response.json())
        status = word(data.get("status"))
        if status != "0":
            return [self._refusal(status, len(set(numbers)))] * len(numbers)
        found: dict[str, Submission] = {}
        for row in rows(data.get("list")):
            number, answer = self._row(row)
            # Several rows a number: one that was taken outweighs the others.
            if found.get(number, MISSING).outcome is not Outcome.SUBMITTED:
                found[number] = answer
        answers = in_order(numbers, found)
        answers[0] = msgspec.structs.replace(
            answers[0], left=remainder(data.get("balance"), "yuan", _PARTS)
        )
        return answers

    def _refusal(self, status: str, numbers: int) -> Submission:
        found = self.codes.get(status, UNLISTED)
        if status != "102":
            return verdict(found, status)
        if numbers == 1:  # one number cannot be split: never ask for ever
            return verdict(Code(Outcome.REFUSED, found.reason, alarm=True), status)
        return Submission(found.outcome, "", status, found.reason, split=True)

    def _row(self, row: object) -> tuple[str, Submission]:
        """Return the number and its answer; what cannot be read leaves its number out."""
        try:
            fields = record(row)
            number = recipient.national(e164(fields.get("mobile")))
            code = word(fields.get("result"))
        except Unreadable:
            return "", MISSING
        found = self.results.get(code, UNLISTED)
        taken = found.outcome is Outcome.SUBMITTED
        return number, verdict(found, code, shown(optional(fields.get("mid"))) if taken else "")


def _balance(response: Response) -> Balance:
    data = _succeeded(response)
    postpaid = optional(data.get("chargeType")).upper() == "POSTCHARGE"
    return Balance(Decimal(whole(data.get("balance"))) / _PARTS, "yuan", postpaid)


def _succeeded(response: Response) -> Mapping[str, Any]:
    """Return the body of a success; raise Unreadable, for a failure says a balance of 0."""
    if response.status != OK:
        raise Unreadable(f"refused: {_tencent.refusal(response).code}")
    data = record(response.json())
    status = word(data.get("status"))  # a string from three endpoints, a number from smsoverage
    if status != "0":
        raise Unreadable(f"refused: status {shown(status)}")
    return data


def _page(kind: Kind, response: Response) -> Raw:
    """Return the page untouched; a damaged one too, for the vendor does not have it any more."""
    damaged = response.status == OK and '"mid"' in response.body
    if not damaged:
        rows(_succeeded(response).get("list"))
    return Raw(kind, response.body)


def _items(raw: Raw) -> Sequence[object]:
    data = decode(raw.body)
    return data if isinstance(data, list) else rows(record(data).get("list"))


def _each(raw: Raw, read: Callable[[Mapping[str, Any]], T], *, flag: int) -> Iterator[T]:
    def one(item: object) -> T | None:
        row = record(item)
        return read(row) if _flag(row) == flag else None

    yield from each(_items(raw), one)


def _flag(row: Mapping[str, Any]) -> int:
    """Return 1 for a report, 0 for an inbound message, whichever endpoint it came by."""
    return int("stat" in row) if row.get("flag") is None else whole(row["flag"])


def _inbound(row: Mapping[str, Any]) -> Inbound:
    return Inbound(
        sender=e164(row.get("mobile")),
        extension=optional(row.get("accessCode")),
        text=row["content"]
        if isinstance(row.get("content"), str)
        else optional(row.get("content")),
        at=moment(optional(row.get("time"))),
        vendor_message_id=optional(row.get("mid")),
    )


def _given(value: object) -> str:
    if found := shown(optional(value)):
        return found
    raise Unreadable("a report without mid or stat")
