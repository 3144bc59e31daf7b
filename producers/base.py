"""What both clients know: the settings, the checks, and how an answer reads."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

from producers.diversion import Diversion, current
from producers.ids import new_id
from producers.intake import Intake
from producers.life import Life
from producers.listening import Listening
from producers.snapshot import Snapshot, unreported
from worker import vendors
from worker.contract import settings as reading
from worker.contract.errors import ConflictError, NotFoundError, StoreError
from worker.contract.record import Record
from worker.contract.settings import Settings
from worker.contract.status import Status
from worker.store import acts, care
from worker.store.acts import Accepted, Act, Entry
from worker.store.care import Circumstances
from worker.store.consumer import Start
from worker.store.sealing import UNSEALED, Seal


def utc_now() -> datetime:
    return datetime.now(UTC)


class BaseClient:
    """Neither sends anything by itself: its children do."""

    def __init__(
        self,
        redis_url: str | None = None,
        config: str | Path | Settings | None = None,
        *,
        clock: Callable[[], datetime] = utc_now,
        new_id: Callable[[], str] = new_id,
        diversion: Diversion | None = None,
    ) -> None:
        """Read the settings; raise SettingsError.

        ``redis_url`` wins over the file and the environment; ``config`` is the path of an
        xinshi.toml (default: XINSHI_CONFIG, then ./xinshi.toml if it is there). ``diversion`` is
        asked instead of Redis, whatever else is diverted (see producers.testing).
        """
        self._diversion = diversion
        if isinstance(config, Settings):
            self.settings = config.at(redis_url) if redis_url else config
        else:
            self.settings = reading.load(config, redis_url=redis_url)
        self._vendors = vendors.load_all(self.settings)
        self._clock = clock
        self._intake = Intake(self.settings, self._vendors, clock=clock, new_id=new_id)
        self._seal = Seal(self.settings.privacy.text_keys)

    def _elsewhere(self) -> Diversion | None:
        return self._diversion or current()

    def _accept(self, entries: list[Entry], elsewhere: Diversion | None) -> Act[list[Accepted]]:
        store = self.settings.store
        return acts.accept(
            entries,
            retention=store.retention,
            idempotency=store.idempotency,
            number_key=self._intake.number_key,
            seal=UNSEALED if elsewhere else self._seal,  # what a test looks at is in clear
        )

    def _explain(self, message_id: str) -> Act[Circumstances | None]:
        return care.explain(asked(message_id), tuple(self.settings.vendors))

    def _listening(
        self, group: str, types: Collection[str] | None, start: Start, wait: float | None
    ) -> list[Listening]:
        """Return one for each shard."""
        if self._elsewhere():
            raise StoreError("this client is diverted from Redis, where the events are")
        timeout, many = self.settings.store.timeout, len(self.settings.cells)
        return [
            Listening(group, types=types, start=start, wait=wait, timeout=timeout, shards=many)
            for _ in range(many)
        ]

    def _snapshot(self, message_id: str, found: list[Record | None]) -> Snapshot:
        (record,) = found
        if record is None:
            raise NotFoundError(message_id)
        reason = unreported(
            record,
            reported=self._reported(record),
            horizon=self.settings.store.reports,
            now=self._clock(),
        )
        return Snapshot.of(message_id, record, reason)

    def _reported(self, record: Record) -> bool:
        vendor = self._vendors.get(record.account)
        return vendor is None or vendor.reported

    def _life(self, message_id: str, found: Circumstances | None) -> Life:
        if found is None:
            raise NotFoundError(message_id)
        reported = self._reported(found.record)
        return Life.of(message_id, found, self.settings, reported=reported)


def one(answer: Accepted) -> str:
    """Return the id; raise ConflictError where its idempotency key has another content."""
    if answer.state == "conflict":
        raise ConflictError(answer.id)
    return answer.id


def asked(message_id: str) -> str:
    """Return an id as it can be asked for; raise NotFoundError where it is surely none of ours."""
    if not message_id.isascii():
        raise NotFoundError(message_id)
    return message_id


def some(found: list[Record | None]) -> bool:
    return found[0] is not None


def known(found: tuple[bool, Status | None]) -> bool:
    return found[1] is not None
