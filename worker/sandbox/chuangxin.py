"""Chuangxin 创信, Aliyun market cmapi029993: POST with everything in the query, misspelt failures.

The document's error numbers 10000 to 10003 never stand in an answer, only their texts do. A
failing answer is HTTP 200 with "Faild" (sic) and zeroes (seen in public clients).
"""

from typing import ClassVar

from worker.sandbox.accounts import VendorAccount
from worker.sandbox.aliyun import AliyunDialect
from worker.sandbox.dialect import MOBILE, Order, ends
from worker.sandbox.endings import Refusal
from worker.sandbox.exchange import Answer, Incoming

#: By the document's numbers; those in words come from the same platform's other documents.
MESSAGES = {
    "10000": "短信内容不能为空",
    "10001": "短信号码不能为空",
    "10002": "短信必须带【】格式签名",
    "10003": "其他错误",
    "sql": "发送内容包含sql注入字符",
    "illegal": "包含非法字符：测试",
    "login-empty": "用户名或密码不能为空",
    "login": "用户名或密码错误",
    "balance": "对不起，您当前要发送的量大于您当前余额",
}

_TASKS = 10**12
_SAYS = {
    Refusal.NUMBER: "10003",
    Refusal.CONTENT: "illegal",
    Refusal.SIGNATURE: "10002",
    Refusal.SYSTEM: "10003",
    Refusal.OTHER: "10003",
    Refusal.UNLISTED: "未知的返回",
    Refusal.BALANCE: "balance",
}


class Chuangxin(AliyunDialect):
    vendor: ClassVar[str] = "chuangxin"
    paths: ClassVar[dict[str, str]] = {"/chuangxinsms/dxjk": "send"}
    method = "POST"

    def answer(self, operation: str, incoming: Incoming, order: Order) -> Answer:  # noqa: ARG002
        account = self.enter(incoming)
        if isinstance(account, Answer):
            return account
        text = incoming.query.get("content", "")  # what stands in the body is not looked at
        number = incoming.query.get("mobile", "")
        if code := self._problem(account, number, text):
            return self.said(code, "")
        fate = order.fate(number)
        if fate.refusal and (refusal := self.refused("send", fate.refusal)):
            return refusal
        return self._take(account, number, text, ends(fate.ending, order))

    def _problem(self, account: VendorAccount, number: str, text: str) -> str:
        """Return the number of what is wrong. That more than one number is 10003 is a guess."""
        limit = self.state.settings.chuangxin.length
        signed = "【" in text and "】" in text.partition("【")[2]
        checks = (
            (not text.strip(), "10000"),
            (not number.strip(), "10001"),
            (not signed, "10002"),
            (not MOBILE.fullmatch(number.strip()) or len(text) > limit > 0, "10003"),
            (account.balance <= 0, "balance"),
        )
        return next((code for wrong, code in checks if wrong), "")

    def _take(self, account: VendorAccount, number: str, text: str, ending: str) -> Answer:
        account.balance -= 1  # by one or by segments: not documented
        task = self.state.serial() % _TASKS
        self.state.take(account, number.strip(), text, ending=ending, vendor_id=str(task))
        return self.reply(
            {
                "ReturnStatus": "Success",
                "Message": "ok",
                "RemainPoint": account.balance,
                "TaskID": task,
                "SuccessCounts": 1,
            }
        )

    def said(self, code: str, message: str) -> Answer:
        return self.reply(
            {
                "ReturnStatus": "Faild",
                "Message": message or MESSAGES.get(code, code),
                "RemainPoint": 0,
                "TaskID": 0,
                "SuccessCounts": 0,
            }
        )

    def refused(self, operation: str, refusal: Refusal) -> Answer | None:
        code = _SAYS.get(refusal)
        return self.said(code, "") if code else super().refused(operation, refusal)
