"""What every adapter needs to read an answer, so that no wrong type gets any further than here."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from worker.contract import recipient
from worker.contract.durations import BEIJING
from worker.contract.errors import MessageError
from worker.vendors.base import Balance, Code, Outcome, Response, Submission, Unreadable

T = TypeVar("T")
Item = TypeVar("Item")
OK = 200
UNLISTED = Code(Outcome.REFUSED, "a code that the vendor's document does not list", alarm=True)
MISSING = Submission(Outcome.UNKNOWN, reason="the answer leaves this number out")
REPEATED = Submission(Outcome.THROTTLED, reason="the number stood in this call already", split=True)
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_HUGE = 10**18
_TIME = "%Y-%m-%d %H:%M:%S"

# What a bare HTTP status proves: that the request was not taken. The others prove nothing.
_HTTP = {
    **dict.fromkeys((401, 403, 404), Code(Outcome.SUSPENDED, "refused before the vendor", True)),
    429: Code(Outcome.THROTTLED, "too many requests"),
    503: Code(Outcome.UNAVAILABLE, "out of service"),
}
_MOVED = Code(Outcome.SUSPENDED, "the address has moved", alarm=True)
_ODD = Code(Outcome.REFUSED, "refused by a web server or its firewall", alarm=True)
_UNPROVEN = frozenset({408, 499})  # a time-out, and a connection closed half-way


def record(value: object) -> Mapping[str, Any]:
    """Return a JSON object; raise Unreadable."""
    if not isinstance(value, dict):
        raise Unreadable("a JSON object was expected")
    return value


def rows(value: object) -> Sequence[object]:
    """Return a JSON array, none for null; raise Unreadable."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Unreadable("a JSON array was expected")
    return value


def word(value: object) -> str:
    """Return a string or whole number as text, ``"0"`` and ``0`` alike; raise Unreadable."""
    if isinstance(value, int) and not isinstance(value, bool) and -_HUGE < value < _HUGE:
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise Unreadable("a string or a whole number was expected")
    text = value.strip()
    return str(int(text)) if _WHOLE.fullmatch(text) else text


def whole(value: object) -> int:
    """Return a whole number, written as one or as a string; raise Unreadable."""
    text = word(value)
    if not _WHOLE.fullmatch(text):
        raise Unreadable("a whole number was expected")
    return int(text)


def optional(value: object) -> str:
    """Return a text that may be missing; another type counts as missing."""
    if isinstance(value, int) and not isinstance(value, bool) and -_HUGE < value < _HUGE:
        return str(value)
    return value.strip() if isinstance(value, str) else ""


def shown(code: str) -> str:
    """Return a vendor's code as it may be kept and logged."""
    return "".join(character for character in code if character.isprintable()).strip()[:40]


def verdict(found: Code, code: str, vendor_message_id: str = "") -> Submission:
    """Return what a code of the vendor means for one recipient."""
    alarm = found.alarm or found.outcome is Outcome.SUSPENDED
    return Submission(
        found.outcome, vendor_message_id, shown(code), found.reason, alarm, drained=found.drained
    )


def remainder(value: object, unit: str, parts: int = 1) -> Balance | None:
    """Return what an answer tells in passing that is left, in ``parts`` of a unit.

    None where it is no whole number: what comes in passing must not spoil the answer.
    """
    try:
        return Balance(Decimal(whole(value)) / parts, unit)
    except Unreadable:
        return None


def http(response: Response) -> Submission:
    """Return what a status other than 200 proves; raise Unreadable where it proves nothing."""
    status = response.status
    found = _HTTP.get(status)
    if found is None and 300 <= status < 400:  # noqa: PLR2004 - redirects
        found = _MOVED
    if found is None and 400 <= status < 500 and status not in _UNPROVEN:  # noqa: PLR2004
        found = _ODD
    if found is None:
        raise Unreadable(f"HTTP {status} with a body that is none of the documented answers")
    return verdict(found, f"http {status}")


def in_order(numbers: Sequence[str], answers: Mapping[str, Submission]) -> list[Submission]:
    """Return an answer a message. Of two messages to one number only the first was in the call."""
    seen: set[str] = set()
    found = []
    for number in numbers:
        found.append(REPEATED if number in seen else answers.get(number, MISSING))
        seen.add(number)
    return found


def once(numbers: Iterable[str]) -> str:
    """Return numbers as the vendors want them, each once: their answers cannot tell two apart."""
    return ",".join(dict.fromkeys(numbers))


def each(items: Iterable[Item], read: Callable[[Item], T | None]) -> Iterator[T]:
    """Yield what every item says, None left out; raise Unreadable at the end where some say none.

    So one broken item costs none of the others, and the page is kept for a human all the same.
    """
    odd = 0
    for item in items:
        try:
            found = read(item)
        except Unreadable:
            odd += 1
        else:
            if found is not None:
                yield found
    if odd:
        raise Unreadable(f"{odd} items are none that the document knows")


def e164(value: object) -> str:
    """Return a vendor's number in our form; raise Unreadable."""
    try:
        return recipient.parse(word(value))
    except MessageError as error:
        raise Unreadable("a number is not a mainland mobile") from error


def moment(text: str) -> datetime | None:
    """Return a time without zone as Beijing's; None where it is none: a report outweighs it."""
    try:
        return datetime.strptime(text.strip(), _TIME).replace(tzinfo=BEIJING)
    except ValueError:
        return None
