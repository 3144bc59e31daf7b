"""What the worker's tests share: a vendor that only counts, a scripted transport, raw servers."""

import asyncio
import contextlib
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec
import pytest
import pytest_asyncio
import redis

from worker.contract import settings as reading
from worker.contract.keys import ready
from worker.contract.record import Content, Record, sign
from worker.contract.segments import length, signed
from worker.contract.settings import Settings, Timeouts
from worker.contract.status import Status, Stream
from worker.delivery.pump import Pump
from worker.store import acts
from worker.store.acts import Entry
from worker.store.client import AsyncStore, Store
from worker.store.embedded import Server
from worker.transport import Transport
from worker.vendors.base import Call, Outcome, Outgoing, Response, Submission, Unreadable, Vendor

from ..store.conftest import Lab  # noqa: TID252 - the suite is no installed package

T = TypeVar("T")
PATIENCE = 60.0  # seconds; reached only by what fails


async def until(condition: Callable[[], Any], what: str = "the condition") -> None:
    """Wait on a condition, with a deadline that names it."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = condition()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"never: {what}")


class Fake(Vendor):
    """A vendor whose answer is a list of outcomes, one a message, in order."""

    default_url = "http://vendor.invalid"
    credentials = ()
    max_length = 500
    windows: ClassVar[Mapping[str, tuple[str, ...]]] = {"cap": ("60s", "day")}

    def submit(self, messages: Sequence[Outgoing]) -> Call[list[Submission]]:
        form = {
            "ids": ",".join(message.id for message in messages),
            "numbers": ",".join(message.number for message in messages),
            "text": messages[0].text,
        }
        return Call(self._read, "POST", f"{self.base_url}/{self.name}", form=form)

    @staticmethod
    def _read(response: Response) -> list[Submission]:
        return [
            Submission(Outcome(outcome), vendor_id, code, split=split)
            for outcome, vendor_id, code, split in response.json()
        ]


class Many(Fake):
    """The same, with up to eight numbers a call."""

    batch = 8


class Templates(Fake):
    """The same, for templates only."""

    templates_only = True
    form_keys = ("number",)


class Broken(Fake):
    """An adapter with bugs, picked by the text."""

    def refuse(self, message: Outgoing) -> str | None:
        if message.text.startswith("refuse"):
            raise TypeError(f"{message.number} in an error's text")
        return super().refuse(message)

    def submit(self, messages: Sequence[Outgoing]) -> Call[list[Submission]]:
        if messages[0].text.startswith("build"):
            raise ValueError(f"{messages[0].number} in an error's text")
        return super().submit(messages)

    @staticmethod
    def _read(response: Response) -> list[Submission]:
        if response.body == "unreadable":
            raise Unreadable("none that we know")
        raise KeyError(response.body)


FAKES: dict[str, type[Fake]] = {
    "fake": Fake,
    "many": Many,
    "templates": Templates,
    "broken": Broken,
}


def answers(*ids: str, outcome: str = "submitted", code: str = "", split: bool = False) -> Response:
    """An answer of Fake: the same about each of some ids."""
    rows = [[outcome, f"v-{id_}" if outcome == "submitted" else "", code, split] for id_ in ids]
    return Response(200, msgspec.json.encode(rows).decode())


@dataclass
class Asked:
    """One call as the scripted transport saw it."""

    account: str
    ids: list[str]
    text: str
    at: float = field(default_factory=lambda: asyncio.get_running_loop().time())


Script = Callable[[Asked], Awaitable[Response]]


async def _take(asked: Asked) -> Response:
    return answers(*asked.ids)


class Scripted(Transport):
    """Stands where HTTP would: ``script`` answers each call, and every call is kept."""

    def __init__(self, script: Script = _take) -> None:
        super().__init__()
        self.script = script
        self.asked: list[Asked] = []
        self.open_now = self.open_most = 0

    async def call(self, call: Call[T], timeouts: Timeouts) -> T:
        account = call.url.rsplit("/", 1)[1]
        asked = Asked(account, call.form["ids"].split(","), call.form["text"])
        self.asked.append(asked)
        self.open_now += 1
        self.open_most = max(self.open_most, self.open_now)
        try:
            return call.read(await self.script(asked))
        finally:
            self.open_now -= 1

    @property
    def ids(self) -> list[str]:
        """Every id in the order submitted, once a submit."""
        return [each for asked in self.asked for each in asked.ids]


class World:
    """One pump on a real server, with a scripted transport."""

    def __init__(self, settings: Settings, transport: Transport) -> None:
        self.settings = settings
        self.vendors = {
            name: FAKES[account.adapter](name, account)
            for name, account in settings.vendors.items()
        }
        self.store = AsyncStore(settings.redis_url, timeout=settings.store.timeout)
        self.transport = transport
        self.pump = Pump(settings, self.vendors, self.store, transport, chance=lambda: 0.0)
        self._made = 0

    @property
    def scripted(self) -> Scripted:
        assert isinstance(self.transport, Scripted)
        return self.transport

    async def send(
        self,
        count: int = 1,
        *,
        stream: Stream = Stream.NOTICE,
        text: str | Callable[[int], str] = "您的订单已发货",
        content: Content | None = None,
        pin: str = "",
        number: str = "",
    ) -> list[str]:
        """Accept messages as a producer does; returns their ids."""
        entries = []
        for place in range(self._made, self._made + count):
            said = text if isinstance(text, str) else text(place)
            kept = content or Content(text=said)
            units = length(signed(said, kept.signature))
            entries.append(
                Entry(
                    id=f"m{place:025d}",
                    key="",
                    digest="-",
                    stream=stream,
                    to=number or f"+86139{place:08d}",
                    content=msgspec.json.encode(kept),
                    length=units,
                    segments=1,
                    template=kept.template,
                    pin=pin,
                    tag="",
                    due=0,
                    validity=600_000,
                    sign=sign(kept, said),
                )
            )
        self._made += count
        for first in range(0, count, 500):
            act = acts.accept(entries[first : first + 500], retention=600, idempotency=600)
            await self.store.run(act)
        return [entry.id for entry in entries]

    async def records(self, ids: Sequence[str]) -> list[Record]:
        found = await self.store.run(acts.find(list(ids)))
        assert None not in found, "a record is gone"
        return [record for record in found if record is not None]

    async def record(self, message_id: str) -> Record:
        return (await self.records([message_id]))[0]

    async def statuses(self, ids: Sequence[str]) -> list[Status]:
        return [record.status for record in await self.records(ids)]

    async def all_are(self, ids: Sequence[str], *allowed: Status) -> bool:
        return {record.status for record in await self.records(ids)} <= set(allowed)

    async def pump_once(self, stream: Stream = Stream.NOTICE) -> int:
        """One ring, then until all that it claimed is answered and settled."""
        claimed = await self.pump.run(stream)
        await self.pump.drain()
        return claimed

    async def exhaust(self, stream: Stream = Stream.NOTICE) -> None:
        """Ring until nothing is ready any more; fail where something goes round for ever."""
        for _ in range(20):
            await self.pump_once(stream)
            if not await self.store.redis.llen(ready(stream)):
                return
        pytest.fail("the same messages go round and round")


Worlds = Callable[..., World]


@pytest_asyncio.fixture
async def world(redis_url: str) -> AsyncIterator[Worlds]:
    """A factory: ``world({toml as a dict}, script=...)`` gives a pump with its store."""
    made: list[World] = []

    def make(
        table: Mapping[str, Any] | None = None,
        *,
        script: Script = _take,
        transport: Transport | None = None,
    ) -> World:
        base: dict[str, Any] = {
            "vendors": {"one": {"adapter": "fake"}},
            "streams": {"marketing": {"quiet_hours": ""}},  # whenever the suite runs
        }
        settings = reading.parse({"redis_url": redis_url, **base, **(table or {})})
        found = World(settings, transport or Scripted(script))
        made.append(found)
        return found

    yield make
    for each in made:
        each.pump.stop()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await each.transport.close()
        await each.store.close()


@pytest.fixture
def lab(redis_url: str, raw: "redis.Redis") -> Iterator[Lab]:
    """What moves the server's time and looks into it."""
    store = Store(redis_url, timeout=10.0)
    yield Lab(store, raw)
    store.close()


@pytest.fixture
def frozen(server: Server) -> Iterator[Callable[[bool], None]]:
    """A switch: ``frozen(True)`` makes the server stand still, ``frozen(False)`` lets it go on."""
    stopped = False

    def switch(on: bool) -> None:
        nonlocal stopped
        stopped = on
        os.kill(server.pid, signal.SIGSTOP if on else signal.SIGCONT)

    yield switch
    if stopped:
        os.kill(server.pid, signal.SIGCONT)


@pytest.fixture
def rings(raw: "redis.Redis") -> Callable[[Stream], int]:
    """How many rings wait for a stream."""
    return lambda stream: int(raw.llen(f"sms.{stream}"))


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Listening:
    """A raw server on loopback."""

    port: int
    scheme: str = "http"
    heads: list[str] = field(default_factory=list)  #: of each request, as it came
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """Read one request, its body included; returns the body."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        sizes = [
            int(line.split(":")[1])
            for line in head.splitlines()
            if line.lower().startswith("content-length:")
        ]
        return await reader.readexactly(sizes[0]) if sizes else b""


Handle = Callable[[Listening, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[..., Awaitable[Listening]]


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """A factory: ``await serve(handle, tls=context)`` listens on a free port of loopback."""
    servers: list[asyncio.Server] = []
    writers: list[asyncio.StreamWriter] = []

    async def make(handle: Handle, *, tls: ssl.SSLContext | None = None) -> Listening:
        found = Listening(0, "https" if tls else "http")

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.connections += 1
            writers.append(writer)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await handle(found, reader, writer)
            writer.close()

        listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
        servers.append(listening)
        found.port = listening.sockets[0].getsockname()[1]
        return found

    yield make
    for listening in servers:
        listening.close()
    for writer in writers:
        if not writer.transport.is_closing():
            writer.transport.abort()
    await asyncio.sleep(0)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for ``right.test``, made now: no key is kept in the tree."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=right.test"),
            *("-addext", "subjectAltName=DNS:right.test"),
            *("-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context
