"""largesms (fegine 涪擎), Aliyun market cmapi025687: one GET, templates only, string codes.

The order of the checks, the length of the short interval and that the day is Asia/Shanghai's are
guesses; codes and the fifteen a day are in the document's table. Nothing is ever reported.
"""

from typing import ClassVar

from worker.sandbox.accounts import VendorAccount
from worker.sandbox.aliyun import AliyunDialect
from worker.sandbox.dialect import MOBILE, Order, ends
from worker.sandbox.endings import Fate, Refusal
from worker.sandbox.exchange import Answer, Incoming

#: The document's table; 105 is worded otherwise where the variables do not fit (its sample).
MESSAGES = {
    "OK": "发送成功",
    "101": "手机号码格式错误!",
    "102": "业务限流, 向同一手机发送间隔过短",
    "103": "黑名单管控!",
    "104": "请正确传入签名!",
    "105": "模板编号错误!",
    "106": "系统错误!",
    "107": "其他错误!",
    "1002": "传入参数有误!",
    "1009": "字数限制",
}
MISFIT = "参数与模板不对应!"

_SAYS = {
    Refusal.NUMBER: "101",
    Refusal.CONTENT: "105",
    Refusal.SIGNATURE: "104",
    Refusal.SYSTEM: "106",
    Refusal.OTHER: "107",
    Refusal.UNLISTED: "199",
    Refusal.BLACKLIST: "103",
    Refusal.NUMBER_THROTTLE: "102",
}


class Largesms(AliyunDialect):
    vendor: ClassVar[str] = "largesms"
    paths: ClassVar[dict[str, str]] = {"/largesms": "send"}
    method = "GET"

    def answer(self, operation: str, incoming: Incoming, order: Order) -> Answer:  # noqa: ARG002
        account = self.enter(incoming)
        if isinstance(account, Answer):
            return account
        if account.balance <= 0:
            return self.coded("send", "B403MQ", "")
        account.balance -= 1  # each answer with HTTP 200 is billed, whatever it says: a guess
        number = incoming.query.get("phone", "")
        fate = order.fate(number)
        code, text = self._judge(incoming, fate)
        if code.isdigit():
            return self.said(code, text)
        if fate.refusal and (refusal := self.refused("send", fate.refusal)):
            return refusal
        return self._take(account, number, text, ends(fate.ending, order))

    def _judge(self, incoming: Incoming, fate: Fate) -> tuple[str, str]:
        """Return a code and its text, or OK and the text that the handset will show."""
        query, rules = incoming.query, self.state.settings.largesms
        number, skin, sign = query.get("phone", ""), query.get("skin", ""), query.get("sign", "")
        template, values = rules.templates.get(skin), query.get("param", "").split("|")
        fits = template is not None and template.count("{}") == len(values)
        brand = rules.signatures.get(sign)
        text = f"【{brand}】{_fill(template, values)}" if template and fits else ""
        refused = fate.refusal
        checks = (
            (not (query.get("param") and number and skin), "1002"),
            (not MOBILE.fullmatch(number) or refused is Refusal.NUMBER, "101"),
            (refused is Refusal.BLACKLIST, "103"),
            (brand is None or refused is Refusal.SIGNATURE, "104"),
            (not fits or refused is Refusal.CONTENT, "105"),
            (len(text) > rules.length > 0, "1009"),
            (self._too_often(number) or refused is Refusal.NUMBER_THROTTLE, "102"),
        )
        code = next((code for wrong, code in checks if wrong), "OK")
        misfit = code == "105" and template is not None
        return code, text if code == "OK" else MISFIT if misfit else ""

    def _too_often(self, number: str) -> bool:
        rules = self.state.settings.largesms
        return self.state.largesms.over(
            number, self.state.clock(), interval=rules.interval, daily=rules.daily
        )

    def _take(self, account: VendorAccount, number: str, text: str, ending: str) -> Answer:
        state = self.state
        state.largesms.add(number, state.clock())
        state.take(account, number, text, ending=ending, vendor_id=str(state.serial()))
        return self.said("OK", "")

    def said(self, code: str, message: str) -> Answer:
        return self.reply({"Message": message or MESSAGES.get(code, "未知错误!"), "Code": code})

    def refused(self, operation: str, refusal: Refusal) -> Answer | None:
        code = _SAYS.get(refusal)
        return self.said(code, "") if code else super().refused(operation, refusal)


def _fill(template: str, values: list[str]) -> str:
    parts = template.split("{}")
    return parts[0] + "".join(a + b for a, b in zip(values, parts[1:], strict=True))
