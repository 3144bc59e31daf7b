"""Zhenzi 榛子云: POST forms, integer codes, our own messageId instead of an id of theirs.

The order of the checks, the callback's fields (messageId, status), the answer to a repeated
messageId and to one never seen are guesses: no document says.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from worker.sandbox.accounts import VendorAccount
from worker.sandbox.days import stamp
from worker.sandbox.dialect import MOBILE, Dialect, Order, ends
from worker.sandbox.endings import Ending, Fate, Refusal, Timing
from worker.sandbox.exchange import Answer, Incoming, json
from worker.sandbox.handsets import Entry
from worker.sandbox.pushes import Push

#: The document's tables; 117 is the v2 call's. The last one's misprint is theirs.
MESSAGES = {
    100: "参数格式错误",
    101: "短信内容超过1000字",
    105: "appId错误或应用不存在",
    106: "应用被禁止",
    107: "ip错误",
    108: "短信余额不足",
    109: "今日发送超过限额",
    110: "应用秘钥(AppSecret)错误",
    111: "账号不存在",
    117: "模板id错误或未审核",
    1000: "系统位置错误",
}
_LONGEST = 1000
_SAYS = {
    Refusal.NUMBER: 100,
    Refusal.CONTENT: 101,
    Refusal.SIGNATURE: 117,
    Refusal.SYSTEM: 1000,
    Refusal.OTHER: 1000,
    Refusal.UNLISTED: 999,
    Refusal.BALANCE: 108,
    Refusal.CREDENTIALS: 110,
    Refusal.NUMBER_THROTTLE: 109,
    Refusal.ACCOUNT_THROTTLE: 1000,
    Refusal.GATEWAY_THROTTLE: 1000,
}


class Zhenzi(Dialect):
    vendor: ClassVar[str] = "zhenzi"
    paths: ClassVar[dict[str, str]] = {
        "/sms/send.do": "send",
        "/sms/v2/send.do": "send",
        "/account/balance.do": "balance",
        "/smslog/findSmsByMessageId.do": "query",
    }

    def numbers(self, incoming: Incoming) -> Sequence[str]:
        number = incoming.form.get("number")
        return (number,) if number else ()

    def answer(self, operation: str, incoming: Incoming, order: Order) -> Answer:
        if incoming.method != "POST":
            return Answer(b"", 405)
        form = incoming.form
        account = self.state.directory.find("zhenzi", form.get("appId", ""))
        if account is None:
            return self._no(105 if form.get("appId") and form.get("appSecret") else 100)
        if account.credentials.get("app_secret") != form.get("appSecret"):
            return self._no(110 if form.get("appSecret") else 100)
        if operation == "balance":
            return _yes(account.balance)
        if operation == "query":
            return self._query(form)
        return self._send(account, incoming, order)

    def _send(self, account: VendorAccount, incoming: Incoming, order: Order) -> Answer:
        form = incoming.form
        number, text = form.get("number", ""), form.get("message", "")
        code = 0
        if "/v2/" in incoming.path:
            code, text = self._rendered(form)
        code = code or self._problem(account, form, text)
        if code:
            return self._no(code)
        fate = order.fate(number)
        if fate.refusal and (refusal := self.refused("send", fate.refusal)):
            return refusal
        entry = self._take(account, form, text, ends(fate.ending, order))
        if entry.message_id:
            self._report(account, entry, fate, order)
        return _yes("发送成功")

    def _problem(self, account: VendorAccount, form: Any, text: str) -> int:
        state, rules = self.state, self.state.settings.zhenzi
        number, message_id = form.get("number", ""), form.get("messageId")
        repeated = bool(message_id) and (form["appId"], message_id) in state.messages
        uncalled = bool(message_id) and rules.needs_callback and not state.settings.callback
        often = rules.daily and state.zhenzi.over(
            number, state.clock(), interval=0, daily=rules.daily
        )
        checks = (
            (not MOBILE.fullmatch(number) or not text.strip() or repeated or uncalled, 100),
            (len(text) > _LONGEST, 101),
            (account.balance <= 0, 108),
            (often, 109),
        )
        return next((code for wrong, code in checks if wrong), 0)

    def _rendered(self, form: Any) -> tuple[int, str]:
        """Return the text of a v2 call; its parameters are a JSON list of strings in a string."""
        template = self.state.settings.zhenzi.templates.get(form.get("templateId", ""))
        if template is None:
            return 117, ""
        try:
            values = msgspec.json.decode(form.get("templateParams") or "[]", type=list[str])
        except msgspec.DecodeError:
            return 100, ""
        if template.count("{}") != len(values):
            return 100, ""
        for value in values:
            template = template.replace("{}", value, 1)
        return 0, template

    def _take(self, account: VendorAccount, form: Any, text: str, ending: str) -> Entry:
        state, number = self.state, form["number"]
        account.balance -= 1
        if state.settings.zhenzi.daily:
            state.zhenzi.add(number, state.clock())
        message_id = form.get("messageId", "")  # the SDK sends it empty for "none"
        entry = state.take(account, number, text, ending=ending, message_id=message_id)
        if message_id:
            state.remember(form["appId"], entry)
        return entry

    def _report(self, account: VendorAccount, entry: Entry, fate: Fate, order: Order) -> None:
        for after, ending in self.state.reports(entry.number, fate):
            status = order.state or ("success" if ending is Ending.DELIVERED else "fail")
            form = {"messageId": entry.message_id, "status": status}
            push = Push(vendor="zhenzi", account=account.name, kind="report", form=form)
            if fate.timing is Timing.EARLY:
                order.early.append(push)
            else:
                self.state.pusher.schedule(push, after)

    def _query(self, form: Any) -> Answer:
        """Find a message; "success" is the only status ever seen, the other is a guess."""
        message_id = form.get("messageId")
        if not message_id:
            return self._no(100)
        entry = self.state.messages.get((form["appId"], message_id))
        if entry is None:
            return _yes({})
        data = {
            "message": entry.text,
            "appName": entry.account,
            "createTime": stamp(entry.time),
            "status": "success" if entry.ending == Ending.DELIVERED else "fail",
            "toNumber": f"{entry.number[:3]}********",
            "messageId": message_id,
        }
        if self.state.settings.zhenzi.found == "string":
            return _yes(msgspec.json.encode(data).decode())
        return _yes(data)

    def refused(self, operation: str, refusal: Refusal) -> Answer | None:  # noqa: ARG002 - alike
        code = _SAYS.get(refusal)
        return self._no(code) if code else None

    def coded(self, operation: str, code: str, message: str) -> Answer:  # noqa: ARG002 - alike
        return self._no(int(code) if code.lstrip("-").isdigit() else 1000, message)

    def _no(self, code: int, message: str = "") -> Answer:
        return json({"code": code, "data": message or MESSAGES.get(code, "未知错误")})


def _yes(data: Any) -> Answer:
    return json({"code": 0, "data": data})
