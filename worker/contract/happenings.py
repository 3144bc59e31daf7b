"""Happenings: what web apps are told of, and how it is packed in the store's stream of events.

An event names messages and accounts; it never holds a whole number, a text or a secret. One kind
is packed tightly, as an array, because there are several for each message: a status that a message
took. Everything else is a map of its type and its data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from worker.contract.status import Status
from worker.contract.tables import Table

_SILENT = frozenset({Status.SUBMITTING})  # it says nothing yet: the answer does

#: The types that are a status a message took. Of accepted and scheduled a message has one.
STATUS_TYPES = tuple(str(each) for each in Status if each not in _SILENT)

INBOUND = "inbound"  #: a handset replied
OPT_OUT = "opt_out"  #: ... that it wants no more
BALANCE_LOW = "balance.low"
ACCOUNT_SUSPENDED = "account.suspended"  #: the vendor says that an account is unusable
ACCOUNT_RESTORED = "account.restored"
POLL_STALE = "poll.stale"  #: a vendor's reports, replies or balance cannot be fetched
MIRROR_DRIFT = "mirror.drift"  #: a vendor throttled a number that our windows let pass

TYPES = (
    *STATUS_TYPES,
    *(INBOUND, OPT_OUT, BALANCE_LOW, ACCOUNT_SUSPENDED, ACCOUNT_RESTORED, MIRROR_DRIFT),
    POLL_STALE,
)
KEPT = 100_000  #: events that are kept, about, where nothing else is said


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsSettings:
    keep: int = KEPT  #: entries, about; 0: no events at all


def parse(table: Table) -> EventsSettings:
    """Read ``[events]``; raise SettingsError naming the key."""
    keep = table.count("keep", KEPT, least=0)
    table.close()
    return EventsSettings(keep=KEPT if keep is None else keep)


class Event(msgspec.Struct, frozen=True):
    """Something that happened. What ``data`` holds depends on ``type``: see docs/events.md."""

    id: str  #: its place in the order of all events, ``"<ms>-<n>"``; and ``.shard`` of a later one
    type: str
    at: int  #: ms since 1970, by Redis's clock
    data: dict[str, object]

    def to_dict(self) -> dict[str, object]:
        """Return it ready for JSON: ``at`` in ISO 8601, UTC, with milliseconds."""
        at = datetime.fromtimestamp(self.at / 1000, UTC).isoformat(timespec="milliseconds")
        return {
            "id": self.id,
            "type": self.type,
            "at": at.replace("+00:00", "Z"),
            "data": self.data,
        }


class _Step(msgspec.Struct, array_like=True):
    """A status that a message took, as the store's scripts pack it (see _record.lua)."""

    status: str
    id: str
    stream: str
    account: str
    to: str  #: masked
    tag: str
    reason: str
    code: str
    attempts: int
    segments: int
    vendor_message_id: str


def place_of(event_id: str, shard: int) -> str:
    """Return an event's id among those of all shards: the first one's stay as they are."""
    return f"{event_id}.{shard}" if shard else event_id


def of_shard(event: Event, shard: int) -> Event:
    """Return an event as it is told among those of all shards; so is the letter that it names."""
    if not shard:
        return event
    data = event.data
    if event.type in (INBOUND, OPT_OUT):
        data = {**data, "id": place_of(str(data.get("id", "")), shard)}
    return msgspec.structs.replace(event, id=place_of(event.id, shard), data=data)


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(_Step | dict[str, object]).decode


def pack(event_type: str, data: Mapping[str, object]) -> bytes:
    """Pack an event that is no status of a message."""
    return _ENCODE({"type": event_type, "data": data})


def unpack(event_id: str, packed: bytes) -> Event:
    """Read one event of the stream; raise msgspec.MsgspecError where it is none."""
    found = _DECODE(packed)
    at = int(event_id.partition("-")[0])
    if isinstance(found, _Step):
        data = {"id": found.id, **msgspec.structs.asdict(found)}
        return Event(event_id, found.status, at, data)
    other = msgspec.convert(found, _Other)
    return Event(event_id, other.type, at, other.data)


class _Other(msgspec.Struct):
    type: str
    data: dict[str, object]
