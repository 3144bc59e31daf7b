"""The settings of the metrics: where workers and beats let themselves be scraped."""

from dataclasses import dataclass

from worker.contract.errors import SettingsError
from worker.contract.gateway import listen_address
from worker.contract.tables import Table

LISTEN = ("127.0.0.1", 9101)
PORTS = 16  #: that processes of one machine try: the first is the one that is set


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    listen: tuple[str, int] | None = LISTEN  #: host and first port; None: nowhere


def parse(table: Table) -> MetricsSettings:
    """Read ``[metrics]``; raise SettingsError naming the key."""
    text = table.text("listen", f"{LISTEN[0]}:{LISTEN[1]}")
    try:
        found = MetricsSettings(listen=listen_address(text) if text else None)
    except ValueError as error:
        raise SettingsError(table.key("listen"), f'{error}, or ""') from error
    table.close()
    return found
