"""Signing: how a webhook proves that it is ours and fresh, as Standard Webhooks 1.0.0 has it.

Standard library only: the receiver's side loads nothing else.
"""

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"  #: what a written secret begins with
_SHORTEST, _LONGEST = 24, 64  # bytes
_RULE = f'must be "{PREFIX}" and the base64 of {_SHORTEST} to {_LONGEST} random bytes'

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"  #: the headers


def key(secret: str) -> bytes:
    """Return the key in a written secret, ``whsec_...``; raise ValueError naming the rule."""
    if not secret.startswith(PREFIX):
        raise ValueError(_RULE)
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(_RULE) from None  # its text may quote the secret
    if not _SHORTEST <= len(found) <= _LONGEST:
        raise ValueError(_RULE)
    return found


def sign(secret_key: bytes, webhook_id: str, timestamp: str, body: bytes) -> str:
    """Return one signature, ``v1,<base64>``; ``timestamp``: seconds since 1970, as it is sent."""
    content = b".".join((webhook_id.encode(), timestamp.encode(), body))
    digest = hmac.new(secret_key, content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
