"""The settings of the store: how long it remembers, and what a write waits for."""

from dataclasses import dataclass
from enum import StrEnum

from worker.contract.errors import SettingsError
from worker.contract.tables import Table


class Durability(StrEnum):
    """What a claim waits for before the first byte leaves; see docs/durability.md."""

    MEMORY = "memory"  #: the server's memory
    FSYNC = "fsync"  #: its append-only file, synced (WAITAOF; Redis 7.2, Valkey)
    REPLICA = "replica"  #: one replica's memory (WAIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    timeout: float = 2.0  #: seconds a producer waits for Redis before StoreError
    retention: float = 7 * 86400.0  #: seconds a record outlives the message's validity
    idempotency: float = 86400.0  #: seconds an idempotency key is remembered
    reports: float = 72 * 3600.0  #: seconds a vendor's id is remembered for its report
    durability: Durability = Durability.MEMORY
    keep_texts: float | None = 0.0
    #: seconds a text outlives its message's end, dead letters' apart; None: as long as the record


def parse(table: Table) -> StoreSettings:
    """Read ``[store]``; raise SettingsError naming the key."""
    default = StoreSettings()
    names = ("timeout", "retention", "idempotency", "reports")
    values = {name: table.duration(name, getattr(default, name)) for name in names}
    try:
        durability = Durability(table.text("durability", default.durability))
    except ValueError as error:
        key = table.key("durability")
        raise SettingsError(key, f"must be one of {', '.join(Durability)}") from error
    keep = None if table.is_empty("keep_texts") else table.interval("keep_texts", 0.0)
    table.close()
    return StoreSettings(**values, durability=durability, keep_texts=keep)
