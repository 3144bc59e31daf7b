"""What vendors tell us, in our words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from worker.contract.status import Status

Kind = Literal["report", "inbound"]


@dataclass(frozen=True, slots=True)
class Raw:
    """What a vendor handed us, untouched: one callback, or one polled page."""

    kind: Kind  #: the endpoint it came by; a page may mix both, the adapter looks at each item
    body: str = ""
    params: Mapping[str, str] = field(default_factory=dict, repr=False)  #: query and form together
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  #: names in lower case
    address: str = ""  #: the caller's IP address; empty for a poll


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What became of one message, as far as one report says."""

    vendor_message_id: str  #: with the recipient, the key to our message
    to: str = field(repr=False)  #: E.164; empty where the vendor reports by our own id alone
    status: Status  #: SUBMITTED where the report is not final, UNKNOWN where it says so
    code: str  #: the vendor's own word, kept as it came
    reason: str = ""  #: ours
    at: datetime | None = None
    barred: bool = False  #: the recipient is on a blacklist at this vendor
    hint: bool = False  #: unauthenticated: confirm by asking before it counts


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message that a handset sent to us (MO)."""

    sender: str = field(repr=False)  #: E.164
    extension: str  #: the port it was sent to, or what the vendor tells of it
    text: str = field(repr=False)
    at: datetime | None = None
    vendor_message_id: str = ""  #: empty where the vendor gives none
