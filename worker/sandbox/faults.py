"""Faults on demand: what goes wrong, for which requests, how often.

    kind          what happens                                                 taken
    delay         answers after ``seconds``                                    yes (no: taken late)
    hang          never answers                                                no
    drop_before   the connection is closed without an answer                   no
    drop_after    the same                                                     yes
    500 502 503   the vendor's gateway fails, in its own form                  no
    504           the same                                                     yes
    garbage       HTTP 200, no answer that can be read                         yes
    empty         HTTP 200, nothing in it                                      yes
    html          HTTP 200, a page                                             no
    truncated     HTTP 200, half of the answer                                 yes
    throttle      the vendor's answer to too much; ``reason`` account, number or gateway
    suspended     the vendor's answer to ``reason`` credentials or balance
    code          the vendor's answer with ``code`` (and ``message``)
    report        taken; the delivery report will carry ``code``

``taken`` may be given to say otherwise. A poll that is "taken" has consumed its page.
"""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

SLOW = -1.0  #: stands for the setting ``slow``

Kind = Literal[
    "delay",
    "hang",
    "drop_before",
    "drop_after",
    "500",
    "502",
    "503",
    "504",
    "garbage",
    "empty",
    "html",
    "truncated",
    "throttle",
    "suspended",
    "code",
    "report",
]
Vendor = Literal["tencent", "largesms", "chuangxin", "chuangrui", "zhenzi", ""]
Operation = Literal["send", "report", "inbound", "balance", "query", "any"]
Reason = Literal["", "account", "number", "gateway", "credentials", "balance"]

_TAKEN = {"delay", "drop_after", "504", "garbage", "empty", "truncated"}
_SAID = {"throttle", "suspended", "code", "report"}
_REASONS = {
    "throttle": ("account", "number", "gateway"),
    "suspended": ("credentials", "balance"),
}


class Spoil(NamedTuple):
    """What goes wrong on the wire, whatever the vendor thinks of the request."""

    kind: str  #: delay, hang, drop, 500..504, garbage, empty, html, truncated
    taken: bool
    seconds: float = SLOW


class InputError(ValueError):
    """What a test asked of the sandbox makes no sense."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    kind: Kind
    vendor: Vendor = ""  #: empty: every vendor
    operation: Operation = "send"
    number: str = ""  #: a pattern like ``138*`` or ``*0007``; empty: every request
    count: Annotated[int, Meta(ge=1)] | None = None  #: for so many requests; None: until deleted
    probability: Annotated[float, Meta(gt=0, le=1)] = 1.0
    seconds: Annotated[float, Meta(ge=0)] = 1.0
    reason: Reason = ""
    code: str = ""
    message: str = ""
    taken: bool | None = None
    id: int = 0  #: given by the sandbox
    hits: int = 0  #: counted by the sandbox

    def check(self, field: str) -> None:
        """Raise InputError for a combination that means nothing."""
        if self.kind in ("code", "report") and not self.code:
            raise InputError(f"{field}.code", f"missing: what a {self.kind} fault says")
        allowed = _REASONS.get(self.kind, ())
        if self.reason and self.reason not in allowed:
            raise InputError(f"{field}.reason", f"must be one of {', '.join(allowed) or 'none'}")

    def spoil(self) -> Spoil | None:
        """Return what it does on the wire; None where it is the vendor's own words."""
        if self.kind in _SAID:
            return None
        taken = self.kind in _TAKEN if self.taken is None else self.taken
        return Spoil(self.kind.removesuffix("_before").removesuffix("_after"), taken, self.seconds)

    def fits(self, vendor: str, operation: str, numbers: Sequence[str]) -> bool:
        return (
            self.vendor in ("", vendor)
            and self.operation in ("any", operation)
            and (not self.number or any(fnmatchcase(n, self.number) for n in numbers))
            and (self.count is None or self.hits < self.count)
        )


class Faults:
    """The faults in force, in order: the first that fits a request decides."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._next = 1
        self.listed: list[Fault] = []

    def add(self, faults: Sequence[Fault], field: str = "faults") -> None:
        for index, fault in enumerate(faults):
            fault.check(f"{field}[{index}]")
        for fault in faults:
            fault.id, self._next, fault.hits = self._next, self._next + 1, 0
        self.listed = [*self.listed, *faults]

    def remove(self, identifier: int) -> bool:
        left = [fault for fault in self.listed if fault.id != identifier]
        removed, self.listed = len(left) < len(self.listed), left
        return removed

    def clear(self) -> None:
        self.listed = []

    def pick(self, vendor: str, operation: str, numbers: Sequence[str]) -> Fault | None:
        """Return the fault this request meets, counted; None for none."""
        for fault in self.listed:
            if not fault.fits(vendor, operation, numbers):
                continue
            if fault.probability < 1 and self._chance() >= fault.probability:
                continue
            fault.hits += 1
            return fault
        return None
