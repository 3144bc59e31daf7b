"""The settings of the brake: what numbers that are alike, or one campaign, may get."""

from dataclasses import dataclass

from worker.contract.durations import Window
from worker.contract.tables import Table, windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """Against SMS pumping: what one prefix (seven digits) or one tag may get. Off unless set."""

    prefix: tuple[Window, ...] = ()
    tag: tuple[Window, ...] = ()


def parse(table: Table) -> Brake:
    """Read ``[brake]``; raise SettingsError naming the key."""
    found = Brake(prefix=windows(table, "prefix") or (), tag=windows(table, "tag") or ())
    table.close()
    return found
