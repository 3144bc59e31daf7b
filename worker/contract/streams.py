"""Streams: how patient each kind of traffic is, and which accounts carry it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from worker.contract.durations import QuietHours, Window
from worker.contract.errors import SettingsError
from worker.contract.status import Stream
from worker.contract.tables import Table, windows


class Resend(StrEnum):
    """What may follow a lost answer that nothing resolved within the stream's hold."""

    NEVER = "never"  #: the message stays unknown
    SAME_ACCOUNT = "same_account"  #: once more where the vendor may know it by our id or its text
    ANY = "any"  #: once more, by any account of the route


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    validity: float  #: seconds after which a message is not submitted any more
    attempts: int  #: submits that may fail before the message is rejected
    resend_unknown: Resend = Resend.NEVER
    hold: float = 600.0  #: seconds that an unknown message waits to be resolved, before that
    evade_caps: bool = False  #: a number that is capped at one account may go by the next at once
    failover_rejected: bool = False  #: what one vendor rejects may be tried at another
    per_number: tuple[Window, ...] = ()  #: our own cap to one number, over all vendors
    quiet_hours: QuietHours | None = None  #: Asia/Shanghai; what is due in them waits
    spread: float = 1800.0  #: seconds over which what waited is spread when they end


_HEAVIEST = 1e6  # of a weight

_DEFAULTS = {
    Stream.OTP: StreamSettings(
        validity=300.0,
        attempts=3,
        resend_unknown=Resend.SAME_ACCOUNT,
        hold=60.0,
        evade_caps=True,
    ),
    Stream.NOTICE: StreamSettings(validity=86400.0, attempts=5),
    Stream.MARKETING: StreamSettings(
        validity=86400.0, attempts=3, quiet_hours=QuietHours.parse("21:00-08:00")
    ),
}


def defaults() -> dict[Stream, StreamSettings]:
    return dict(_DEFAULTS)


def parse(tables: Mapping[str, Table]) -> dict[Stream, StreamSettings]:
    """Read [streams.*] over the defaults; raise SettingsError."""
    streams = defaults()
    for name, table in tables.items():
        stream = _stream(name, f"streams.{name}")
        default = streams[stream]
        streams[stream] = replace(
            default,
            validity=table.duration("validity", default.validity),
            attempts=table.count("attempts", None) or default.attempts,
            resend_unknown=_resend(table, default.resend_unknown),
            hold=table.duration("hold", default.hold),
            evade_caps=table.flag("evade_caps", default=default.evade_caps),
            failover_rejected=table.flag("failover_rejected", default=default.failover_rejected),
            per_number=windows(table, "per_number") or (),
            quiet_hours=_quiet_hours(table, default.quiet_hours),
            spread=table.duration("spread", default.spread),
        )
        table.close()
        _check_spread(streams[stream], table.key("spread"))
    return streams


def _check_spread(stream: StreamSettings, key: str) -> None:
    """What waited for the end of quiet hours must not be spread into the next ones."""
    quiet = stream.quiet_hours
    if quiet and stream.spread > (left := (quiet.begins - quiet.ends) % (24 * 60) * 60):
        raise SettingsError(key, f"longer than the {left} seconds that quiet_hours leave of a day")


def _resend(table: Table, default: Resend) -> Resend:
    try:
        return Resend(table.text("resend_unknown", default))
    except ValueError as error:
        key = table.key("resend_unknown")
        raise SettingsError(key, f"must be one of {', '.join(Resend)}") from error


def _quiet_hours(table: Table, default: QuietHours | None) -> QuietHours | None:
    value = table.pop("quiet_hours")
    if value is None:
        return default
    if value == "":
        return None
    try:
        return QuietHours.parse(value)
    except ValueError as error:
        raise SettingsError(table.key("quiet_hours"), str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The accounts of a stream: in order of preference, or with weights."""

    accounts: tuple[str, ...]
    weights: tuple[float, ...] | None = None


def parse_routes(table: Mapping[str, Any], known: Collection[str]) -> dict[Stream, Route]:
    """Read [routes] over the ``known`` accounts; raise SettingsError."""
    routes = {}
    for name, accounts in table.items():
        key = f"routes.{name}"
        if not isinstance(accounts, list | dict) or not accounts:
            raise SettingsError(
                key, "must be a list of accounts, best first, or a table of weights"
            )
        for account in accounts:
            if account not in known:
                raise SettingsError(key, f"no account {account!r} under [vendors]")
        weights = _weights(accounts, key) if isinstance(accounts, dict) else None
        routes[_stream(name, key)] = Route(accounts=tuple(accounts), weights=weights)
    return routes


def _weights(accounts: Mapping[str, object], key: str) -> tuple[float, ...]:
    for account, weight in accounts.items():
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not number or not 0 < weight <= _HEAVIEST:  # type: ignore[operator]  # just checked
            raise SettingsError(f"{key}.{account}", f"a weight is above 0, at most {_HEAVIEST:.0f}")
    return tuple(float(weight) for weight in accounts.values())  # type: ignore[arg-type]  # checked


def _stream(name: str, key: str) -> Stream:
    try:
        return Stream(name)
    except ValueError as error:
        raise SettingsError(key, f"unknown stream; there are {', '.join(Stream)}") from error
