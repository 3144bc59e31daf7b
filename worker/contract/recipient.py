"""A recipient: one mainland China mobile number."""

import re

from worker.contract.errors import MessageError

_SEPARATORS = re.compile(r"[\s-]+")
_MOBILE = re.compile(r"(?:\+86|0086|86)?(1[3-9][0-9]{9})", re.ASCII)
RULE = (
    "not a mainland China mobile number: eleven digits from 13 to 19, "
    "optionally after +86, 86 or 0086 (spaces and dashes may stand inside)"
)


def parse(number: object, field: str = "to") -> str:
    """Return the number in E.164 form, ``+8613800138000``; raise MessageError naming ``field``."""
    if not isinstance(number, str):
        raise MessageError(field, f"{RULE}; it must be a string")
    found = _MOBILE.fullmatch(_SEPARATORS.sub("", number))
    if found is None:
        raise MessageError(field, RULE)
    return f"+86{found[1]}"


def national(e164: str) -> str:
    """Return the eleven digits that the vendors want."""
    return e164.removeprefix("+86")


def mask(number: str) -> str:
    """Return ``+86138****8000``: the one form that may be logged or shown."""
    digits = national(number)
    if len(digits) != 11:  # noqa: PLR2004
        return "****"
    return f"+86{digits[:3]}****{digits[-4:]}"
