"""The settings of one worker process: how much it takes, and for how long."""

from dataclasses import dataclass

from worker.contract.errors import SettingsError
from worker.contract.tables import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    in_flight: int = 512  #: submits one process keeps open at once
    batch: int = 128  #: messages one claim takes
    slice: float = 10.0  #: seconds a pump runs before it rings again
    grace: float = 10.0  #: seconds added to an attempt's time-out before it counts as lost
    reserve: int = 32  #: of in_flight, kept free for otp
    heartbeat: str = ""  #: a file that worker and beat touch while they work; "": none


def parse(table: Table) -> WorkerSettings:
    """Read ``[worker]``; raise SettingsError naming the key."""
    base = WorkerSettings()
    found = WorkerSettings(
        in_flight=table.count("in_flight", None) or base.in_flight,
        batch=table.count("batch", None) or base.batch,
        slice=table.duration("slice", base.slice),
        grace=table.duration("grace", base.grace),
        reserve=table.count("reserve", base.reserve, least=0) or 0,
        heartbeat=table.text("heartbeat", base.heartbeat),
    )
    if found.reserve >= found.in_flight:
        raise SettingsError(table.key("reserve"), "must be less than worker.in_flight")
    table.close()
    return found
