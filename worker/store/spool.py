"""The spool: what vendors hand us, raw, kept before anybody parses it.

A callback is acknowledged and a polled page forgotten by the vendor only after it stands here.
One stream, one consumer group: a consumer killed in the middle leaves its pages to the others. A
page that no parser understands moves to a second stream, where people see it and may put it back.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
from redis.exceptions import ResponseError

from worker.contract import keys
from worker.contract.events import Kind, Raw
from worker.store.client import AsyncStore

_GROUP = "parsers"
_IDLE = 60_000  # ms after which a page that its consumer did not finish goes to another one


class _Page(msgspec.Struct, array_like=True):
    """A page as it is stored."""

    account: str
    kind: Kind
    body: str
    params: dict[str, str]
    headers: dict[str, str]
    address: str


@dataclass(frozen=True, slots=True)
class Page:
    """One spooled page on its way to a parser."""

    id: str  #: of the stream's entry; its first part is Redis's clock in ms
    account: str
    raw: Raw


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(_Page).decode


class Spool:
    """The spool of one store."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store

    async def put(self, account: str, raw: Raw) -> str:
        """Keep a page; returns its id. Raises StoreError: then the vendor must not be told yes."""
        page = _Page(account, raw.kind, raw.body, dict(raw.params), dict(raw.headers), raw.address)
        entry: bytes = await self._store.command("XADD", keys.SPOOL, "*", "page", _ENCODE(page))
        return entry.decode()

    async def take(self, consumer: str, most: int) -> list[Page]:
        """Return pages for this consumer: first those that another one left behind."""
        await self._ensure_group()
        left = await self._store.command(
            *("XAUTOCLAIM", keys.SPOOL, _GROUP, consumer, _IDLE, "0-0", "COUNT", most)
        )
        pages = _pages(left[1])
        if pages:
            return pages
        fresh = await self._store.command(
            *("XREADGROUP", "GROUP", _GROUP, consumer, "COUNT", most, "STREAMS", keys.SPOOL, ">")
        )
        return _pages(_entries(fresh))

    async def done(self, page: Page) -> None:
        """Forget a page whose every word is settled."""
        await self._store.command("XACK", keys.SPOOL, _GROUP, page.id)
        await self._store.command("XDEL", keys.SPOOL, page.id)

    async def unreadable(self, page: Page, why: str) -> None:
        """Put a page aside that no parser understands, with the reason."""
        raw = page.raw
        kept = _Page(
            page.account, raw.kind, raw.body, dict(raw.params), dict(raw.headers), raw.address
        )
        await self._store.command(
            *("XADD", keys.UNREADABLE, "*", "page", _ENCODE(kept), "why", why[:200])
        )
        await self.done(page)

    async def replay(self, most: int = 1000) -> int:
        """Put the unreadable pages back, after a fix; returns how many."""
        entries = await self._store.command("XRANGE", keys.UNREADABLE, "-", "+", "COUNT", most)
        for entry_id, fields in _rows(entries):
            await self._store.command("XADD", keys.SPOOL, "*", "page", fields[b"page"])
            await self._store.command("XDEL", keys.UNREADABLE, entry_id)
        return len(entries)

    async def _ensure_group(self) -> None:
        try:
            await self._store.redis.xgroup_create(keys.SPOOL, _GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise


def _pages(entries: Any) -> list[Page]:
    found = []
    for entry_id, fields in _rows(entries):
        page = _DECODE(fields[b"page"])
        raw = Raw(page.kind, page.body, page.params, page.headers, page.address)
        found.append(Page(entry_id.decode(), page.account, raw))
    return found


def _entries(answer: Any) -> Any:
    """Return the entries of the one stream that XREADGROUP was asked about."""
    if not answer:
        return []
    streams = answer.items() if isinstance(answer, dict) else answer
    return next(iter(streams))[1]


def _rows(entries: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return id and fields of each entry, whether the client parsed them or not."""
    found = []
    for entry_id, fields in entries or []:
        if not isinstance(fields, dict):
            fields = dict(zip(fields[::2], fields[1::2], strict=True))  # noqa: PLW2901
        found.append((entry_id, fields))
    return found
