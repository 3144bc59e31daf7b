"""ChuangRui 创瑞, old platform: one address, lines of text, reports and MO pushed to us.

POST by the document (section 1.4), GET by its own PHP sample: both are taken, from query and form
together. The order of the checks, the code of a wrong password and the balance's line are guesses.
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from worker.contract.segments import segments, signed
from worker.sandbox import states
from worker.sandbox.accounts import VendorAccount
from worker.sandbox.days import digits, stamp
from worker.sandbox.dialect import MOBILE, Dialect, Heard, Order, ends
from worker.sandbox.endings import Refusal, Timing
from worker.sandbox.exchange import TEXT, Answer, Incoming
from worker.sandbox.pushes import Push

#: Document, section 1.7.3. It gives 2 the text of 1; public integrations of this software read 2
#: as "balance insufficient", and so does this.
MESSAGES = {
    "1": "含有敏感词汇",
    "2": "余额不足",
    "3": "没有号码",
    "4": "包含sql语句",
    "10": "账号不存在",
    "11": "账号注销",
    "12": "账号停用",
    "13": "IP鉴权失败",
    "14": "格式错误",
    "-1": "系统异常",
}
_SAYS = {
    Refusal.CONTENT: "1",
    Refusal.SIGNATURE: "14",
    Refusal.SYSTEM: "-1",
    Refusal.OTHER: "-1",
    Refusal.UNLISTED: "99",
    Refusal.BALANCE: "2",
    Refusal.CREDENTIALS: "10",
    Refusal.ACCOUNT_THROTTLE: "-1",
    Refusal.GATEWAY_THROTTLE: "-1",
}
_LONGEST = 500
_SCHEDULED = re.compile(r"\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{2}:\d{2}", re.ASCII)
_SQL = re.compile(r"(?is)\b(?:select\b.+\bfrom|insert\s+into|delete\s+from|drop\s+table)\b")

Params = Mapping[str, str]


class Chuangrui(Dialect):
    vendor: ClassVar[str] = "chuangrui"
    paths: ClassVar[dict[str, str]] = {"/asmx/smsservice.aspx": "send"}

    def operation(self, named: str, incoming: Incoming) -> str:
        return "balance" if _params(incoming).get("type") == "balance" else named

    def numbers(self, incoming: Incoming) -> Sequence[str]:
        return _numbers(_params(incoming))

    def answer(self, operation: str, incoming: Incoming, order: Order) -> Answer:
        params = _params(incoming)
        account = self.state.directory.find("chuangrui", params.get("name", ""))
        if account is None:
            return self._no("10")
        if account.credentials.get("pwd") != params.get("pwd"):
            return self._wrong_login()
        if operation == "balance":
            return _line(f"0,{account.balance}")
        numbers = _numbers(params)
        code = self._problem(params, numbers) or _refusal(numbers, order)
        if code:
            return self._no(code)
        return self._send(account, params, numbers, order)

    def _wrong_login(self) -> Answer:
        code = self.state.settings.chuangrui.wrong_login
        return self._no(code, "密码错误" if code == "14" else "")

    def _problem(self, params: Params, numbers: Sequence[str]) -> str:
        rules = self.state.settings.chuangrui
        text, extno, at = (params.get(key, "") for key in ("content", "extno", "stime"))
        checks = (
            (params.get("type") != "pt", "14"),
            (not numbers, "3"),
            (not text.strip() or len(text) > _LONGEST or not params.get("sign"), "14"),
            (len(numbers) > rules.numbers > 0, "14"),
            (bool(extno) and not (extno.isascii() and extno.isdigit()), "14"),
            (bool(at) and not _SCHEDULED.fullmatch(at), "14"),
            (_SQL.search(text), "4"),
            (any(word in text for word in rules.sensitive), "1"),
        )
        return next((code for wrong, code in checks if wrong), "")

    def _send(
        self, account: VendorAccount, params: Params, numbers: Sequence[str], order: Order
    ) -> Answer:
        """Take what can be taken: one sendid, totals, and the document's blank (section 1.7.2)."""
        text = signed(params["content"], params["sign"])
        good, invalid, black = _sorted(numbers, order)
        cost = segments(text) * len(good)
        if cost > account.balance:
            return self._no("2")
        account.balance -= cost
        sendid = f"{digits(self.state.clock())}{self.state.serial() % 10**9:09d}"
        for number in good:
            ending = ends(order.fate(number).ending, order)
            self.state.take(account, number, text, ending=ending, vendor_id=sendid)
        self._report(account, sendid, good, order)
        return _line(f"0, {sendid},{invalid},{len(good)},{black},提交成功")

    def _report(
        self, account: VendorAccount, sendid: str, numbers: Sequence[str], order: Order
    ) -> None:
        """Push one report for all numbers of the submit that share state and time (section 3.1)."""
        groups: dict[tuple[int, bool, float, str], list[str]] = {}
        for number in numbers:
            fate = order.fate(number)
            early = fate.timing is Timing.EARLY
            for nth, (after, ending) in enumerate(self.state.reports(number, fate)):
                key = (nth, early, after, order.state or states.CHUANGRUI[ending])
                groups.setdefault(key, []).append(number)
        for (_, early, after, state), group in groups.items():
            at = stamp(self.state.clock() + after)
            form = {"sendid": sendid, "time": at, "mobile": ",".join(group), "state": state}
            push = self._push(account, "report", form)
            if early:
                order.early.append(push)
            else:
                self.state.pusher.schedule(push, after)

    def hear(self, account: VendorAccount, heard: Sequence[Heard]) -> None:
        """Push inbound messages, several in one call (section 4.1)."""
        at = stamp(self.state.clock())
        records = (f"{one.number}#@#{one.text}#@#{at}#@#{one.extension}" for one in heard)
        push = self._push(account, "inbound", {"args": "#@@#".join(records)})
        self.state.pusher.schedule(push, 0)

    def _push(self, account: VendorAccount, kind: str, fields: Mapping[str, str]) -> Push:
        secrets = account.credentials
        form = {
            "name": secrets.get("callback_name", ""),
            "pwd": secrets.get("callback_pwd", ""),
            **fields,
        }
        in_query = self.state.settings.chuangrui.push_style == "query"
        return Push(
            vendor="chuangrui", account=account.name, kind=kind, form=form, in_query=in_query
        )

    def refused(self, operation: str, refusal: Refusal) -> Answer | None:  # noqa: ARG002 - alike
        code = _SAYS.get(refusal)
        return self._no(code) if code else None

    def coded(self, operation: str, code: str, message: str) -> Answer:  # noqa: ARG002 - alike
        return self._no(code, message)

    def _no(self, code: str, message: str = "") -> Answer:
        """Answer a failure: two fields only (section 1.7.1)."""
        return _line(f"{code},{message or MESSAGES.get(code, '未知错误')}")


def _params(incoming: Incoming) -> Params:
    if not incoming.query:
        return incoming.form
    return {**incoming.query, **incoming.form}


def _numbers(params: Params) -> list[str]:
    return [number for part in params.get("mobile", "").split(",") if (number := part.strip())]


def _refusal(numbers: Sequence[str], order: Order) -> str:
    """Return the code of the first number whose fate refuses the whole request."""
    if not order.fates:
        return ""
    refusals = (order.fate(number).refusal for number in numbers)
    return next((_SAYS[refusal] for refusal in refusals if refusal in _SAYS), "")


def _sorted(numbers: Sequence[str], order: Order) -> tuple[list[str], int, int]:
    """Return the good numbers, how many are invalid, and how many are on the blacklist."""
    good: list[str] = []
    invalid = black = 0
    for number in numbers:
        refusal = order.fate(number).refusal
        if refusal is Refusal.NUMBER or not MOBILE.fullmatch(number):
            invalid += 1
        elif refusal is Refusal.BLACKLIST:
            black += 1
        else:
            good.append(number)
    return good, invalid, black


def _line(text: str) -> Answer:
    return Answer(text.encode(), content_type=TEXT)
