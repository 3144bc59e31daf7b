"""Funds: what an account has left and how long it lasts, from what is known. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from producers.snapshot import moment
from producers.steps import iso
from worker.contract.runway import Runway
from worker.store.balances import Stored
from worker.vendors.base import Balance

_PLAIN = 100  # from here on hours are told as days, and a pace without its fraction


@dataclass(frozen=True, slots=True)
class Funds:
    """One account. Times in ms since 1970; 0: never."""

    amount: Decimal | None = None  #: the newest that is known
    unit: str = ""
    postpaid: bool = False
    hint: bool = False  #: told in passing by an answer; it may count for another account
    at: int = 0  #: when that was so
    stored_at: int = 0  #: when a worker asked last, with success
    runway: Runway = Runway()  # noqa: RUF009 - frozen

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON; an amount is a text, so that no digit gets lost."""
        known = self.amount is not None
        return {
            "amount": digits(self.amount) if self.amount is not None else None,
            "unit": self.unit if known else None,
            "postpaid": self.postpaid if known and not self.hint else None,
            "hint": self.hint,
            "runway_hours": _rounded(self.runway.hours),
            "burn_per_day": _rounded(self.runway.per_day),
            "at": iso(moment(self.at)) if self.at else None,
            "stored_at": iso(moment(self.stored_at)) if self.stored_at else None,
        }

    @property
    def text(self) -> str:
        """What is left, in plain words; empty where nothing is known."""
        if self.amount is None:
            return ""
        mark = ", postpaid" if self.postpaid else ", a hint" if self.hint else ""
        return f"{digits(self.amount)} {self.unit}{mark}"

    @property
    def lasts(self) -> str:
        """How long it lasts, in plain words; empty where that is not known."""
        hours = self.runway.hours
        if hours is None:
            return ""
        return f"lasts {hours:.3g} h" if hours < _PLAIN else f"lasts {hours / 24:.0f} d"

    @property
    def pace(self) -> str:
        """What it uses a day, in plain words; empty where that is not known."""
        used = self.runway.per_day
        if used is None:
            return ""
        return f"uses {used:.0f} a day" if used >= _PLAIN else f"uses {used:.3g} a day"


def known(stored: Stored) -> Funds:
    """Return what the store knows of an account."""
    if stored.amount is None:
        return Funds(stored.hint, stored.hint_unit, hint=stored.hint is not None, at=stored.hint_at)
    return Funds(
        stored.amount,
        stored.unit,
        stored.postpaid,
        at=stored.at,
        stored_at=stored.at,
        runway=stored.runway(),
    )


def asked(stored: Stored, found: Balance, now: int) -> Funds:
    """Return what an account said just now, with the pace that the store knows."""
    runway = stored.runway(found.amount, postpaid=found.postpaid)
    return Funds(
        found.amount, found.unit, found.postpaid, at=now, stored_at=stored.at, runway=runway
    )


def digits(amount: Decimal) -> str:
    return f"{amount:f}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
