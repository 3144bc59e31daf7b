"""The bell: codes are served the moment they come, while other streams keep the process busy.

A ring comes through Celery's threads, and each of them waits for its turn at the interpreter, the
longer the busier the process is. The bell wakes the event loop itself. Whatever it wakes for was
rung for as well: where nobody listens, or the bell fails, the ring is there.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.status import Stream
from worker.store.client import AsyncStore

log = structlog.get_logger("xinshi.bell")

_RECONNECT = 0.5  # seconds between two tries to reach Redis


async def listen(
    store: AsyncStore, serve: Callable[[Stream], Awaitable[int]], busy: asyncio.Event
) -> None:
    """Serve codes whenever the bell says so, until cancelled.

    ``serve`` as Pump.run does it; ``busy``: set while a ring would have to wait.
    """
    away = False
    while await busy.wait():
        try:
            heard = await store.command("BLPOP", keys.BELL, store.timeout / 2)
        except StoreError as error:
            if not away:
                log.warning("store.lost", act="listen", error=str(error))
            away = True
            await asyncio.sleep(_RECONNECT)
            continue
        away = False
        if heard and busy.is_set():
            await asyncio.shield(serve(Stream.OTP))  # what was claimed is submitted
