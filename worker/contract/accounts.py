"""Accounts: one set of credentials at one vendor, with its limits and time-outs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from worker.contract.durations import Window
from worker.contract.errors import SettingsError
from worker.contract.tables import Table, address, durations, own_name, windows

_BALANCE_EVERY = 300.0  # seconds
_HIGHEST = Decimal(10) ** 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an account allows; None means the adapter's default."""

    per_number: tuple[Window, ...] | None = None
    per_second: float | None = None
    concurrency: int | None = None
    otp_share: float = 0.2  #: of per_second, kept for otp


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    connect: float = 3.0  #: seconds to a connection
    total: float = 10.0  #: seconds for the whole call


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One set of credentials at one vendor."""

    adapter: str
    base_url: str = ""
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    balance_every: float = _BALANCE_EVERY  #: seconds between two looks at its balance; 0: never
    balance_low: Decimal | None = None  #: what is too little, in the balance's own unit
    options: Mapping[str, str | int | bool] = field(default_factory=dict, repr=False)
    #: everything else in the table: credentials and what the adapter itself understands


def account_name(name: str) -> str:
    own_name(name, f"vendors.{name}", "an account")
    if name == "all":
        raise SettingsError(f"vendors.{name}", "all is the suppression list of all accounts")
    return name


def parse(table: Table) -> Account:
    adapter = table.text("adapter", "")
    if not adapter:
        raise SettingsError(table.key("adapter"), "missing: which vendor this account is at")
    base_url = table.text("base_url", "")
    if base_url:
        address(base_url, table.key("base_url"), ("http", "https"))
    limits, timeouts = table.table("limits"), table.table("timeouts")
    account = Account(
        adapter=adapter,
        base_url=base_url,
        limits=Limits(
            per_number=windows(limits, "per_number"),
            per_second=limits.number("per_second", None),
            concurrency=limits.count("concurrency", None),
            otp_share=_share(limits),
        ),
        timeouts=durations(timeouts, Timeouts()),
        balance_every=table.interval("balance_every", _BALANCE_EVERY),
        balance_low=_amount(table, "balance_low"),
        options={key: _scalar(value, table.key(key)) for key, value in table.rest().items()},
    )
    limits.close()
    return account


def _share(limits: Table) -> float:
    value = limits.pop("otp_share")
    if value is None:
        return Limits().otp_share
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
        raise SettingsError(limits.key("otp_share"), "must be a number from 0 to below 1")
    return float(value)


def _amount(table: Table, name: str) -> Decimal | None:
    """Read an amount, which may be below nothing; "" is none."""
    value = table.pop(name)
    if value is None or value == "":
        return None
    known = isinstance(value, int | float | str) and not isinstance(value, bool)
    try:
        found = Decimal(str(value)) if known else Decimal("NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) > _HIGHEST:
        raise SettingsError(table.key(name), 'must be a number, or "" for none')
    return found


def _scalar(value: object, key: str) -> str | int | bool:
    if not isinstance(value, str | int):
        raise SettingsError(key, "must be a string, a whole number or true/false")
    return value
