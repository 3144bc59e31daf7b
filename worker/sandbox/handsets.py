"""What each handset was sent: the ledger that tests count in."""

from collections import Counter, deque
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from worker.sandbox.endings import Ending

_encode = msgspec.json.Encoder().encode


class Entry(NamedTuple):
    """One message that a vendor took."""

    number: str
    vendor: str
    account: str
    text: str  #: as the handset shows it, as far as the vendor knows
    vendor_id: str
    message_id: str  #: ours, where the vendor is told (Zhenzi)
    time: float
    ending: str  #: "delivered": the handset got it


class Answered(NamedTuple):
    """One message that a handset sent to us."""

    number: str
    vendor: str
    account: str
    text: str
    time: float


class Ledger:
    """The messages taken: the latest ``size`` in full, all of them counted.

    With ``path`` each is also appended to a file as a line of JSON, written through before the
    vendor answers: it can be read after a crash, and a reset does not touch it.
    """

    def __init__(self, size: int, path: Path | None = None) -> None:
        self.entries: deque[Entry] = deque(maxlen=size)
        self.numbers: Counter[str] = Counter()
        self.latest: dict[str, Entry] = {}  #: of each number, in the order they came
        self.vendors: Counter[str] = Counter()
        self.endings: Counter[str] = Counter()
        # Unbuffered, and open as long as the sandbox is.
        self._file = path.open("ab", buffering=0) if path else None

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.numbers[entry.number] += 1
        self.latest.pop(entry.number, None)
        self.latest[entry.number] = entry
        self.vendors[entry.vendor] += 1
        self.endings[entry.ending] += 1
        if self._file:
            self._file.write(_encode(entry._asdict()) + b"\n")

    def clear(self) -> None:
        for kept in (self.entries, self.numbers, self.latest, self.vendors, self.endings):
            kept.clear()

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def find(self, **wanted: str) -> list[Entry]:
        """Return the entries whose fields are as ``wanted``, oldest first."""
        asked = [(name, value) for name, value in wanted.items() if value]
        return [
            entry
            for entry in self.entries
            if all(getattr(entry, name) == value for name, value in asked)
        ]

    def thread(self, number: str, most: int) -> list[Entry]:
        """Return the latest messages to one number, oldest first."""
        most = min(most, self.numbers[number])
        found = (entry for entry in reversed(self.entries) if entry.number == number)
        return list(islice(found, most))[::-1]

    def counts(self) -> dict[str, object]:
        """Return the totals; ``doubles`` counts copies of one text to one number after its first,
        among the entries kept in full."""
        taken = sum(self.vendors.values())
        distinct = {(entry.number, entry.text) for entry in self.entries}
        return {
            "taken": taken,
            "delivered": self.endings[Ending.DELIVERED],
            "doubles": len(self.entries) - len(distinct),
            "vendors": self.vendors,
            "endings": self.endings,
            "numbers": self.numbers,
        }
