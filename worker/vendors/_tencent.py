"""Tencent's API gateway, in front of XiaoRui: its HMAC and its own errors.

Tencent Cloud's page 628/31717. The gateway's errors have an HTTP status and ``{"message": ...}``;
the vendor's own failures come as HTTP 200.
"""

import hmac
from base64 import b64encode
from datetime import UTC, datetime
from email.utils import format_datetime

from worker.vendors._reading import optional, record, verdict
from worker.vendors.base import Code, Outcome, Response, Submission, Unreadable

_CREDENTIALS = Code(Outcome.SUSPENDED, "the gateway does not accept our signature")
_CLOSED = Code(Outcome.SUSPENDED, "the gateway does not let the request through")
_LOST = Code(Outcome.UNKNOWN, "the gateway lost the vendor's answer")

STATUSES = {
    401: _CREDENTIALS,
    429: Code(Outcome.THROTTLED, "too many requests at the gateway"),
    **dict.fromkeys((408, 499), _LOST),
    503: Code(Outcome.UNAVAILABLE, "the gateway is out of service"),
}
MESSAGES = {  # parts of the message in lower case that say more; the wording has changed before
    (401, "out of date"): Code(Outcome.SUSPENDED, "our clock is wrong by more than 900 s"),
    (403, "out of date"): Code(Outcome.SUSPENDED, "our clock is wrong by more than 900 s"),
    (403, "hmac"): _CREDENTIALS,
    (429, "quota"): Code(Outcome.SUSPENDED, "the package is used up", drained=True),
    (404, "no api match"): Code(Outcome.SUSPENDED, "the gateway has no such address"),
}


def authorization(secret_id: str, secret_key: str, now: datetime) -> dict[str, str]:
    """Return the headers that every call carries, signed for the time given."""
    date = format_datetime(now.astimezone(UTC), usegmt=True)  # English, whatever the locale
    signed = f"x-date: {date}\nx-source: market"
    signature = b64encode(hmac.digest(secret_key.encode(), signed.encode(), "sha1")).decode()
    return {
        "X-Source": "market",
        "X-Date": date,
        "Authorization": f'hmac id="{secret_id}", algorithm="hmac-sha1", '
        f'headers="x-date x-source", signature="{signature}"',
    }


def refusal(response: Response) -> Submission:
    """Return what an answer other than HTTP 200 means."""
    status, message = response.status, _message(response).lower()
    told = (found for (at, part), found in MESSAGES.items() if at == status and part in message)
    default = _CLOSED if 300 <= status < 500 else _LOST  # noqa: PLR2004
    return verdict(next(told, STATUSES.get(status, default)), f"gateway {status}")


def _message(response: Response) -> str:
    try:
        return optional(record(response.json()).get("message"))
    except Unreadable:
        return ""
