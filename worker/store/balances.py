"""The acts on balances: what accounts have left, how it fell, and which alarms were raised."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from worker.contract.runway import Point, Runway, reckon
from worker.store import scripts
from worker.store.acts import Act

EMPTY = "empty"  #: the alarm that a vendor says the money is gone; a taken message clears it


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of an account's balance. Times in ms since 1970; 0: never."""

    account: str
    amount: Decimal | None = None  #: as its vendor said when it was asked
    unit: str = ""  #: "messages" or "yuan"
    postpaid: bool = False
    at: int = 0
    hint: Decimal | None = None  #: as an answer to a submit told in passing
    hint_unit: str = ""
    hint_at: int = 0
    points: tuple[Point, ...] = ()  #: what it was before, the oldest first

    def runway(self, amount: Decimal | None = None, *, postpaid: bool = False) -> Runway:
        """Return how long an amount lasts, else what is stored; a hint has no runway."""
        if amount is not None:
            return reckon(self.points, amount, postpaid=postpaid)
        if self.amount is None:
            return Runway()
        return reckon(self.points, self.amount, postpaid=self.postpaid)


@dataclass(frozen=True, slots=True)
class Balances:
    now: int  #: Redis's clock
    accounts: list[Stored]


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm of an account, to be raised or cleared."""

    name: str
    event: bytes = b""  #: what is told where it is raised anew; empty: clear it


def keep(
    account: str, amount: Decimal, unit: str, *, postpaid: bool = False, hint: bool = False
) -> Act[int]:
    """Note a balance; ``hint``: told in passing. Returns Redis's clock."""
    args = (account, f"{amount:f}", unit, int(postpaid), int(hint))
    return Act(scripts.load("balance"), args, int)


def read(accounts: Sequence[str]) -> Act[Balances]:
    """Read what is known of some accounts, in their order."""

    def parse(answer: list[Any]) -> Balances:
        rows = zip(accounts, answer[1::2], answer[2::2], strict=True)
        return Balances(answer[0], [_stored(name, flat, points) for name, flat, points in rows])

    return Act(scripts.load("balances"), tuple(accounts), parse)


def alarm(account: str, alarms: Iterable[Alarm]) -> Act[list[str]]:
    """Raise and clear alarms; returns the names of those raised anew."""
    args: list[str | bytes | int] = [account]
    for each in alarms:
        args += (each.name, int(bool(each.event)), each.event)
    return Act(scripts.load("alarm"), args, lambda answer: [name.decode() for name in answer])


def _stored(account: str, flat: list[bytes], points: list[bytes]) -> Stored:
    pairs = zip(flat[::2], flat[1::2], strict=True)
    found = {key.decode(): value.decode() for key, value in pairs}
    return Stored(
        account,
        amount=Decimal(found["amount"]) if "amount" in found else None,
        unit=found.get("unit", ""),
        postpaid=found.get("postpaid") == "1",
        at=int(found.get("at", 0)),
        hint=Decimal(found["hint"]) if "hint" in found else None,
        hint_unit=found.get("hint_unit", ""),
        hint_at=int(found.get("hint_at", 0)),
        points=tuple(_point(each) for each in points),
    )


def _point(packed: bytes) -> Point:
    at, _, amount = packed.decode().partition(" ")
    return Point(int(at), Decimal(amount))
