"""Alarms: when a human is to hear of a balance or a poll, before a message has to wait for it."""

from dataclasses import dataclass

from worker.contract.durations import seconds
from worker.contract.errors import SettingsError
from worker.contract.tables import Table

_HOUR = 3600.0
_RULE = 'must be a list of whole hours like ["72h", "24h", "6h"]'


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """What is too low, and what is too old."""

    runway: tuple[int, ...] = (72, 24, 6)  #: hours a balance lasts, each told once; the most first
    poll_age: float = 300.0  #: seconds without a success; 0: never


def parse(table: Table) -> Alarms:
    """Read ``[alarms]``; raise SettingsError."""
    default = Alarms()
    found = Alarms(
        runway=_runway(table, default.runway),
        poll_age=table.interval("poll_age", default.poll_age),
    )
    table.close()
    return found


def _runway(table: Table, default: tuple[int, ...]) -> tuple[int, ...]:
    value = table.pop("runway")
    if value is None:
        return default
    if not isinstance(value, list):
        raise SettingsError(table.key("runway"), _RULE)
    try:
        spans = {seconds(each) for each in value}
    except ValueError as error:
        raise SettingsError(table.key("runway"), _RULE) from error
    if any(span % _HOUR for span in spans):
        raise SettingsError(table.key("runway"), _RULE)
    return tuple(int(span // _HOUR) for span in sorted(spans, reverse=True))
