"""Snapshot: what is known of one message now, fit to be shown: the number is masked."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from worker.contract.durations import BEIJING
from worker.contract.recipient import mask
from worker.contract.record import Record
from worker.contract.status import FINAL, Status

NO_REPORT = "no report"  # it may have been delivered, and may not
NO_REPORTS = "this vendor sends no reports"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One message. Also readable like a mapping: ``snapshot["status"]``."""

    id: str
    status: Status
    reason: str
    stream: str
    to: str  #: masked
    account: str
    vendor_message_id: str
    code: str  #: the vendor's last word
    template: str
    segments: int
    attempts: int
    waits: int
    tag: str
    text_kept: bool  #: False once nobody needs the text any more, and it was removed
    created_at: datetime
    updated_at: datetime
    send_at: datetime | None
    expires_at: datetime

    @classmethod
    def of(cls, message_id: str, record: Record, reason: str = "") -> "Snapshot":
        """Show a record; ``reason``: what time or the settings say besides, see ``unreported``."""
        return cls(
            id=message_id,
            status=record.status,
            reason=reason or record.reason,
            stream=str(record.stream),
            to=mask(record.to),
            account=record.account,
            vendor_message_id=record.vendor_message_id,
            code=record.code,
            template=record.template,
            segments=record.segments,
            attempts=record.attempts,
            waits=record.waits,
            tag=record.tag,
            text_kept=record.content != "",
            created_at=moment(record.created),
            updated_at=moment(record.updated),
            send_at=moment(record.due) if record.due else None,
            expires_at=moment(record.expires),
        )

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINAL

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON: times in ISO 8601 with their zone."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }

    def __getitem__(self, name: str) -> Any:
        try:
            return getattr(self, name)
        except AttributeError:
            raise KeyError(name) from None


def unreported(record: Record, *, reported: bool, horizon: float, now: datetime) -> str:
    """Return why a submitted message stays so, where no report will say more; else nothing.

    ``reported``: its account sends reports; ``horizon``: seconds within which they come.
    """
    if record.status is not Status.SUBMITTED:
        return ""
    if not reported:
        return record.reason or NO_REPORTS
    return NO_REPORT if now.timestamp() >= record.updated / 1000 + horizon else ""


def moment(milliseconds: int) -> datetime:
    """Return a stored time as people in China read it."""
    return datetime.fromtimestamp(milliseconds / 1000, BEIJING)
