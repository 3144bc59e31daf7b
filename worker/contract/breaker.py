"""The settings of the breaker: when an account is left alone, and for how long."""

from dataclasses import dataclass

from worker.contract.tables import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """When an account is left alone, and for how long; seconds."""

    failures: int = 5  #: in a row, without any answer between them
    open: float = 5.0  #: at first; doubles each time its probe fails
    suspended: float = 60.0  #: at first, where the vendor says that the account is unusable
    longest: float = 900.0


def parse(table: Table) -> Breaker:
    """Read ``[breaker]``; raise SettingsError naming the key."""
    default = Breaker()
    found = Breaker(
        failures=table.count("failures", None) or default.failures,
        open=table.duration("open", default.open),
        suspended=table.duration("suspended", default.suspended),
        longest=table.duration("longest", default.longest),
    )
    table.close()
    return found
