"""Replies: inbound messages, ready for JSON."""

from typing import Any

from producers.snapshot import moment
from worker.store.inbox import Received


def fields(found: Received, *, sender: str) -> dict[str, Any]:
    """Return what may be told of one, but for its text; ``sender``: its number, or a masked one."""
    letter = found.letter
    return {
        "id": found.id,
        "received_at": moment(found.received_at).isoformat(),
        "sent_at": moment(letter.at).isoformat() if letter.at else None,
        "account": letter.account,
        "from": sender,
        "extension": letter.extension,
        "vendor_message_id": letter.vendor_message_id,
        "message_id": letter.message_id or None,
        "opted_out": letter.opted_out,
    }
