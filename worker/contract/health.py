"""The settings of health: when an account's delivery reports count as prompt; and what ails it."""

from dataclasses import dataclass

from worker.contract.errors import SettingsError
from worker.contract.tables import Table

AILING = 0.5  #: of an account's health, from 0 to 1, below which a preferred one steps back

_LONGEST = 3600.0  # seconds: what is judged so late helps nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSettings:
    prompt: float = 600.0  #: seconds within which a report usually comes; 0: nobody looks


def parse(table: Table) -> HealthSettings:
    """Read ``[health]``; raise SettingsError naming the key."""
    prompt = table.interval("prompt", HealthSettings().prompt)
    if prompt > _LONGEST:
        raise SettingsError(table.key("prompt"), 'must be at most an hour, or "" for never')
    table.close()
    return HealthSettings(prompt=prompt)
