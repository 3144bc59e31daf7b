"""What the vendors know at one moment; every dialect works on the same one."""

import zlib
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path

from worker.contract.settings import Account
from worker.sandbox import fates
from worker.sandbox.accounts import Directory, VendorAccount
from worker.sandbox.endings import DELIVERED, Ending, Fate
from worker.sandbox.handsets import Answered, Entry, Ledger
from worker.sandbox.mailboxes import Page
from worker.sandbox.pushes import Pusher, Sleep
from worker.sandbox.rules import Settings
from worker.sandbox.windows import NumberLimits, Rolling

Clock = Callable[[], float]

_HALF_HOUR = 1800.0
_LOW_BITS = 20
_PAGES = 10_000
_REPLIES = 1000
_SHARES = 1000


class State:
    """Accounts, limits, ledger and settings. ``clock`` gives Unix time."""

    def __init__(
        self,
        accounts: Mapping[str, Account],
        *,
        settings: Settings,
        clock: Clock,
        sleep: Sleep,
        ledger_size: int,
        ledger_path: Path | None,
    ) -> None:
        self.clock = clock
        self.settings = settings
        self.directory = Directory(accounts)
        self.ledger = Ledger(ledger_size, ledger_path)
        self.replies: deque[Answered] = deque(maxlen=_REPLIES)  #: what handsets sent to us
        self.pusher = Pusher(settings, sleep)
        self.requests: Counter[str] = Counter()  #: "vendor operation" -> how many
        self.open: Counter[str] = Counter()  #: vendor -> requests being answered
        self.pages: deque[Page] = deque(maxlen=_PAGES)  #: handed out to polls, and gone here
        self.largesms, self.zhenzi = NumberLimits(), NumberLimits()
        self.tencent = Rolling(_HALF_HOUR)
        self.messages: dict[tuple[str, str], Entry] = {}  #: Zhenzi: app and messageId -> message
        self._tries: Counter[str] = Counter()
        self._serial = int(clock() * 1000) << _LOW_BITS  # ids do not repeat over restarts
        self.kept = ledger_size

    def serial(self) -> int:
        """Return a number never returned before."""
        self._serial += 1
        return self._serial

    def fate(self, number: str) -> Fate:
        """Return what becomes of one more submit to ``number``."""
        found = fates.fate(number)
        if found is DELIVERED or not found.first:
            return found
        self._tries[number] += 1
        return found if self._tries[number] <= found.first else DELIVERED

    def reports(self, number: str, fate: Fate) -> list[tuple[float, Ending]]:
        """Return a message's delivery reports to come: after how many seconds, saying what."""
        settings = self.settings
        share = zlib.crc32(number.encode()) % _SHARES / _SHARES
        return fate.reports(settings.report_delay + settings.report_spread * share, settings.late)

    def take(
        self,
        account: VendorAccount,
        number: str,
        text: str,
        *,
        ending: str,
        vendor_id: str = "",
        message_id: str = "",
    ) -> Entry:
        """Write down that the vendor took a message."""
        entry = Entry(
            number, account.vendor, account.name, text, vendor_id, message_id, self.clock(), ending
        )
        self.ledger.add(entry)
        return entry

    def remember(self, login: str, entry: Entry) -> None:
        """Keep a message for being asked about by our own id; the oldest are forgotten."""
        self.messages[login, entry.message_id] = entry
        if len(self.messages) > self.kept:
            del self.messages[next(iter(self.messages))]

    def clear(self) -> None:
        """Forget all that happened; settings are the caller's business."""
        for kept in (self.ledger, self.pusher, self.largesms, self.zhenzi, self.tencent):
            kept.clear()
        for account in self.directory:
            account.clear()
        self.requests.clear()
        self.messages.clear()
        self.pages.clear()
        self.replies.clear()
        self._tries.clear()
