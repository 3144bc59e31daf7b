"""Reports: from an adapter's DeliveryReport to what the store is to know of it. Pure."""

from dataclasses import replace

from worker.contract.durations import Window
from worker.contract.events import DeliveryReport
from worker.contract.privacy import PLAIN, Aliases
from worker.contract.status import Status
from worker.store.arrivals import Report
from worker.vendors.base import Found, Vendor

_SKEW = 300_000  # ms by which a vendor's clock may be behind ours
_OURS = {
    # The network's EXPIRED is about a message that the vendor took: for us it is undelivered.
    Status.EXPIRED: Status.UNDELIVERED,
    # Who does not know how it ended says at least that it was taken.
    Status.UNKNOWN: Status.SUBMITTED,
}


def arrival(
    vendor: Vendor, report: DeliveryReport, came: int = 0, aliases: Aliases = PLAIN
) -> Report:
    """Return the report for the store; ``came``: when the vendor handed it over, in ms."""
    windows = vendor.windows.get(report.code, ())
    at = int(report.at.timestamp() * 1000) + _SKEW if report.at else came
    return Report(
        account=vendor.name,
        vendor_message_id=report.vendor_message_id,
        to=report.to,
        alias=aliases.number(report.to) if report.to else "",
        status=_OURS.get(report.status, report.status),
        code=report.code,
        reason=report.reason,
        blocked=_blocked(windows[0]) if windows else "",
        barred=report.barred,
        came=min(came, at),
    )


def confirmed(hint: DeliveryReport, found: Found) -> DeliveryReport:
    """Return what a hint is worth now that the vendor, asked by our own id, knows the message.

    A hint, which anybody could have sent, says how a message ended; the vendor's own word says at
    least that it was taken. Where the two contradict each other, only that counts, code included.
    """
    failed = found.status not in (None, Status.SUBMITTED, Status.DELIVERED)
    agrees = failed == (hint.status is not Status.DELIVERED)
    if agrees and hint.status is not Status.SUBMITTED:
        return replace(hint, hint=False)
    reason = "found at the vendor by our id"
    return replace(
        hint, hint=False, status=Status.SUBMITTED, code=found.code, reason=reason, barred=False
    )


def _blocked(window: str) -> str:
    """Return for how long a number is blocked, as the store wants it."""
    span = Window.parse(f"1/{window}").seconds
    return str(int(span * 1000)) if span else "day"
