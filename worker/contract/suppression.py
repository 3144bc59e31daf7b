"""Suppression: how far an opt-out by reply reaches."""

from dataclasses import dataclass
from enum import StrEnum

from worker.contract.errors import SettingsError
from worker.contract.tables import Table


class OptOut(StrEnum):
    """What somebody means who replies with nothing but an opt-out word."""

    ALL = "all"  #: all marketing
    SIGNATURE = "signature"  #: marketing under the signature of the message that is answered


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionSettings:
    opt_out: OptOut = OptOut.SIGNATURE


def parse(table: Table) -> SuppressionSettings:
    """Read [suppression]; raise SettingsError."""
    try:
        opt_out = OptOut(table.text("opt_out", SuppressionSettings().opt_out))
    except ValueError as error:
        raise SettingsError(table.key("opt_out"), f"must be one of {', '.join(OptOut)}") from error
    table.close()
    return SuppressionSettings(opt_out=opt_out)
