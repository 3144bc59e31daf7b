"""The vendors' books against ours: what each handset came to, and what we must say of it.

A page that a poll was given and that never arrived is gone: what its reports said, nobody can
know. So a message may stay without its fate only where the page that told it was lost as a whole,
and no more pages may be lost than there were pollers killed or cut off.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from worker.contract import keys
from worker.contract.privacy import PLAIN
from worker.contract.record import Record, steps
from worker.contract.status import Status
from worker.delivery.policy import RESENT
from worker.sandbox import states
from worker.sandbox.endings import Ending

from .conftest import Stack, number

ENDINGS = {  # what the sandbox did with a message -> what we must say of it
    Ending.DELIVERED: Status.DELIVERED,
    Ending.UNDELIVERED: Status.UNDELIVERED,
    Ending.EXPIRED: Status.UNDELIVERED,
    Ending.REFUSED: Status.REJECTED,
    Ending.REVIEW: Status.REJECTED,
    Ending.BUSY: Status.UNDELIVERED,
    Ending.NETWORK: Status.UNDELIVERED,
    Ending.UNKNOWN: Status.SUBMITTED,
    Ending.BARRED_BY_CUSTOMER: Status.REJECTED,
    Ending.BARRED_BY_CHANNEL: Status.REJECTED,
}
BARRED = {Ending.BARRED_BY_CUSTOMER, Ending.BARRED_BY_CHANNEL}
CODES = {"tencent": states.TENCENT, "chuangrui": states.CHUANGRUI}
NEVER, CHANGED = "9007", "9011"  # no report; undelivered, then delivered
FATES = (
    *("9000", "9001", "9002", "9003", "9004", "9005", "9006", NEVER, "9008", "9009", "9010"),
    *(CHANGED, "9201", "9202"),
)
ACCOUNTS = tuple(CODES)

Said = tuple[Status, str]  #: what we say of a message: its status and the vendor's raw code


def numbers(count: int) -> list[str]:
    """Return so many numbers: of two one is delivered to, the other has one of the fates."""
    return [
        number(place) if place % 2 else f"138{place // 28:04d}{FATES[place // 2 % len(FATES)]}"
        for place in range(count)
    ]


@dataclass(slots=True)
class Books:
    """What was sent, what handsets replied, and how often a poller was killed."""

    stack: Stack
    ids: dict[str, str] = field(default_factory=dict)  #: by number
    accounts: dict[str, str] = field(default_factory=dict)  #: by number
    replies: list[tuple[str, str, str]] = field(default_factory=list)  #: account, number, text
    kills: int = 0

    def send(self, wanted: Sequence[str]) -> None:
        """Send one message to each number, to the two accounts by turns."""
        given = {
            each: ACCOUNTS[(place // 2 + place // 28) % 2] for place, each in enumerate(wanted)
        }
        found = self.stack.client.send_many(
            {"to": each, "text": f"您的订单{place % 20}已发货", "account": account}
            for place, (each, account) in enumerate(given.items())
        )
        self.ids.update(zip(given, found, strict=True))
        self.accounts.update(given)

    def reply(self, texts: Mapping[str, str]) -> None:
        """Let handsets, by their numbers, reply to the account that wrote to them."""
        said = [(self.accounts[each], each, text) for each, text in texts.items()]
        body = [
            {"number": each, "text": text, "vendor": account, "account": account}
            for account, each, text in said
        ]
        self.stack.ask("/_sandbox/mo", method="POST", body=body)
        self.replies += said

    def records(self) -> dict[str, Record]:
        """Return our record of each number's message."""
        return dict(zip(self.ids, self.stack.records(list(self.ids.values())), strict=True))

    def ledger(self) -> dict[str, Ending]:
        """Return what became of each number's message at the vendors."""
        entries = self.stack.ask("/_sandbox/ledger")["messages"]
        counts = Counter(entry["number"] for entry in entries)
        assert set(counts.values()) <= {1}, "a handset got a message twice"
        assert all(entry["account"] == self.accounts[entry["number"]] for entry in entries)
        return {entry["number"]: Ending(entry["ending"]) for entry in entries}

    def untold(self) -> dict[str, Record]:
        """Return the messages, by number, of which we don't say what their handsets came to."""
        fates = self.ledger()
        return {
            each: record
            for each, record in self.records().items()
            if not self._is_true(each, record, fates.get(each))
        }

    def _is_true(self, each: str, record: Record, ending: Ending | None) -> bool:
        if ending is None:  # killed before a byte left: nobody can know
            return record.status is Status.UNKNOWN
        if each.endswith(NEVER):
            return _rests(record)
        codes = CODES[self.accounts[each]]
        wanted = {(ENDINGS[ending], codes[ending])}
        if each.endswith(CHANGED):  # whichever came first: statuses go forward only
            wanted.add((Status.UNDELIVERED, codes[Ending.UNDELIVERED]))
        return (record.status, record.code) in wanted

    def settled(self) -> bool:
        """Return whether nothing is on its way any more, neither to us nor within.

        In the order in which things flow: what left one place stands in the next by then.
        """
        redis = self.stack.store.redis
        return (
            self._vendors_are_done()
            and not list(redis.scan_iter(f"{keys.LEASE}tencent:*"))
            and spool(self.stack) == (0, 0, 0)
            and not any(redis.zcard(keys.OPEN + account) for account in ACCOUNTS)
            and not any(self._goes_on(*each) for each in self.untold().items())
        )

    def _vendors_are_done(self) -> bool:
        found = self.stack.ask("/_sandbox")
        waiting = sum(each["reports"] + each["inbound"] for each in found["accounts"])
        return bool(found["pushes"]["pending"] == waiting == 0)

    def _goes_on(self, each: str, record: Record) -> bool:
        """Return whether a message is on its way, or a report of it is kept."""
        kept = f"{keys.EARLY}{self.accounts[each]}:{PLAIN.number(each)}"
        return not _rests(record) or bool(self.stack.store.redis.exists(kept))

    def lost(self, cut_off: int = 0) -> dict[str, Record]:
        """Check that what is untold was on lost pages, and return it by number.

        ``cut_off``: how many polls a living worker gave up.
        """
        untold = self.untold()
        pages = [{item["mobile"] for item in page["items"]} for page in self.pages("report")]
        lost = [page for page in pages if page & untold.keys()]
        arrived = set().union(*(page for page in pages if page not in lost))
        assert len(lost) <= self.kills + cut_off, "a page was lost, and nobody was killed"
        assert untold.keys() <= set().union(*lost), "a report that arrived was not taken in"
        told = set().union(*lost) - arrived - untold.keys()
        assert not told, "of a lost page some was taken in, and some was not"
        assert all(_rests(record) for record in untold.values())
        return untold

    def letters(self, cut_off: int = 0) -> list[dict[str, Any]]:
        """Check that each reply is in the inbox once, but for lost pages; return the letters."""
        entries: Any = self.stack.store.redis.xrange(keys.INBOUND)
        found = [msgspec.json.decode(fields[b"letter"]) for _, fields in entries]
        told = Counter((one["account"], one["sender"][3:], one["text"]) for one in found)
        assert set(told.values()) <= {1}, "a reply stands in the inbox twice"
        missing = Counter(self.replies) - told
        pages = [
            {(page["account"], item["mobile"], item["content"]) for item in page["items"]}
            for page in self.pages("inbound")
        ]
        lost = [page for page in pages if page & missing.keys()]
        assert not told - Counter(self.replies), "a reply that nobody sent"
        assert set().union(*lost) == missing.keys(), "a reply that arrived was not taken in"
        assert len(lost) <= self.kills + cut_off, "a page was lost, and nobody was killed"
        return found

    def pages(self, kind: str) -> list[dict[str, Any]]:
        """Return what polls were given."""
        found: list[dict[str, Any]] = self.stack.ask(f"/_sandbox/pages?kind={kind}")["pages"]
        return found


def _rests(record: Record) -> bool:
    """Return whether it is as it must be where no report came: never delivered, for one."""
    lost = record.status is Status.UNKNOWN and was_lost(record)
    return lost or record.status is Status.SUBMITTED


def was_lost(record: Record) -> bool:
    """Return whether the answer to its submit was lost."""
    return any(step.event == Status.UNKNOWN for step in steps(record))


def was_resent(record: Record) -> bool:
    """Return whether it was submitted again though the vendor may have taken it."""
    return any(step.reason == RESENT for step in steps(record))


def spool(stack: Stack) -> tuple[Any, ...]:
    """Return how many pages wait to be parsed, are being parsed, and were not understood."""
    redis = stack.store.redis
    pending = redis.xpending(keys.SPOOL, "parsers") if redis.exists(keys.SPOOL) else {}
    return redis.xlen(keys.SPOOL), dict(pending).get("pending", 0), redis.xlen(keys.UNREADABLE)
