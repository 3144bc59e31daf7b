"""Webhooks, the receiver's side: is this request really from Xinshi, is it fresh, what does it say.

    event = webhooks.verify(request.body, request.headers, secret)
    if not seen_before(event.id):
        ...

Standard library only. The scheme is Standard Webhooks 1.0.0, so any library for that does as well.
"""

import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from worker.contract import signing
from worker.contract.errors import WebhookError

__all__ = ["TOLERANCE", "Webhook", "WebhookError", "verify"]

TOLERANCE = timedelta(minutes=5)  #: between the sender's clock and ours
_LONGEST, _DIGITS = 4096, 12  # characters of a header, and of a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One event that was posted to us. It may come more than once: always with the same id."""

    id: str  #: remember it for a day, to do nothing twice
    type: str  #: submitted, delivered, inbound, balance.low, ...
    timestamp: datetime  #: when it happened, not when it was sent
    data: dict[str, Any]


def verify(
    body: bytes,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    tolerance: timedelta | float = TOLERANCE,
    now: Callable[[], float] = time.time,
) -> Webhook:
    """Return what a request says; raise WebhookError where it is not to be believed.

    ``body``: the raw bytes, before anybody parsed them; ``headers``: in any case; ``secret``:
    ``whsec_...``, or several while they change over; ``tolerance``: seconds or a timedelta.
    """
    found = {name.lower(): value for name, value in headers.items()}
    webhook_id, timestamp, signatures = (
        _header(found, name) for name in (signing.ID, signing.TIMESTAMP, signing.SIGNATURE)
    )
    expected = [
        signing.sign(key, webhook_id, timestamp, body).encode() for key in _secret_keys(secret)
    ]
    # Each with each, in constant time: how long it takes tells nothing.
    same = [
        hmac.compare_digest(one, two.encode()) for one in expected for two in signatures.split()
    ]
    if not any(same):
        raise WebhookError("the signature is not ours: another secret, or another body")
    _fresh(timestamp, tolerance, now())
    return _read(webhook_id, body)


def _secret_keys(secret: str | Sequence[str]) -> list[bytes]:
    secrets = [secret] if isinstance(secret, str) else secret
    if not secrets:
        raise ValueError("there must be a secret to verify with")
    try:
        return [signing.key(each) for each in secrets]
    except ValueError as error:
        raise ValueError(f"a secret {error}") from None


def _header(headers: Mapping[str, str], name: str) -> str:
    found = headers.get(name, "")
    if not found:
        raise WebhookError(f"the header {name} is missing")
    if not found.isascii() or len(found) > _LONGEST:
        raise WebhookError(f"the header {name} is none that we send")
    return found


def _fresh(timestamp: str, tolerance: timedelta | float, now: float) -> None:
    seconds = tolerance.total_seconds() if isinstance(tolerance, timedelta) else tolerance
    if not timestamp.isdecimal() or len(timestamp) > _DIGITS:
        raise WebhookError(f"the header {signing.TIMESTAMP} is not a number of seconds")
    age = now - int(timestamp)
    if age > seconds:
        raise WebhookError(f"it was sent {age:.0f} s ago: too old, it may be a replay")
    if age < -seconds:
        raise WebhookError(f"it was sent {-age:.0f} s from now: look at the clocks")


def _read(webhook_id: str, body: bytes) -> Webhook:
    try:
        said = json.loads(body)
        moment = datetime.fromisoformat(said["timestamp"])
        kind, data = said["type"], said["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise WebhookError("the body is not an event") from error
    if not isinstance(kind, str) or not isinstance(data, dict):
        raise WebhookError("the body is not an event")
    return Webhook(id=webhook_id, type=kind, timestamp=moment, data=data)
