"""Chuangxin 创信, on Aliyun's market as cmapi029993: free text, registered with the vendor first.

It lacks delivery reports, inbound messages and a call for the balance. RemainPoint in an answer
seems to count for the vendor's own account behind the market, not for our package: it is a hint
to look at, and no alarm depends on it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from worker.contract.segments import signed
from worker.vendors import _aliyun
from worker.vendors._reading import (
    UNLISTED,
    optional,
    record,
    remainder,
    shown,
    verdict,
    whole,
    word,
)
from worker.vendors.base import Call, Code, Outcome, Outgoing, Response, Submission, Vendor

_SUCCESS = "success"
_DRAINED = Code(Outcome.SUSPENDED, "the vendor's own balance is used up", drained=True)


class Adapter(Vendor):
    default_url = "https://cxkjsms.market.alicloudapi.com"  # the PHP sample's cxkjzms is a slip
    credentials = ("appcode",)
    options: ClassVar = {"max_length": 500}  # none is documented
    ranges: ClassVar = {"max_length": (1, 10_000)}
    needs_signature = True
    codes: ClassVar[Mapping[str, Code]] = {
        "10000": Code(Outcome.REJECTED, "the text is empty"),
        "10001": Code(Outcome.REJECTED, "the number is empty"),
        "10002": Code(Outcome.REJECTED, "the text has no signature", alarm=True),
        "10003": Code(Outcome.REFUSED, "another error"),
    }
    numbered: ClassVar[Mapping[str, str]] = {
        # The document's numbers are absent from the answers: the Message tells them.
        "短信内容不能为空": "10000",
        "短信号码不能为空": "10001",
        "短信必须带【】格式签名": "10002",
        "其他错误": "10003",
    }
    messages: ClassVar[Mapping[str, Code]] = {
        # Of the platform behind the market; its own documents give them no number.
        "sql注入字符": Code(Outcome.REJECTED, "the text looks like SQL"),
        "包含非法字符": Code(Outcome.REJECTED, "a character that the vendor forbids"),
        "用户名或密码": Code(Outcome.SUSPENDED, "the vendor's own account is wrong"),
        "大于您当前余额": _DRAINED,
    }

    def submit(self, messages: Sequence[Outgoing]) -> Call[list[Submission]]:
        (message,) = messages
        return Call(
            lambda response: [_aliyun.answer(response, self._verdict)],
            "POST",
            f"{self.base_url}/chuangxinsms/dxjk",
            # In the query although it is a POST; the body stays empty.
            query={"content": signed(message.text, message.signature), "mobile": message.number},
            headers=_aliyun.authorization(self.option("appcode")),
        )

    def _verdict(self, response: Response) -> Submission:
        data = record(response.json())
        state = word(data.get("ReturnStatus"))
        if state.casefold() != _SUCCESS:  # a failure is spelt Faild
            return self._failure(data, state)
        count = data.get("SuccessCounts")
        if count is not None and whole(count) == 0:
            return verdict(Code(Outcome.REFUSED, "success, but for no number"), state)
        task = optional(data.get("TaskID"))
        taken = verdict(Code(Outcome.SUBMITTED, ""), state, "" if task == "0" else shown(task))
        return msgspec.structs.replace(taken, left=remainder(data.get("RemainPoint"), "messages"))

    def _failure(self, data: Mapping[str, Any], state: str) -> Submission:
        text = optional(data.get("Message"))
        code = optional(data.get("Code")) or optional(data.get("code"))
        if code not in self.codes:
            code = next((number for part, number in self.numbered.items() if part in text), code)
        found = self.codes.get(code)
        if found is None:
            found = next((found for part, found in self.messages.items() if part in text), UNLISTED)
        return verdict(found, code or state)
