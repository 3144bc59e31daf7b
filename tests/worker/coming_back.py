"""What the tests of reports, polls and intake share: accounts at real adapters, and messages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from worker import vendors
from worker.contract import settings as reading
from worker.contract.record import Content, Record, sign
from worker.contract.settings import Settings, Timeouts
from worker.contract.status import Status, Stream
from worker.delivery import limits
from worker.store import acts
from worker.store.acts import Entry, Settled
from worker.store.client import AsyncStore
from worker.transport import Lost, Transport
from worker.vendors.base import Call, Response, Unreadable

T = TypeVar("T")
NUMBER = "+8613800138000"
ACCOUNTS: dict[str, Any] = {
    "tencent": {
        "adapter": "tencent",
        "base_url": "http://tencent.invalid",
        **dict.fromkeys(("secret_id", "secret_key", "account", "password"), "s"),
        "extno": "10690",
        "page_size": 10,
    },
    "chuangrui": {
        "adapter": "chuangrui",
        "base_url": "http://chuangrui.invalid",
        **dict.fromkeys(("name", "pwd", "sign", "callback_name", "callback_pwd"), "s"),
    },
    "zhenzi": {
        "adapter": "zhenzi",
        "base_url": "http://zhenzi.invalid",
        "app_id": "1",
        "app_secret": "s",
    },
}


def table(redis_url: str, *names: str) -> Settings:
    accounts = {name: ACCOUNTS[name] for name in names or ACCOUNTS}
    routes = {str(stream): list(accounts) for stream in Stream}
    return reading.parse({"redis_url": redis_url, "vendors": accounts, "routes": routes})


def row(mid: str, stat: str = "DELIVRD", to: str = NUMBER, **more: Any) -> dict[str, Any]:
    """A report as Tencent's product writes it."""
    return {"flag": 1, "mid": mid, "mobile": to[3:], "stat": stat, **more}


def reply(text: str, to: str = NUMBER, **more: Any) -> dict[str, Any]:
    """An inbound message as Tencent's product writes it."""
    plain = {"flag": 0, "mid": "mo", "accessCode": "10690", "mobile": to[3:], "content": text}
    return plain | more


def page(*rows: dict[str, Any]) -> str:
    return msgspec.json.encode({"status": "0", "balance": 1, "list": list(rows)}).decode()


Answer = Callable[[str], str | Exception]


class Answering(Transport):
    """Answers each call with what ``answer`` says of its path; an error is raised."""

    def __init__(self, answer: Answer | None = None) -> None:
        super().__init__()
        self.answer: Answer = answer or (lambda _: Lost("no answer in time"))
        self.asked: list[str] = []

    async def call(self, call: Call[T], timeouts: Timeouts) -> T:
        path = call.url.rsplit("/", 1)[1]
        self.asked.append(path)
        said = self.answer(path)
        if isinstance(said, Exception):
            raise said
        try:
            return call.read(Response(200, said))
        except Unreadable as error:
            raise Lost(f"unreadable: {error}") from error


@dataclass
class Post:
    """Accounts at real adapters, a real store, and messages on their way."""

    settings: Settings
    store: AsyncStore
    transport: Answering = field(default_factory=Answering)
    made: int = 0

    def __post_init__(self) -> None:
        self.vendors = vendors.load_all(self.settings)

    async def send(self, account: str = "tencent", **fields: Any) -> str:
        """A message that is being submitted to an account."""
        self.made += 1
        plain: dict[str, Any] = {
            "id": f"m{self.made:025d}",
            "key": "",
            "digest": "-",
            "stream": "notice",
            "to": NUMBER,
            "content": b'{"text":"t","signature":"s"}',
            "length": 4,
            "segments": 1,
            "template": "",
            "pin": account,
            "tag": "",
            "due": 0,
            "validity": 600_000,
        }
        plain |= fields
        said = msgspec.json.decode(plain["content"], type=Content)
        entry = Entry(**plain, sign=sign(said, said.text))
        await self.store.run(acts.accept([entry], retention=600, idempotency=600))
        await self.claim(Stream(entry.stream))
        return entry.id

    async def claim(self, stream: Stream) -> list[str]:
        plan = limits.pack(stream, self.settings, self.vendors)
        found = await self.store.run(acts.claim(stream, 100, plan))
        return [message_id for message_id, _ in found.messages]

    async def settle(self, message_id: str, vendor_id: str = "", status: str = "submitted") -> None:
        item = Settled(id=message_id, attempt=1, status=Status(status), vendor_message_id=vendor_id)
        await self.store.run(acts.settle([item], reports=72 * 3600))

    async def submitted(self, vendor_id: str, account: str = "tencent", **fields: Any) -> str:
        message_id = await self.send(account, **fields)
        await self.settle(message_id, vendor_id)
        return message_id

    async def record(self, message_id: str) -> Record:
        (found,) = await self.store.run(acts.find([message_id]))
        assert found is not None
        return found

    async def statuses(self, ids: Sequence[str]) -> list[str]:
        return [str((await self.record(each)).status) for each in ids]
