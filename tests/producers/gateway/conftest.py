"""A gateway on a port of its own, the real store behind it, and callers with API keys."""

import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from producers.gateway import create_app
from worker.contract import settings
from worker.contract.settings import Settings
from worker.store import presence
from worker.store.client import AsyncStore, Store
from worker.store.spool import Page, Spool

NUMBER = "13800138000"
KEY = "key-of-app1"

CONFIG = """
[vendors.chuangrui]
adapter = "chuangrui"
name = "n"
pwd = "a-secret-pwd"
callback_name = "admin"
callback_pwd = "12345"

[vendors.tencent]
adapter = "tencent"
base_url = "https://example.com/release"
secret_id = "a-secret-id"
secret_key = "a-secret-key"
account = "a"
password = "a-secret-password"
callback_token = "tok"

[vendors.zhenzi]
adapter = "zhenzi"
app_id = "1"
app_secret = "a-secret-app"

[vendors.guarded]
adapter = "zhenzi"
app_id = "2"
app_secret = "another-secret-app"
callback_addresses = "203.0.113.0/24"

[vendors.aliyun]
adapter = "chuangxin"
appcode = "a-secret-appcode"

[routes]
otp = ["zhenzi"]
notice = ["chuangrui", "aliyun"]
marketing = ["chuangrui"]

[defaults]
signature = "信使"

[templates.otp]
text = "您的验证码是{code}，{minutes}分钟内有效"
signature = "验证"

[store]
timeout = 0.5

[gateway]
trusted_proxies = ["127.0.0.1"]
max_body = 300_000
max_callback = 20_000
max_params = 50
timeout = 1

[gateway.api_keys]
app1 = "key-of-app1"
app2 = { key = "key-of-app2", streams = ["otp"], signatures = ["验证", "【信使】"] }
slow = { key = "key-of-slow", per_second = 2 }
"""

Open = Callable[..., Awaitable["Caller"]]


class Caller:
    """An HTTP client of one gateway; ``key`` goes along as its API key."""

    def __init__(self, client: "TestClient[Any, Any]") -> None:
        self.client = client

    async def call(
        self, method: str, path: str, *, key: str | None = KEY, **kwargs: Any
    ) -> ClientResponse:
        headers = {
            **({"Authorization": f"Bearer {key}"} if key else {}),
            **kwargs.pop("headers", {}),
        }
        answer = await self.client.request(method, path, headers=headers, **kwargs)
        await answer.read()
        return answer

    async def get(self, path: str, **kwargs: Any) -> ClientResponse:
        return await self.call("GET", path, **kwargs)

    async def post(self, path: str, json: Any = None, **kwargs: Any) -> ClientResponse:
        if json is not None:
            kwargs["json"] = json
        return await self.call("POST", path, **kwargs)

    async def send(self, json: Any, *, once: str | None = None, **kwargs: Any) -> ClientResponse:
        headers = {"Idempotency-Key": once} if once is not None else {}
        return await self.post("/v1/messages", json, headers=headers, **kwargs)


async def problem(answer: ClientResponse, status: int, kind: str) -> dict[str, Any]:
    """Return an answer that must be this problem."""
    assert answer.content_type == "application/problem+json", await answer.text()
    found: dict[str, Any] = await answer.json(content_type=None)
    assert (answer.status, found["status"]) == (status, status), found
    assert found["type"] == f"urn:xinshi:problem:{kind}"
    assert found["title"]
    assert found["detail"]
    return found


def configured(redis_url: str, extra: str = "", base: str = CONFIG) -> Settings:
    """Return the settings of the suite; what ``extra`` says comes last."""
    return settings.parse({**tomllib.loads(base + extra), "redis_url": redis_url})


def beat(redis_url: str, name: str = "w@host:1") -> None:
    """Let a worker process be alive, for the store's twenty seconds."""
    with closing(Store(redis_url, timeout=10.0)) as store:
        store.run(presence.beat(name, presence.Vitals()))


@pytest.fixture
async def open_gateway() -> AsyncIterator[Open]:
    """Start gateways with settings; they are stopped in the end."""
    clients: list[TestClient[Any, Any]] = []

    async def start(found: Settings) -> Caller:
        client = TestClient(TestServer(create_app(found)))
        clients.append(client)
        await client.start_server()
        return Caller(client)

    yield start
    for each in clients:
        await each.close()


@pytest.fixture
async def gateway(open_gateway: Open, redis_url: str) -> Caller:
    """A gateway with the settings of the suite."""
    return await open_gateway(configured(redis_url))


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[AsyncStore]:
    opened = AsyncStore(redis_url)
    yield opened
    await opened.close()


@pytest.fixture
async def spooled(store: AsyncStore) -> Callable[[], Awaitable[list[Page]]]:
    """Read what stands in the spool."""

    async def take() -> list[Page]:
        return await Spool(store).take("test", 100)

    return take
