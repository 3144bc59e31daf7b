"""Dead letters: messages that ended without being taken. Found by page, sent again one by one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import chain, islice

from producers import steps
from producers.ids import new_id
from worker.contract.errors import StoreError
from worker.contract.record import Record
from worker.contract.settings import Settings
from worker.contract.status import Status
from worker.store import acts, care
from worker.store.shards import Shards

PAGE = 500  # letters read at once
_DEAD = frozenset({Status.REJECTED, Status.EXPIRED})

Letter = tuple[str, Record]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of them are meant; what is empty does not matter."""

    reason: str = ""  #: stands in our reason, or is the vendor's code; in any case
    account: str = ""  #: of the last attempt, or the one it was pinned to
    since: int = 0  #: ms since 1970

    def __bool__(self) -> bool:
        return bool(self.reason or self.account or self.since)

    def matches(self, record: Record) -> bool:
        wanted = self.reason.lower()
        if wanted and wanted not in record.reason.lower() and wanted != record.code.lower():
            return False
        return self.account in ("", record.account, record.pin)


def pages(
    shards: Shards, wanted: Filter, away: list[StoreError] | None = None
) -> Iterator[list[Letter]]:
    """Yield what matches, a page at a time, the newest first; raise StoreError.

    ``away``: takes the errors of shards that do not answer, which are left out then.
    """
    every = [_pages(shards, place, wanted, away) for place in range(len(shards))]
    if len(every) == 1:
        yield from every[0]
        return
    letters = (chain.from_iterable(each) for each in every)
    merged = merge(*letters, key=lambda letter: letter[1].updated, reverse=True)
    while page := list(islice(merged, PAGE)):
        yield page


def _pages(
    shards: Shards, place: int, wanted: Filter, away: list[StoreError] | None
) -> Iterator[list[Letter]]:
    read, until = 0, None
    while True:
        try:
            page = shards.ask(place, care.dead(wanted.since, read, PAGE, until=until))
        except StoreError as error:
            if away is None:
                raise
            away.append(error)
            return
        read += len(page.messages)
        until = page.now if until is None else until
        yield [letter for letter in page.messages if wanted.matches(letter[1])]
        if page.last:
            return


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one wish to send a dead letter again."""

    id: str
    record: Record | None = None
    new_id: str = ""  #: of the message that says the same; empty where there is none (yet)
    before: bool = False  #: it was replayed as that earlier, not now
    refusal: str = ""  #: why there is none


class Replayer:
    """Sends dead letters again, each once, however often it is asked."""

    def __init__(
        self,
        shards: Shards,
        settings: Settings,
        *,
        dry: bool,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        self._shards = shards
        self._settings = settings
        self._dry = dry
        self._new_id = new_id

    def replay(self, ids: Sequence[str]) -> Iterator[Replayed]:
        """Yield what becomes of each; raise StoreError."""
        asked = [each for each in ids if each.isascii()]
        found = dict(zip(asked, self._shards.locate(asked), strict=True))
        for each in ids:
            place, record = found.get(each) or (0, None)
            yield self._replay(each, place, record)

    def _replay(self, message_id: str, place: int, record: Record | None) -> Replayed:
        refused = _refused(message_id, record)
        if refused or record is None:
            return refused or Replayed(message_id)
        if self._dry:
            return Replayed(message_id, record)
        fresh = self._shards.placing.telling(self._new_id(), place)
        validity = self._settings.streams[record.stream].validity
        retention = self._settings.store.retention
        act = care.replay(message_id, fresh, validity=validity, retention=retention)
        if self._shards.ask(place, act):
            return Replayed(message_id, record, fresh)
        (now,) = self._shards.ask(place, acts.find([message_id]))  # somebody else was quicker
        refusal = f"{message_id} is no dead letter any more"
        return _refused(message_id, now) or Replayed(message_id, now, refusal=refusal)


def _refused(message_id: str, record: Record | None) -> Replayed | None:
    """Return what there is to say of a message that is not to be replayed, else None."""
    if record is None:
        return Replayed(message_id, refusal=f"no message has the id {message_id[:40]!r}")
    if before := steps.replayed_as(record):
        return Replayed(message_id, record, before, before=True)
    if record.status not in _DEAD:
        refusal = f"{message_id} is no dead letter: it is {record.status}"
        return Replayed(message_id, record, refusal=refusal)
    if not record.content:
        return Replayed(message_id, record, refusal=f"the text of {message_id} was removed")
    return None
