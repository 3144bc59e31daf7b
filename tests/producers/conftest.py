"""Both clients behind one face, the command in this process, and settings to use them with."""

import inspect
import io
import json
import socket
import sys
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
import redis

from producers import AsyncClient, Client, Life, Message, Snapshot
from producers.cli import run
from worker import vendors
from worker.contract import keys, record, settings
from worker.contract.settings import Settings
from worker.contract.status import Status, Stream
from worker.delivery import limits
from worker.store import acts
from worker.store.acts import Act, Deferred, Settled
from worker.store.client import Store
from worker.store.embedded import Server

T = TypeVar("T")
NUMBER = "13800138000"

CONFIG = """
[vendors.main]
adapter = "chuangxin"
appcode = "a-secret-appcode"

[vendors.forms]
adapter = "largesms"
appcode = "another-secret"

[routes]
otp = ["forms"]
notice = ["main", "forms"]
marketing = ["main"]

[defaults]
signature = "信使"

[templates.otp]
text = "您的验证码是{code}，{minutes}分钟内有效"
signature = "验证"
forms = { skin = "1", params = ["code", "minutes"], sign = "123" }
"""


class Either:
    """One of the two clients; every call is awaited."""

    def __init__(self, client: Client | AsyncClient) -> None:
        self.client = client

    async def send(self, to: str, text: str | None = None, **fields: Any) -> str:
        return await self._call("send", to, text, **fields)  # type: ignore[no-any-return]

    async def send_many(self, messages: list[Message | Mapping[str, Any]]) -> list[str]:
        return await self._call("send_many", messages)  # type: ignore[no-any-return]

    async def status(self, message_id: str) -> Snapshot:
        return await self._call("status", message_id)  # type: ignore[no-any-return]

    async def explain(self, message_id: str) -> Life:
        return await self._call("explain", message_id)  # type: ignore[no-any-return]

    async def cancel(self, message_id: str) -> bool:
        return await self._call("cancel", message_id)  # type: ignore[no-any-return]

    async def close(self) -> None:
        await self._call("close")

    async def _call(self, name: str, *args: Any, **fields: Any) -> Any:
        answer: Awaitable[Any] | Any = getattr(self.client, name)(*args, **fields)
        return await answer if inspect.isawaitable(answer) else answer


Connect = Callable[..., Either]


@pytest.fixture(params=[Client, AsyncClient], ids=["sync", "async"])
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[Connect]:
    """Open clients of one kind; they are closed in the end."""
    opened: list[Either] = []

    def open_one(redis_url: str | None = None, config: Any = None, **seams: Any) -> Either:
        opened.append(Either(request.param(redis_url, config, **seams)))
        return opened[-1]

    yield open_one
    for each in opened:
        await each.close()


@pytest.fixture
def table() -> Settings:
    """The settings of the suite."""
    return settings.parse(tomllib.loads(CONFIG))


@pytest.fixture
def client(connect: Connect, redis_url: str, table: Settings) -> Either:
    """A client with accounts, routes and a template."""
    return connect(redis_url, table)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of the machine out."""
    for name in ("XINSHI_CONFIG", "XINSHI_REDIS_URL", "XINSHI_REDIS_URLS", "XINSHI_SHARD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def config(tmp_path: Path, redis_url: str) -> Path:
    """The settings of the suite as a file that only we may read."""
    path = tmp_path / "settings.toml"
    path.touch(mode=0o600)
    path.write_text(f'redis_url = "{redis_url}"\n{CONFIG}', encoding="utf-8")
    return path


@dataclass(frozen=True)
class Ran:
    """What one command line came to."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Return what a command printed as JSON, a value a line."""
        return [json.loads(line) for line in self.out.splitlines()]


Xinshi = Callable[..., Ran]


@pytest.fixture
def bare(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Xinshi:
    """Run a command line in this process."""

    def call(*args: str, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run(args)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return call


@pytest.fixture
def xinshi(bare: Xinshi, config: Path) -> Xinshi:
    """Run a command line with the settings of the suite."""
    return lambda *args, **kwargs: bare("--config", str(config), *args, **kwargs)


@dataclass
class Work:
    """A worker's part, one act at a time, with the settings of the suite."""

    settings: Settings
    store: Store

    def run(self, act: Act[T]) -> T:
        return self.store.run(act)

    def claim(self, stream: str = "notice") -> list[str]:
        """Claim all that is ready; return the ids of those whose attempt is open."""
        adapters = vendors.load_all(self.settings)
        plan = limits.pack(Stream(stream), self.settings, adapters)
        found = self.run(acts.claim(Stream(stream), 128, plan)).messages
        return [each for each, found in found if found.status is Status.SUBMITTING]

    def settle(self, message_id: str, status: str, attempt: int = 1, **more: Any) -> None:
        item = Settled(id=message_id, attempt=attempt, status=Status(status), **more)
        self.run(acts.settle([item], reports=72 * 3600))

    def defer(self, message_id: str, attempt: int = 1, **more: Any) -> None:
        fields: dict[str, Any] = {"wait": "0", "counts": True} | more
        item = Deferred(id=message_id, attempt=attempt, **fields)
        self.run(acts.defer([item]))


@pytest.fixture
def work(table: Settings, redis_url: str) -> Iterator[Work]:
    """What a worker would do."""
    store = Store(redis_url, timeout=10.0)
    yield Work(table, store)
    store.close()


@pytest.fixture(scope="session")
def second() -> Iterator[Server]:
    """A server beside the suite's own."""
    with Server() as running:
        yield running


@pytest.fixture
def urls(redis_url: str, second: Server) -> list[str]:
    """The addresses of two shards, each empty, on a server of its own."""
    with redis.Redis.from_url(second.url) as client:
        client.flushall()
    return [redis_url, second.url]


@pytest.fixture
def hung() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        yield f"redis://127.0.0.1:{silent.getsockname()[1]}/0"


@pytest.fixture
def finish(raw: redis.Redis) -> Callable[[Status], None]:
    """Give every message a status, as a worker would have done it in the end."""

    def put(status: Status) -> None:
        for key in raw.scan_iter(f"{keys.MESSAGE}*"):
            packed = raw.get(key)
            assert isinstance(packed, bytes)
            found = record.decode(packed)
            found.status = status
            raw.set(key, msgspec.msgpack.encode(found), keepttl=True)

    return put


@pytest.fixture
def find(raw: redis.Redis) -> Callable[[str], record.Record]:
    """Read what is stored of a message."""

    def get(message_id: str) -> record.Record:
        packed = raw.get(keys.message(message_id))
        assert isinstance(packed, bytes)
        return record.decode(packed)

    return get
