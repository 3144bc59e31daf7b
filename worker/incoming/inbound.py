"""Inbound: from an adapter's Inbound to a letter for the inbox, and whether it opts out. Pure.

The opt-out words are those of Chinese channels; they count alone, not inside a sentence, in full
and half width, in either case.
"""

import hashlib
import re
import unicodedata

from worker.contract.events import Inbound
from worker.contract.privacy import PLAIN, Aliases
from worker.contract.suppression import OptOut
from worker.store.arrivals import Heard
from worker.store.inbox import Letter, sealed
from worker.store.sealing import UNSEALED, Seal

_OPT_OUT = frozenset(
    {
        *("T", "TD", "N", "R", "STOP", "UNSUBSCRIBE", "退订", "退訂", "取消", "拒收"),
        *("退订回T", "回T", "回复T", "回TD", "回复TD", "退订T", "T退订", "TD退订", "退订TD"),
        *("取消订阅", "取消訂閱", "不再接收"),
    }
)
_NOISE = re.compile(r"[\W_]+")  # blanks, punctuation, what cannot be seen: but no letter and digit


def opts_out(text: str) -> bool:
    """Return whether a reply is nothing but an opt-out word."""
    plain = unicodedata.normalize("NFKC", text)
    return _NOISE.sub("", plain).upper() in _OPT_OUT


def arrival(
    account: str,
    inbound: Inbound,
    opt_out: OptOut,
    signature: str = "",
    aliases: Aliases = PLAIN,
    *,
    seal: Seal = UNSEALED,
) -> Heard:
    """Return an inbound message for the store.

    ``opt_out``: how far one reaches; ``signature``: the account's own, of messages without one.
    """
    out = opts_out(inbound.text)
    at = int(inbound.at.timestamp() * 1000) if inbound.at else 0
    # The vendor's id alone would not do: nothing says that it is another one for each reply.
    said = (inbound.vendor_message_id, inbound.sender, inbound.extension, str(at), inbound.text)
    mark = hashlib.blake2b("\n".join(said).encode(errors="replace"), digest_size=12).hexdigest()
    letter = Letter(
        account=account,
        sender=inbound.sender,
        extension=inbound.extension,
        text=inbound.text.encode(errors="replace").decode(),
        at=at,
        vendor_message_id=inbound.vendor_message_id,
        opted_out=out,
    )
    return Heard(
        mark=mark,
        suppress=opt_out if out else "",
        signature=signature,
        alias=aliases.number(inbound.sender),
        letter=sealed(letter, seal),
    )
