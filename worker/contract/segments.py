"""How many segments a text costs. 70 characters are one; longer texts are cut at 67.

Source: Aliyun's help page 414224. Every character counts the same in mainland billing; what lies
outside the basic plane (emoji) counts two, as it does in UTF-16.
"""

import re

SINGLE, PART = 70, 67
_SIGNED = re.compile(r"【([^【】]+)】")


def length(text: str) -> int:
    """Return the length that is billed: UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def segments(text: str, signature: str = "") -> int:
    """Return the segments of ``text``, the signature and its brackets 【】 included."""
    return count(length(signed(text, signature)))


def count(units: int) -> int:
    """Return the segments of a text of that billed length."""
    return 1 if units <= SINGLE else -(-units // PART)


def signed(text: str, signature: str) -> str:
    """Return the text as the handset shows it, the signature in front."""
    return f"【{signature}】{text}" if signature else text


def signature_in(text: str) -> str:
    """Return the signature that a text itself begins with, without brackets; else nothing."""
    found = _SIGNED.match(text)
    return found[1].strip() if found else ""
