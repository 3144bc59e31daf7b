"""Aliyun's API gateway, in front of Chuangxin and largesms: the AppCode and the gateway's errors.

Aliyun's help page 43906: errors of the gateway carry X-Ca-Error-Message and, on newer instances,
the six characters of X-Ca-Error-Code; without either, the status is the vendor's own.
"""

from collections.abc import Callable

from worker.vendors._reading import http, verdict
from worker.vendors.base import Code, Outcome, Response, Submission, Unreadable

_APPCODE = Code(Outcome.SUSPENDED, "the gateway does not accept the AppCode")
_QUOTA = Code(Outcome.SUSPENDED, "the package is used up", drained=True)
_EXPIRED = Code(Outcome.SUSPENDED, "the package has expired")
_ARREARS = Code(Outcome.SUSPENDED, "the provider owes the gateway")
_CLOSED = Code(Outcome.SUSPENDED, "the gateway does not let the request through")
_FAST = Code(Outcome.THROTTLED, "too many requests at the gateway")
_DOWN = Code(Outcome.UNAVAILABLE, "the gateway could not reach the vendor")
_LOST = Code(Outcome.UNKNOWN, "the gateway lost the vendor's answer")

CODES = {
    **dict.fromkeys(("A400AC", "A401AC"), _APPCODE),
    "B403MQ": _QUOTA,
    **dict.fromkeys(("B403MI", "B403ME", "A403EP"), _EXPIRED),
    **dict.fromkeys(("B403OD", "B403MO"), _ARREARS),
    **dict.fromkeys(("X400PM", "X403DG", "X500AM", "X500ED"), _CLOSED),  # its configuration
    **dict.fromkeys(("D504RE", "D504IL", "D504CO", "D504CS"), _DOWN),  # never connected
    **dict.fromkeys(("D503BB", "D503CB", "X503BZ", "X500ER"), _DOWN),  # busy
    **dict.fromkeys(("D504TO", "X504TO", "X504VE", "D502FC", "N502RE"), _LOST),
}
PREFIXES = {"A": _CLOSED, "B": _CLOSED, "I": _CLOSED, "T": _FAST}
MESSAGES = {  # parts of X-Ca-Error-Message in lower case; the first that fits
    "throttled by": _FAST,
    "quota exhausted": _QUOTA,
    "quota expired": _EXPIRED,
    "subscription expired": _EXPIRED,
    "expiry of authorization": _EXPIRED,
    "user arrears": _ARREARS,
    "appcode": _APPCODE,
    "unauthorized": _CLOSED,
    "failed to call backend": _LOST,
    "internal error": _LOST,  # it may have come after the vendor took the message
    "service unavailable": _DOWN,
    "async service": _LOST,  # the vendor was too slow
}


def authorization(appcode: str) -> dict[str, str]:
    return {"Authorization": f"APPCODE {appcode}"}


def answer(response: Response, read: Callable[[Response], Submission]) -> Submission:
    """Return the vendor's answer whatever the status, else the gateway's; raise Unreadable."""
    try:
        return read(response)
    except Unreadable:
        found = refusal(response)
        if found is None and response.status != 200:  # noqa: PLR2004
            found = http(response)
        if found is None:
            raise
        return found


def refusal(response: Response) -> Submission | None:
    """Return what the gateway itself said, or None where its headers are absent."""
    code = response.headers.get("x-ca-error-code", "").strip()
    message = response.headers.get("x-ca-error-message", "").strip()
    if not code and not message:
        return None
    by_message = (found for part, found in MESSAGES.items() if part in message.lower())
    found = CODES.get(code) or PREFIXES.get(code[:1]) or next(by_message, None)
    return verdict(found or _by_status(response.status), f"gateway {code or response.status}")


def _by_status(status: int) -> Code:
    if status == 503:  # noqa: PLR2004
        return _DOWN
    if status == 429:  # noqa: PLR2004
        return _FAST
    return _CLOSED if 400 <= status < 500 else _LOST  # noqa: PLR2004
