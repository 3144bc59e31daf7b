"""Loop: where Celery's threads meet asyncio. One event loop a process, in a thread of its own."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_EVERY = 0.5  # seconds between two looks at how late the loop is
_JOIN = 5.0  # seconds that its thread may take to end


class Loop:
    """An event loop that runs in a daemon thread from ``start`` to ``stop``."""

    _loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="xinshi-loop", daemon=True)

    def start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        if left := asyncio.all_tasks(self._loop):
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.wait(left, timeout=1))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait, in the caller's thread, for its result."""
        return self.begin(coroutine).result()

    def begin(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the loop, and return what will have its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def soon(self, callback: Any, *args: Any) -> None:
        """Call a function on the loop soon; safe from a signal handler."""
        self._loop.call_soon_threadsafe(callback, *args)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_JOIN)
        if not self._thread.is_alive():
            self._loop.close()


class Lag:
    """How late a loop wakes whom it promised to wake: what a busy or blocked one shows first."""

    def __init__(self, note: Callable[[float], None]) -> None:
        self._note = note

    async def run(self) -> None:
        """Measure until cancelled; ``note`` is told the seconds."""
        while True:
            asked = time.monotonic() + _EVERY
            await asyncio.sleep(_EVERY)
            self._note(max(0.0, time.monotonic() - asked))
