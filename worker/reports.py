"""Reports: from an adapter's DeliveryReport to what the store is to know of it. Pure."""

from worker.contract.durations import Window
from worker.contract.events import DeliveryReport
from worker.contract.status import Status
from worker.store.arrivals import Report
from worker.vendors.base import Vendor


def arrival(vendor: Vendor, report: DeliveryReport) -> Report | None:
    """Return the report for the store; None where it says nothing that changes a status.

    A hint, which anybody could have sent, counts only where it agrees with what is known anyway:
    it is left to the query by our own id.
    """
    if report.hint or report.status is Status.UNKNOWN:
        return None
    # The network's EXPIRED is about a message that the vendor took: for us it is undelivered.
    expired = report.status is Status.EXPIRED
    windows = vendor.windows.get(report.code, ())
    return Report(
        account=vendor.name,
        vendor_message_id=report.vendor_message_id,
        to=report.to,
        status=Status.UNDELIVERED if expired else report.status,
        code=report.code,
        reason=report.reason,
        blocked=_blocked(windows[0]) if windows else "",
        barred=report.barred,
    )


def _blocked(window: str) -> str:
    """Return for how long a number is blocked, as the store wants it."""
    span = Window.parse(f"1/{window}").seconds
    return str(int(span * 1000)) if span else "day"
