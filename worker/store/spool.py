"""The spool: what vendors hand us, raw, kept before anybody parses it.

A callback is acknowledged and a polled page forgotten by the vendor only after it stands here.
One stream, one consumer group: a consumer killed in the middle leaves its pages to the others. A
page that no parser understands moves to a second stream, where people see it and may put it back.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from redis.exceptions import RedisError, ResponseError

from worker.contract import keys
from worker.contract.errors import SealError, StoreError
from worker.contract.events import Kind, Raw
from worker.store.client import AsyncStore
from worker.store.entries import BEGIN, moment, of_one_stream, rows
from worker.store.sealing import UNSEALED, Seal

_GROUP = "parsers"
_IDLE = 60.0  # seconds after which a page that its consumer did not finish goes to another one


class _Page(msgspec.Struct, array_like=True):
    """A page as it is stored."""

    account: str
    kind: Kind
    body: str
    params: dict[str, str]
    headers: dict[str, str]
    address: str
    came: int = 0  #: ms since 1970, where that is not what its id says: it was put back


@dataclass(frozen=True, slots=True)
class Page:
    """One spooled page on its way to a parser."""

    id: str  #: of the stream's entry
    account: str
    raw: Raw
    came: int = 0  #: when the vendor handed it over: ms by Redis's clock


@dataclass(frozen=True, slots=True)
class Unread:
    """One page that no parser understood."""

    id: str
    account: str
    kind: str
    why: str
    came: int


@dataclass(frozen=True, slots=True)
class Pending:
    """How far behind the parsers are."""

    pages: int  #: waiting or taken, and not finished
    oldest: int  #: ms since 1970; 0: there is none
    unreadable: int


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(_Page).decode


class Spool:
    """The spool of one store. Raises StoreError."""

    def __init__(self, store: AsyncStore, *, idle: float = _IDLE, seal: Seal = UNSEALED) -> None:
        self._store = store
        self._seal = seal
        self._idle = int(idle * 1000)

    async def put(self, account: str, raw: Raw) -> str:
        """Keep a page; returns its id. Raises StoreError: then the vendor must not be told yes."""
        packed = self._seal.seal_bytes(_packed(account, raw))
        entry: bytes = await self._store.command("XADD", keys.SPOOL, "*", "page", packed)
        return entry.decode()

    async def take(self, consumer: str, most: int) -> list[Page]:
        """Return pages to parse: first those that another consumer left behind."""
        try:
            return await self._take(consumer, most)
        except StoreError as error:
            if "NOGROUP" not in str(error):
                raise
        await self._create_group()
        return await self._take(consumer, most)

    async def _take(self, consumer: str, most: int) -> list[Page]:
        cursor: str | bytes = BEGIN
        while True:
            cursor, entries, *_ = await self._store.command(
                *("XAUTOCLAIM", keys.SPOOL, _GROUP, consumer, self._idle, cursor, "COUNT", most)
            )
            if pages := await self._read(entries):
                return pages
            if cursor in (BEGIN, BEGIN.encode()):
                break
        fresh = await self._store.command(
            *("XREADGROUP", "GROUP", _GROUP, consumer, "COUNT", most, "STREAMS", keys.SPOOL, ">")
        )
        return await self._read(of_one_stream(fresh))

    async def _create_group(self) -> None:
        try:
            async with _errors():
                await self._store.redis.xgroup_create(keys.SPOOL, _GROUP, id="0", mkstream=True)
        except StoreError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _read(self, entries: Any) -> list[Page]:
        """Return the pages; what is none (another version wrote it) is put aside as it is.

        So is what cannot be opened: it may be put back once its key is there.
        """
        found = []
        for entry_id, fields in rows(entries):
            packed = fields.get(b"page", b"")
            try:
                page = _DECODE(self._seal.open_bytes(packed))
            except SealError as error:
                await self._move(entry_id, packed, f"the page {error.rule}")
                continue
            except msgspec.MsgspecError:
                await self._move(entry_id, packed, "the entry is no page that this version knows")
                continue
            raw = Raw(page.kind, page.body, page.params, page.headers, page.address)
            came = page.came or moment(entry_id)
            found.append(Page(entry_id, page.account, raw, came))
        return found

    async def done(self, page: Page) -> None:
        """Forget a page whose every word is settled."""
        await self._together(_finished(page.id))

    async def unreadable(self, page: Page, why: str) -> None:
        """Put a page aside that no parser understands, with the reason."""
        packed = self._seal.seal_bytes(_packed(page.account, page.raw, page.came))
        await self._move(page.id, packed, why)

    async def _move(self, entry_id: str, packed: bytes, why: str) -> None:
        kept = ("XADD", keys.UNREADABLE, "*", "page", packed, "why", why[:200])
        await self._together([kept, *_finished(entry_id)])

    async def aside(self, most: int = 100) -> list[Unread]:
        """Return pages that no parser understood, the oldest first; what they say is not shown."""
        found = await self._aside("+", most)
        return [_unread(entry_id, fields, self._seal) for entry_id, fields in found]

    async def replay(self) -> int:
        """Put the unreadable pages back, after a fix; returns how many.

        Those that are there now: what is put aside again meanwhile stays where it is.
        """
        newest = await self._store.command("XREVRANGE", keys.UNREADABLE, "+", "-", "COUNT", 1)
        last = next((entry_id for entry_id, _ in rows(newest)), BEGIN)
        count = 0
        while found := await self._aside(last):
            for entry_id, fields in found:
                back = ("XADD", keys.SPOOL, "*", "page", fields.get(b"page", b""))
                await self._together([back, ("XDEL", keys.UNREADABLE, entry_id)])
            count += len(found)
        return count

    async def _aside(self, last: str, most: int = 100) -> list[tuple[str, dict[bytes, bytes]]]:
        entries = await self._store.command("XRANGE", keys.UNREADABLE, "-", last, "COUNT", most)
        return list(rows(entries))

    async def pending(self) -> Pending:
        """Return how far behind the parsers are: what is finished leaves the stream."""
        pages = await self._store.command("XLEN", keys.SPOOL)
        first = await self._store.command("XRANGE", keys.SPOOL, "-", "+", "COUNT", 1)
        aside = await self._store.command("XLEN", keys.UNREADABLE)
        oldest = next((moment(entry_id) for entry_id, _ in rows(first)), 0)
        return Pending(int(pages), oldest, int(aside))

    async def _together(self, commands: Sequence[tuple[str | bytes, ...]]) -> None:
        """Carry out all or nothing: a page is in one place whenever its consumer is killed."""
        async with _errors(), self._store.redis.pipeline(transaction=True) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            await pipe.execute()


def _finished(entry_id: str) -> list[tuple[str | bytes, ...]]:
    return [("XACK", keys.SPOOL, _GROUP, entry_id), ("XDEL", keys.SPOOL, entry_id)]


def _packed(account: str, raw: Raw, came: int = 0) -> bytes:
    params, headers = dict(raw.params), dict(raw.headers)
    try:
        return _ENCODE(_Page(account, raw.kind, raw.body, params, headers, raw.address, came))
    except UnicodeEncodeError:  # half a character: the rest of the page is worth more
        page = _Page(
            account,
            raw.kind,
            _whole(raw.body),
            {_whole(name): _whole(value) for name, value in params.items()},
            {_whole(name): _whole(value) for name, value in headers.items()},
            _whole(raw.address),
            came,
        )
        return _ENCODE(page)


def _whole(text: str) -> str:
    return text.encode(errors="replace").decode()


def _unread(entry_id: str, fields: dict[bytes, bytes], seal: Seal) -> Unread:
    why = fields.get(b"why", b"").decode(errors="replace")
    try:
        page = _DECODE(seal.open_bytes(fields.get(b"page", b"")))
    except (msgspec.MsgspecError, SealError):
        return Unread(entry_id, "", "", why, moment(entry_id))
    return Unread(entry_id, page.account, page.kind, why, page.came or moment(entry_id))


@asynccontextmanager
async def _errors() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        said = str(error)[:200] if isinstance(error, ResponseError) else type(error).__name__
        raise StoreError(f"Redis: {said}") from error
