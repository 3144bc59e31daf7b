"""ChuangRui 创瑞, the old platform: one address, answers in CSV, many numbers a call.

Reports and inbound messages are pushed. An answer has one id a call and totals only: which
number was invalid or blacklisted, the reports alone tell.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar, TypeVar

import msgspec

from worker.contract.events import DeliveryReport, Inbound, Raw
from worker.contract.status import Status
from worker.vendors import _operators
from worker.vendors._callbacks import OPTIONS, Pushed
from worker.vendors._operators import State
from worker.vendors._reading import (
    OK,
    UNLISTED,
    e164,
    each,
    http,
    in_order,
    moment,
    once,
    shown,
    verdict,
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
_DRAINED = Code(Outcome.SUSPENDED, "the balance is used up", drained=True)
_CODE = re.compile(r"-?[0-9]{1,4}")
_TAKEN = re.compile(r"\s*([0-9]+)" + 3 * r"\s*,\s*([0-9]{1,9})" + r"\s*,.*", re.DOTALL)
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")


class Adapter(Pushed):
    default_url = "https://web.cr6868.com/asmx/smsservice.aspx"
    credentials = ("name", "pwd")
    options: ClassVar = {
        "sign": "",  # the signature of messages that have none
        "extno": "",  # our own extension; must be registered if it is tied to a signature
        "extno_length": 0,  # digits of the system's part before it, cut off inbound messages
        "balance_unit": "messages",  # the document does not say
        "callback_name": "",  # what a push must carry
        "callback_pwd": "",
        "callback_secret": "",  # a push's name is MD5(secret + random + timestamp)
        "callback_ack": "0",  # documented nowhere
        **OPTIONS,
    }
    choices: ClassVar = {"balance_unit": ("messages", "yuan")}
    ranges: ClassVar = {"extno_length": (0, 20)}
    batch = 200  # no number is documented
    max_length = 500
    reported = True
    codes: ClassVar[Mapping[str, Code]] = {
        "0": Code(Outcome.SUBMITTED, ""),
        "1": Code(Outcome.REJECTED, "a sensitive word"),
        # Worded as sensitive words again; in use it means an empty balance. See `words`.
        "2": _DRAINED,
        "3": Code(Outcome.REJECTED, "no number"),
        "4": Code(Outcome.REJECTED, "the text looks like SQL"),
        "10": Code(Outcome.SUSPENDED, "no such account"),
        "11": Code(Outcome.SUSPENDED, "the account is closed"),
        "12": Code(Outcome.SUSPENDED, "the account is stopped"),
        "13": Code(Outcome.SUSPENDED, "our address is not allowed"),
        "14": Code(Outcome.REJECTED, "a parameter is malformed", alarm=True),
        "-1": Code(Outcome.UNAVAILABLE, "a fault of the vendor's system"),
        # Not in the document; an integration reads it as sent already.
        "-2": Code(Outcome.UNKNOWN, "sent already, says the vendor"),
    }
    words: ClassVar[Mapping[str, tuple[tuple[str, Code], ...]]] = {
        # Where the text of a failure decides; "" stands for the codes that are not listed.
        "2": (("敏感", Code(Outcome.REJECTED, "a sensitive word")),),
        "14": (("密码", Code(Outcome.SUSPENDED, "the password is wrong")),),
        "": (
            ("密码", Code(Outcome.SUSPENDED, "the password is wrong")),
            ("余额", _DRAINED),
        ),
    }
    states: ClassVar[Mapping[str, State]] = {
        "DTBLACK": _operators.BLACKLIST,
        "ERR:104": State(Status.UNDELIVERED, "the vendor's system was busy"),
        # One letter short of the operators' REJECTD, and another thing.
        "REJECT": State(Status.REJECTED, "refused by the vendor's review"),
    }

    def own_signature(self) -> str:
        return self.option("sign").strip("【】 ")

    def refuse(self, message: Outgoing) -> str | None:
        signature = self._signature(message)
        if not signature:
            return "no signature: neither the message has one nor the account's sign"
        return super().refuse(msgspec.structs.replace(message, signature=signature))

    def submit(self, messages: Sequence[Outgoing]) -> Call[list[Submission]]:
        numbers = [message.number for message in messages]
        form = {
            "content": messages[0].text,
            "mobile": once(numbers),
            "sign": self._signature(messages[0]),
            "type": "pt",
        }
        if extno := self.option("extno"):
            form["extno"] = extno
        return self._call(form, lambda response: self._answers(response, numbers))

    def balance(self) -> Call[Balance]:
        return self._call({"type": "balance"}, self._balance)

    def verify(self, raw: Raw) -> bool:
        """Compare what was agreed with the vendor; where nothing was, nothing is genuine.

        The vendor signs nothing: a push proves only that its sender knows the secrets.
        """
        given, secret = raw.params, self.option("callback_secret")
        name = given.get("name", "")
        pairs = [
            (self.option("callback_name"), name),
            (self.option("callback_pwd"), given.get("pwd", "")),
        ]
        if secret:
            random, stamp = given.get("random", ""), given.get("timestamp", "")
            pairs.append((_md5(secret + random + stamp), name.lower()))
            if not random or not stamp:
                return False
        return self.agrees(raw, pairs) or False

    def reports(self, raw: Raw) -> Iterator[DeliveryReport]:
        """Yield a report a number; raise Unreadable at the end where something was none."""
        given = raw.params
        if "state" not in given:
            if raw.kind == "report" and "args" not in given:
                raise Unreadable("a report without a state")
            return
        word, sendid = given["state"].strip(), shown(given.get("sendid", ""))
        if not word or not sendid:
            raise Unreadable("a report without a state or sendid")
        state, at = self.states.get(word) or _operators.state(word), moment(given.get("time", ""))
        yield from each(
            given.get("mobile", "").split(","),
            lambda mobile: DeliveryReport(
                sendid, e164(mobile), state.status, shown(word), state.reason, at, state.barred
            ),
        )

    def inbound(self, raw: Raw) -> Iterator[Inbound]:
        """Yield a message a record; raise Unreadable at the end where one was none."""
        if "args" not in raw.params:
            if raw.kind == "inbound" and "state" not in raw.params:
                raise Unreadable("an inbound push without args")
            return
        yield from each(filter(None, raw.params["args"].split("#@@#")), self._inbound)

    def _inbound(self, record: str) -> Inbound:
        fields = record.split("#@#")
        if len(fields) < 4:  # noqa: PLR2004 - number, text, time, extension
            raise Unreadable("an inbound record has four fields")
        number, *text, time, extension = fields  # a text may hold the mark that parts the fields
        own = extension.strip()[self.number("extno_length") :]
        return Inbound(e164(number), own, "#@#".join(text), moment(time))

    def _signature(self, message: Outgoing) -> str:
        return message.signature or self.own_signature()

    def _call(self, form: Mapping[str, str], read: Callable[[Response], T]) -> Call[T]:
        keys = {"name": self.option("name"), "pwd": self.option("pwd")}
        return Call(read, "POST", self.base_url, form={**keys, **form})

    def _answers(self, response: Response, numbers: Sequence[str]) -> list[Submission]:
        if response.status != OK:
            return [http(response)] * len(numbers)
        code, text = _line(response)
        if code != "0":
            return [verdict(self._failure(code, text), code)] * len(numbers)
        found = _TAKEN.fullmatch(text)
        if found is None:
            raise Unreadable("a success without an id and totals")
        invalid, taken, black = (int(total) for total in found.groups()[1:])
        each = _totals(shown(found[1]), len(set(numbers)), invalid, taken, black)
        return in_order(numbers, dict.fromkeys(numbers, each))

    def _failure(self, code: str, text: str) -> Code:
        words = self.words.get(code if code in self.codes else "", ())
        told = (found for part, found in words if part in text)
        return next(told, self.codes.get(code, UNLISTED))

    def _balance(self, response: Response) -> Balance:
        if response.status != OK:
            raise Unreadable(f"no balance: HTTP {response.status}")
        code, rest = _line(response)
        if code != "0":
            raise Unreadable(f"no balance: code {code}")
        amount = rest.split(",")[0].strip()
        if not _AMOUNT.fullmatch(amount):
            raise Unreadable("the balance is no number")
        return Balance(Decimal(amount), self.option("balance_unit"))


def _line(response: Response) -> tuple[str, str]:
    """Return the code in front of the first comma, and what follows."""
    code, comma, rest = response.body.removeprefix("\ufeff").partition(",")
    if not comma or not _CODE.fullmatch(code.strip()):
        raise Unreadable("the answer does not begin with a code")
    return str(int(code)), rest


def _totals(sendid: str, numbers: int, invalid: int, taken: int, black: int) -> Submission:
    """Return what the totals say of every number; a count above 0 does not say of which."""
    if taken and (invalid or black):
        reason = "taken in part: the reports tell which numbers"
        return Submission(Outcome.SUBMITTED, sendid, "0", reason)
    if taken:
        return Submission(Outcome.SUBMITTED, sendid, "0")
    if invalid and invalid >= numbers:
        return Submission(Outcome.REJECTED, "", "0", "the number is invalid")
    if black and black >= numbers:
        return Submission(Outcome.BARRED, "", "0", "the number is on a blacklist")
    if invalid or black:
        return Submission(Outcome.REFUSED, "", "0", "no number taken: some invalid, some barred")
    return Submission(Outcome.REFUSED, "", "0", "accepted, but for no number", alarm=True)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(errors="replace")).hexdigest()  # noqa: S324 - the vendor's form
