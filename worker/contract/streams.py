"""Streams: how patient each kind of traffic is, and which accounts carry it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from worker.contract.errors import SettingsError
from worker.contract.status import Stream
from worker.contract.tables import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    validity: float  #: seconds after which a message is not submitted any more
    attempts: int  #: submits that may fail before the message is rejected


_DEFAULTS = {
    Stream.OTP: StreamSettings(validity=300.0, attempts=3),
    Stream.NOTICE: StreamSettings(validity=86400.0, attempts=5),
    Stream.MARKETING: StreamSettings(validity=86400.0, attempts=3),
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
        )
        table.close()
    return streams


def parse_routes(table: Mapping[str, Any], known: Collection[str]) -> dict[Stream, tuple[str, ...]]:
    """Read [routes] over the ``known`` accounts; raise SettingsError."""
    routes = {}
    for name, accounts in table.items():
        key = f"routes.{name}"
        if not isinstance(accounts, list) or not accounts:
            raise SettingsError(key, "must be a list of accounts, best first")
        for account in accounts:
            if account not in known:
                raise SettingsError(key, f"no account {account!r} under [vendors]")
        routes[_stream(name, key)] = tuple(accounts)
    return routes


def _stream(name: str, key: str) -> Stream:
    try:
        return Stream(name)
    except ValueError as error:
        raise SettingsError(key, f"unknown stream; there are {', '.join(Stream)}") from error
