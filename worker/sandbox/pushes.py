"""The vendors call us: delivery reports and inbound messages posted to our gateway."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec

from worker.sandbox.exchange import FORM, JSON
from worker.sandbox.rules import Settings

Sleep = Callable[[float], Awaitable[None]]

_OK = 200
_KEPT = 10_000
_AT_ONCE = 64


@dataclass(slots=True, kw_only=True)
class Push:
    """One callback, and what our gateway said to it."""

    vendor: str
    account: str
    kind: str  #: report or inbound
    form: Mapping[str, str] = field(default_factory=dict)
    items: list[Any] | None = None  #: a JSON body instead of a form (Tencent's native push)
    in_query: bool = False
    attempts: int = 0
    status: int = 0  #: HTTP status of the last attempt; 0: no answer
    ack: str = ""  #: the body of our gateway's last answer
    acked: bool = False


class Pusher:
    """Posts callbacks and tries again a few times while they are not acknowledged.

    An answer with status 200 acknowledges; Tencent's native push wants the text OK as well.
    No document says how often or how long the vendors try: a guess, and a setting.
    """

    def __init__(self, settings: Settings, sleep: Sleep) -> None:
        self._settings = settings
        self._sleep = sleep
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self.ledger: deque[Push] = deque(maxlen=_KEPT)
        self.acked = self.lost = self.dropped = 0

    async def open(self) -> None:
        # Our own gateway on loopback: no proxy, no cookies.
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=10),
            connector=aiohttp.TCPConnector(limit=_AT_ONCE),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        self.clear()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    def clear(self) -> None:
        for task in self._tasks:
            task.cancel()
        self.ledger.clear()
        self.acked = self.lost = self.dropped = 0

    @property
    def pending(self) -> int:
        return len(self._tasks)

    async def settled(self) -> None:
        """Wait until nothing is on its way any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def schedule(self, push: Push, after: float) -> None:
        """Send ``push`` after so many seconds; without a callback address it is dropped."""
        if not self._settings.callback:
            self.dropped += 1
            return
        self._begin(self._later(push, after))

    async def knock(self, push: Push) -> None:
        """Send ``push`` now and return after one try; nobody waits for the others."""
        if not self._settings.callback:
            self.dropped += 1
            return
        self.ledger.append(push)
        if await self._tried(push):
            self.acked += 1
        else:
            self._begin(self._again(push))

    def _begin(self, sending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _later(self, push: Push, after: float) -> None:
        if after > 0:
            await self._sleep(after)
        await self.knock(push)

    async def _again(self, push: Push) -> None:
        """Send a push that was not acknowledged until it is, or has been tried often enough."""
        pause = self._settings.push_pause
        while push.attempts < self._settings.push_attempts:
            await self._sleep(pause)
            pause *= 2
            if await self._tried(push):
                self.acked += 1
                return
        self.lost += 1

    async def _tried(self, push: Push) -> bool:
        push.attempts += 1
        try:
            async with self._slots:
                push.status, push.ack = await self._post(push)
        except (aiohttp.ClientError, TimeoutError):
            push.status, push.ack = 0, ""
        wants_ok = push.vendor == "tencent"
        push.acked = push.status == _OK and (not wants_ok or push.ack.strip() == "OK")
        return push.acked

    async def _post(self, push: Push) -> tuple[int, str]:
        if self._session is None:
            return 0, ""
        url = f"{self._settings.callback.rstrip('/')}/callbacks/{push.account}/{push.kind}"
        body, kind = urlencode(push.form).encode(), FORM
        if push.items is not None:
            body, kind = msgspec.json.encode(push.items), JSON
        elif push.in_query:
            url, body = f"{url}?{body.decode()}", b""
        headers = {"Content-Type": kind}
        async with self._session.post(url, data=body, headers=headers) as response:
            return response.status, await response.text(errors="replace")
