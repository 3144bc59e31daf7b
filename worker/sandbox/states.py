"""What the delivery reports of Tencent's product and of ChuangRui say for each ending."""

from worker.sandbox.endings import Ending

#: The native platform's list; its MA values are its own, not the operators'.
TENCENT = {
    Ending.DELIVERED: "DELIVRD",
    Ending.UNDELIVERED: "MA:0004",
    Ending.EXPIRED: "EXPIRED",
    Ending.REFUSED: "REJECTED",
    Ending.UNKNOWN: "MO:0254",
    Ending.BUSY: "MA:0003",
    Ending.REVIEW: "MA:0002",
    Ending.NETWORK: "MO:0069",
    Ending.BLACKLISTED: "MA:0001",
    Ending.BARRED_BY_CUSTOMER: "MA:0023",
    Ending.BARRED_BY_CHANNEL: "MA:0027",
    Ending.THROTTLED: "MA:0022",
    Ending.INVALID: "MA:0005",
}
#: Document, section 3.2; NETWORK, THROTTLED and INVALID are "gateway-internal" values.
CHUANGRUI = {
    Ending.DELIVERED: "DELIVRD",
    Ending.UNDELIVERED: "UNDELIV",
    Ending.EXPIRED: "EXPIRED",
    Ending.REFUSED: "REJECTD",
    Ending.UNKNOWN: "UNKNOWN",
    Ending.BUSY: "ERR:104",
    Ending.REVIEW: "REJECT",
    Ending.NETWORK: "MK:0001",
    Ending.BLACKLISTED: "DTBLACK",
    Ending.BARRED_BY_CUSTOMER: "DTBLACK",
    Ending.BARRED_BY_CHANNEL: "DTBLACK",
    Ending.THROTTLED: "IB:0008",
    Ending.INVALID: "CB:0001",
}
