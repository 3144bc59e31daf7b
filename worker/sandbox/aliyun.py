"""Aliyun's API gateway in front of Chuangxin and largesms: AppCode, and errors with empty bodies.

The errors are of both generations on purpose: some carry the six-character X-Ca-Error-Code, whose
characters 2 to 4 are the HTTP status, some only X-Ca-Error-Message.
"""

import re
from collections.abc import Sequence
from uuid import UUID

from worker.sandbox.accounts import VendorAccount
from worker.sandbox.dialect import Dialect
from worker.sandbox.endings import Refusal
from worker.sandbox.exchange import JSON, Answer, Incoming, json

_CODE = re.compile(r"[A-Z](\d{3})[A-Z]{2}", re.ASCII)

#: code -> message; the texts of codes not here are not known.
_MESSAGES = {
    "A400AC": "Invalid AppCode `not exists`",
    "A401AC": "Invalid AppCode `not exists`",
    "A403EP": "Expiry of Authorization",
    "B403MQ": "Api Market Subscription quota exhausted",
    "B403ME": "Api Market Subscription expired",
    "T429PA": "Throttled by APP Flow Control",
    "X500ER": "Internal Error",
    "D502FC": "Failed To Call Backend Service",
    "D503BB": "Service Unavailable",
    "D504TO": "Async Service",
}
_BROKEN = {500: "X500ER", 502: "D502FC", 503: "D503BB", 504: "D504TO"}
_SAYS = {
    Refusal.CREDENTIALS: "A400AC",
    Refusal.BALANCE: "B403MQ",
    Refusal.ACCOUNT_THROTTLE: "T429PA",
    Refusal.GATEWAY_THROTTLE: "T429PA",
}


class AliyunDialect(Dialect):
    """What the two products share."""

    method: str

    def enter(self, incoming: Incoming) -> Answer | VendorAccount:
        """Return the account behind the AppCode, or the gateway's no.

        A missing header is answered the older way, 403 Unauthorized without a code.
        """
        if incoming.method != self.method:
            return self.error(400, "Invalid HttpMethod")
        word, _, code = incoming.headers.get("Authorization", "").strip().partition(" ")
        if word.upper() != "APPCODE" or not code:
            return self.error(403, "Unauthorized")
        account = self.state.directory.find(self.vendor, code.strip())
        return account or self.coded("send", "A400AC", "")

    def error(self, status: int, message: str, code: str = "") -> Answer:
        headers = {"X-Ca-Error-Message": message, "X-Ca-Request-Id": self.request_id()}
        if code:
            headers["X-Ca-Error-Code"] = code
        return Answer(b"", status, JSON, headers)

    def request_id(self) -> str:
        return str(UUID(int=self.state.serial() << 58)).upper()

    def numbers(self, incoming: Incoming) -> Sequence[str]:
        number = incoming.query.get("phone") or incoming.query.get("mobile")
        return (number,) if number else ()

    def refused(self, operation: str, refusal: Refusal) -> Answer | None:  # noqa: ARG002 - one call
        code = _SAYS.get(refusal)
        return self.coded("send", code, "") if code else None

    def coded(self, operation: str, code: str, message: str) -> Answer:  # noqa: ARG002 - one call
        """Answer a six-character code of the gateway's; the vendors' own are their business."""
        found = _CODE.fullmatch(code)
        if found is None:
            return self.said(code, message)
        return self.error(int(found[1]), message or _MESSAGES.get(code, code), code)

    def said(self, code: str, message: str) -> Answer:
        """Answer a code of the product behind the gateway."""
        raise NotImplementedError

    def broken(self, status: int) -> Answer:
        return self.coded("send", _BROKEN[status], "")

    def reply(self, value: object) -> Answer:
        return json(value, headers={"X-Ca-Request-Id": self.request_id()})
