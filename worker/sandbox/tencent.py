"""XiaoRui 小睿 on Tencent Cloud's market (product 15477): four calls behind an HMAC gateway.

Send, report and MO answer ``status`` as a string, the balance as a number; ``list`` is null in a
failure and [] when nothing waits. Reports and MO are gone once read: the documents name no cursor
(a guess). RESULT and STAT codes are the native platform's, whose samples are the same.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from worker.contract.segments import segments
from worker.sandbox import apigateway
from worker.sandbox.accounts import VendorAccount
from worker.sandbox.days import stamp
from worker.sandbox.dialect import MOBILE, Dialect, Heard, Order, ends
from worker.sandbox.endings import Ending, Fate, Refusal
from worker.sandbox.exchange import Answer, Incoming, json
from worker.sandbox.mailboxes import Page
from worker.sandbox.pushes import Push
from worker.sandbox.tencent_reports import SPID, Due, Sent, dues, report

#: Refusals of a whole submit, as its status.
_STATUSES = {
    Refusal.CONTENT: 100,
    Refusal.SYSTEM: 100,
    Refusal.OTHER: 5,
    Refusal.CREDENTIALS: 3,
    Refusal.ACCOUNT_THROTTLE: 21,
}
#: Refusals of one number of it, as its result.
_RESULTS = {Refusal.SIGNATURE: 17, Refusal.BALANCE: 15, Refusal.UNLISTED: 99}
_WRONG_EXTNO, _NO_BALANCE, _WRONG_SIGNATURE = 10, 15, 17
_ACTIONS = {"send": "send", "report": "report", "inbound": "mo", "balance": "balance"}
_NEEDS_ACTION = {"inbound", "balance"}  #: the others' samples send none
_LEAST, _USUAL = 10, 1000
_MOST = {"report": 10_000, "inbound": 1000}


class Tencent(Dialect):
    vendor: ClassVar[str] = "tencent"
    paths: ClassVar[dict[str, str]] = {
        "/smssend": "send",
        "/smsreport": "report",
        "/smsmo": "inbound",
        "/smsoverage": "balance",
    }

    def numbers(self, incoming: Incoming) -> Sequence[str]:
        return _numbers(incoming.form)

    def answer(self, operation: str, incoming: Incoming, order: Order) -> Answer:
        state, form = self.state, incoming.form
        if no := apigateway.refusal(incoming, state.directory.secrets, state.clock()):
            return no
        account = state.directory.find("tencent", form.get("account", ""))
        if account is None or account.credentials.get("password") != form.get("password"):
            return self._failed(operation, 3)
        if status := self._status(operation, form):
            return self._failed(operation, status)
        if operation == "send":
            return self._send(account, form, order)
        if operation == "balance":
            kind = state.settings.tencent.charge_type
            return json({"status": 0, "balance": account.balance, "chargeType": kind})
        return self._page(account, operation, form)

    def _status(self, operation: str, form: Mapping[str, str]) -> int:
        rules, expected = self.state.settings.tencent, _ACTIONS[operation]
        action = form.get("action", "" if operation in _NEEDS_ACTION else expected)
        sends, count = operation == "send", form.get("mobile", "").count(",") + 1
        checks = (
            (self.state.open["tencent"] > rules.concurrency > 0, 21),
            (form.get("rt") != "json" or action != expected, 1),
            (sends and not form.get("mobile", "").strip(), 8),
            (sends and not form.get("content", "").strip(), 9),
            (sends and count > rules.numbers, 102),
        )
        return next((status for wrong, status in checks if wrong), 0)

    def _failed(self, operation: str, status: int) -> Answer:
        if operation == "balance":
            return json({"status": status, "balance": 0, "chargeType": "PRECHARGE"})
        return json({"status": str(status), "balance": 0, "list": None})

    def _send(self, account: VendorAccount, form: Mapping[str, str], order: Order) -> Answer:
        numbers = _numbers(form)
        for refusal in (order.fate(number).refusal for number in numbers if order.fates):
            no = self.refused("send", refusal) if refusal and refusal not in _RESULTS else None
            if no:
                return no
        extno, text = form.get("extno", ""), form["content"]
        wrong = self._wrong(account, extno, text)
        items: list[object] = []
        reports: list[Due] = []
        for number in numbers:
            mid = f"{self.state.serial():016X}"
            fate = order.fate(number)
            result = wrong or self._result(account, fate, text)
            items.append({"mid": mid, "mobile": number, "result": result})
            if not result:
                reports += self._take(account, Sent(number, text, mid, extno), fate, order)
        report(account, reports, order, self.state)
        return json({"status": "0", "balance": account.balance, "list": items})

    def _wrong(self, account: VendorAccount, extno: str, text: str) -> int:
        """Return the result that every number gets; where a signature must stand is a guess."""
        base = account.credentials.get("extno", "")
        if not extno.startswith(base) or (not extno and base):
            return _WRONG_EXTNO
        known = self.state.settings.tencent.signatures
        brand = text.partition("【")[2].partition("】")[0]
        signed = brand in known if known else bool(brand)
        return 0 if signed else _WRONG_SIGNATURE

    def _result(self, account: VendorAccount, fate: Fate, text: str) -> int:
        rules = self.state.settings.tencent
        if fate.refusal in _RESULTS:
            return _RESULTS[fate.refusal]
        cost = rules.price * segments(text)
        if rules.charge_type == "PRECHARGE" and account.balance < cost:
            return _NO_BALANCE
        account.balance -= cost
        return 0

    def _take(self, account: VendorAccount, sent: Sent, fate: Fate, order: Order) -> list[Due]:
        """Take one message, and return the reports to come."""
        state, limit = self.state, self.state.settings.tencent.half_hour
        if not MOBILE.fullmatch(sent.number):
            fate = Fate(ending=Ending.INVALID)
        elif limit and not state.tencent.pass_on(sent.number, state.clock(), limit):
            fate = Fate(ending=Ending.THROTTLED)
        ending = ends(fate.ending, order)
        state.take(account, sent.number, sent.text, ending=ending, vendor_id=sent.mid)
        return dues(sent, fate, order, state)

    def _page(self, account: VendorAccount, operation: str, form: Mapping[str, str]) -> Answer:
        """Hand out what is due, once; the MO call's size is spelt szie in table and samples."""
        queue = account.reports if operation == "report" else account.inbound
        wanted = form.get("size") or form.get("szie") or ""
        size = int(wanted) if wanted.isascii() and wanted.isdigit() else _USUAL
        size = max(_LEAST, min(size, _MOST[operation]))
        now = self.state.clock()
        items = queue.take(now, size)
        if items:
            self.state.pages.append(Page("tencent", account.name, operation, now, items))
        return json({"status": "0", "balance": account.balance, "list": items})

    def hear(self, account: VendorAccount, heard: Sequence[Heard]) -> None:
        items = [
            {
                "flag": 0,
                "mid": f"{self.state.serial():016X}",
                "spid": SPID,
                "accessCode": one.extension or account.credentials.get("extno", ""),
                "mobile": one.number,
                "content": one.text,
                "time": stamp(self.state.clock()),
            }
            for one in heard
        ]
        if self.state.settings.tencent.push:
            push = Push(vendor="tencent", account=account.name, kind="inbound", items=items)
            self.state.pusher.schedule(push, 0)
            return
        for item in items:
            account.inbound.put(self.state.clock(), item)

    def refused(self, operation: str, refusal: Refusal) -> Answer | None:
        if refusal is Refusal.GATEWAY_THROTTLE:
            return apigateway.error(429)
        status = _STATUSES.get(refusal)
        return self._failed(operation, status) if status else None

    def coded(self, operation: str, code: str, message: str) -> Answer:
        """Answer a status; what the gateway has as an HTTP status is answered as one."""
        if code.isdigit() and int(code) in apigateway.MESSAGES:
            return apigateway.error(int(code), message)
        if operation == "balance" and code.isdigit():
            return self._failed(operation, int(code))
        return json({"status": code, "balance": 0, "list": None})

    def broken(self, status: int) -> Answer:
        return apigateway.error(status)


def _numbers(form: Mapping[str, str]) -> list[str]:
    return [number for part in form.get("mobile", "").split(",") if (number := part.strip())]
