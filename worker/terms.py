"""Terms: what the settings say to the scripts, written into the store as a process starts."""

import asyncio

import structlog

from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.settings import Settings
from worker.store.client import AsyncStore

log = structlog.get_logger("xinshi.terms")

_AGAIN = 2.0  # seconds between two tries


async def tell(settings: Settings, store: AsyncStore) -> None:
    """Write them as soon as Redis is there, however long that takes."""
    while True:
        try:
            await _write(settings, store)
        except StoreError as error:
            log.warning("store.lost", act="settings", error=str(error))
            await asyncio.sleep(_AGAIN)
        else:
            return


async def _write(settings: Settings, store: AsyncStore) -> None:
    texts = settings.store.keep_texts
    terms: dict[str, str | int] = {
        keys.EVENTS_KEPT: settings.events.keep,
        keys.TEXTS_KEPT: -1 if texts is None else int(texts * 1000),
        keys.NUMBER_KEY: settings.privacy.aliases.print,
    }
    for key, value in terms.items():
        await store.command("SET", key, value)
    if len(settings.cells) > 1:  # for the doctor, who tells when their order changes
        await store.command("SET", keys.SHARD, settings.cells[settings.served()].name, "NX")
