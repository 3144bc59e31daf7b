"""What became of the delivery reports of messages, looked up where the vendors keep them."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from worker.sandbox import fates
from worker.sandbox.endings import Timing
from worker.sandbox.handsets import Entry
from worker.sandbox.pushes import Push
from worker.sandbox.state import State

_SILENT = frozenset({"largesms", "chuangxin"})  # they have no delivery reports

Key = tuple[str, str]


class Told(StrEnum):
    """How far the delivery report of a message has come."""

    NONE = "none"  #: the vendor sends none for it
    NEVER = "never"  #: it should, and by the number's fate it does not
    WAITING = "waiting"  #: until it is polled
    POLLED = "polled"  #: handed out to a poll
    DUE = "due"  #: to be pushed
    TRYING = "trying"  #: pushed, and not acknowledged yet
    PUSHED = "pushed"  #: and acknowledged
    LOST = "lost"  #: given up
    DROPPED = "dropped"  #: there is no address to push it to


def told(state: State, entries: Sequence[Entry]) -> list[Told]:
    """Return the state of each entry's report; meant for some dozens of entries."""
    wanted = {key for entry in entries if (key := _key(entry))}
    waiting = _waiting(state, wanted)
    polled = _polled(state, wanted - waiting)
    pushed = _pushed(state, wanted - waiting - polled)
    found = []
    for entry in entries:
        key = _key(entry)
        if key in waiting:
            found.append(Told.WAITING)
        elif key in polled:
            found.append(Told.POLLED)
        elif key in pushed:
            found.append(_fate_of(pushed[key], state.settings.push_attempts))
        else:
            found.append(_unseen(state, entry, key))
    return found


def _key(entry: Entry) -> Key | None:
    """Return what a report names the message by; None where none will come."""
    if entry.vendor in _SILENT:
        return None
    if entry.vendor == "zhenzi":
        return ("zhenzi", entry.message_id) if entry.message_id else None
    if entry.vendor == "chuangrui":
        return "chuangrui", f"{entry.vendor_id} {entry.number}"
    return entry.vendor, entry.vendor_id


def _waiting(state: State, wanted: set[Key]) -> set[Key]:
    items = (item for account in state.directory.at("tencent") for item in account.reports)
    return {key for item in items if (key := ("tencent", item["mid"])) in wanted}


def _polled(state: State, wanted: set[Key]) -> set[Key]:
    if not any(vendor == "tencent" for vendor, _ in wanted):
        return set()
    items = (item for page in state.pages if page.kind == "report" for item in page.items)
    return {key for item in items if (key := ("tencent", item["mid"])) in wanted}


def _pushed(state: State, wanted: set[Key]) -> dict[Key, Push]:
    """Return the latest push about each message."""
    pushes: Iterable[Push] = state.pusher.ledger if wanted else ()
    return {key: push for push in pushes for key in _named(push) if key in wanted}


def _named(push: Push) -> Iterator[Key]:
    form = push.form
    if push.kind != "report":
        return
    if push.items is not None:
        yield from (("tencent", item["mid"]) for item in push.items)
    elif push.vendor == "zhenzi":
        yield "zhenzi", form["messageId"]
    else:
        yield from (("chuangrui", f"{form['sendid']} {n}") for n in form["mobile"].split(","))


def _fate_of(push: Push, most: int) -> Told:
    if push.acked:
        return Told.PUSHED
    return Told.LOST if push.attempts >= most else Told.TRYING


def _unseen(state: State, entry: Entry, key: Key | None) -> Told:
    """Say why nothing is known of a report."""
    if key is None:
        return Told.NONE
    if fates.fate(entry.number).timing is Timing.NEVER:
        return Told.NEVER
    if entry.vendor == "tencent" and not state.settings.tencent.push:
        return Told.POLLED  # so long ago that its page is forgotten
    return Told.DUE if state.settings.callback else Told.DROPPED
