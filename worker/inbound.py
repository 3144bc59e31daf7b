"""Inbound: from an adapter's Inbound to a letter for the inbox, and whether it opts out. Pure.

The opt-out words are those of Chinese channels; they count alone, not inside a sentence, in full
and half width, in either case.
"""

import hashlib
import unicodedata

from worker.contract.events import Inbound
from worker.store.arrivals import Heard
from worker.store.inbox import Letter

_OPT_OUT = frozenset(
    {"T", "TD", "N", "R", "STOP", "UNSUBSCRIBE", "退订", "取消", "拒收", "退订回T", "回复TD"}
)
_TRIM = " \t\r\n.。!！,，;；'\"“”‘’【】[]()（）"


def opts_out(text: str) -> bool:
    """Return whether a reply is nothing but an opt-out word."""
    plain = unicodedata.normalize("NFKC", text).strip(_TRIM).upper()
    return plain in _OPT_OUT


def arrival(account: str, inbound: Inbound) -> Heard:
    """Return an inbound message for the store."""
    out = opts_out(inbound.text)
    at = int(inbound.at.timestamp() * 1000) if inbound.at else 0
    said = f"{inbound.sender}\n{inbound.extension}\n{at}\n{inbound.text}"
    mark = inbound.vendor_message_id or hashlib.blake2b(said.encode(), digest_size=12).hexdigest()
    return Heard(
        mark=mark,
        suppress="all" if out else "",
        letter=Letter(
            account=account,
            sender=inbound.sender,
            extension=inbound.extension,
            text=inbound.text,
            at=at,
            vendor_message_id=inbound.vendor_message_id,
            opted_out=out,
        ),
    )
