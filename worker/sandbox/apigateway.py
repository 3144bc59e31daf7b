"""Tencent's API gateway in front of the market product: HMAC-SHA1 over named headers.

The string to sign is rebuilt from the names in ``headers="..."``, in that order, as Kong does it.
Errors are JSON ``{"message": ...}`` with a status, before any business check. Tokens without
quotes and blanks around ``=`` are taken, as the vendor's curl sample has them.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache

from worker.sandbox.exchange import FORM, Answer, Incoming, json

WINDOW = 900.0  #: seconds that X-Date may be off (Tencent Cloud, page 628/31717)
_CANNOT = "HMAC signature cannot be verified"
_TOKEN = re.compile(r'([A-Za-z]+)\s*=\s*(?:"([^"]*)"|([^",\s]+))')

#: Messages of the statuses that the gateway answers without having looked at a signature.
MESSAGES = {
    403: "Found no validate usage plan",
    404: "There is no api match host and uri",
    405: "Method Not Allowed",
    426: "https needed",
    429: "API rate limit exceeded",
    481: "Gateway config error",
    499: "Client closed",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
}


def error(status: int, message: str = "") -> Answer:
    return json({"message": message or MESSAGES.get(status, str(status))}, status)


def refusal(incoming: Incoming, secrets: Mapping[str, bytes], now: float) -> Answer | None:
    """Return the gateway's no, or None where the request may pass."""
    if incoming.method != "POST":
        return error(405)
    if problem := _unauthorized(incoming.headers, secrets, now):
        return error(401, problem)
    if incoming.content_type and not incoming.content_type.startswith(FORM):
        return error(403, f"req content type need {FORM}")
    return None


def _unauthorized(headers: Mapping[str, str], secrets: Mapping[str, bytes], now: float) -> str:
    written = headers.get("Authorization", "")
    if not written:
        return f"{_CANNOT}, a validate authorization header is required"
    scheme, _, rest = written.partition(" ")
    if scheme.lower() != "hmac":
        return "HMAC authorization format error"
    tokens = {name.lower(): quoted or bare for name, quoted, bare in _TOKEN.findall(rest)}
    if not tokens.get("id") or not tokens.get("signature"):
        return "HMAC id or signature missing"
    if tokens.get("algorithm", "").lower() != "hmac-sha1":
        return f"HMAC algorithm {tokens.get('algorithm', '')} not supported"
    names = tokens.get("headers", "").lower().split()
    return (
        _undated(headers, names, now)
        or _lacking(headers, names)
        or _mismatch(headers, names, tokens, secrets)
    )


def _undated(headers: Mapping[str, str], names: list[str], now: float) -> str:
    """Check the date that is signed; its wording depends on which header was named."""
    date = headers.get("X-Date") or headers.get("Date")
    moment = _moment(date) if date else None
    if moment is None:
        if "x-date" in names:
            return f"{_CANNOT}, a valid x-date header is required for HMAC Authentication"
        return f"{_CANNOT}, a valid date or x-date header is required for HMAC Authentication"
    if abs(now - moment) > WINDOW:
        return f"{_CANNOT}, the x-date header is out of date for HMAC Authentication"
    return ""


@lru_cache(maxsize=256)
def _moment(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def _lacking(headers: Mapping[str, str], names: list[str]) -> str:
    if not {"date", "x-date"} & set(names):
        return "HMAC authorization headers is invalidate"
    missing = next((name for name in names if name not in headers), "")
    return f"{_CANNOT}, a valid {missing} header is required" if missing else ""


def _mismatch(
    headers: Mapping[str, str],
    names: list[str],
    tokens: Mapping[str, str],
    secrets: Mapping[str, bytes],
) -> str:
    key = secrets.get(tokens["id"])
    if key is None:
        return _CANNOT
    text = "\n".join([f"{name}: {headers[name]}" for name in names])
    expected = base64.b64encode(hmac.digest(key, text.encode(), hashlib.sha1))
    same = hmac.compare_digest(expected, tokens["signature"].encode())
    return "" if same else "HMAC signature does not match"
