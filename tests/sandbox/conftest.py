"""A sandbox on loopback with a clock the tests move, and a gateway that takes its callbacks."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from worker.contract.settings import Account
from worker.sandbox import Sandbox, create_app

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def now() -> list[float]:
    """The clock: Mon, 19 Mar 2018 12:08:40 GMT, which is 20:08:40 in Shanghai."""
    return [1521461320.0]


@pytest.fixture
def slept() -> list[float]:
    """How long the sandbox would have slept."""
    return []


@pytest.fixture
def sandbox(now: list[float], slept: list[float]) -> Sandbox:
    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    mine = {
        "ours": Account(
            adapter="tencent",
            options={
                "secret_id": "testSecretId",
                "secret_key": "testSecretKey",
                "account": "ours",
                "password": "pw",
            },
        )
    }
    return Sandbox(mine, clock=lambda: now[0], sleep=sleep, seed=7)


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(sandbox))) as running:
        yield running


@pytest.fixture
def authorized(now: list[float]) -> Callable[[], dict[str, str]]:
    """Headers for Tencent's gateway, dated now."""

    def headers() -> dict[str, str]:
        date = formatdate(now[0], usegmt=True)
        text = f"x-date: {date}\nx-source: market"
        digest = hmac.digest(b"sandbox-key", text.encode(), hashlib.sha1)
        signature = base64.b64encode(digest).decode()
        return {
            "X-Source": "market",
            "X-Date": date,
            "Authorization": (
                'hmac id="sandbox-id", algorithm="hmac-sha1", headers="x-date x-source", '
                f'signature="{signature}"'
            ),
        }

    return headers


@dataclass
class Gateway:
    """Our side of the callbacks: keeps what comes, answers what it is told to."""

    url: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    answers: list[tuple[int, str]] = field(default_factory=list)  #: then 200 OK

    async def take(self, request: web.Request) -> web.Response:
        form = dict(await request.post()) if "json" not in request.content_type else {}
        self.calls.append(
            {
                "path": request.path,
                "query": dict(request.query),
                "form": form,
                "json": await request.json() if "json" in request.content_type else None,
            }
        )
        status, text = self.answers.pop(0) if self.answers else (200, "OK")
        return web.Response(status=status, text=text)


@pytest.fixture
async def gateway(sandbox: Sandbox) -> AsyncIterator[Gateway]:
    taken = Gateway()
    app = web.Application()
    app.router.add_post("/callbacks/{account}/{kind}", taken.take)
    async with TestServer(app) as server:
        taken.url = str(server.make_url(""))
        sandbox.settings.callback = taken.url
        yield taken


@pytest.fixture
def tencent(client: Client, authorized: Callable[[], dict[str, str]]) -> Callable[..., Any]:
    """Call Tencent's product with valid credentials, and return the JSON."""
    login = {"account": "sandbox", "password": "sandbox-password", "rt": "json"}

    async def post(path: str, **form: str) -> Any:
        fields = {**login, **form}
        async with client.post(f"/release/{path}", data=fields, headers=authorized()) as answer:
            assert answer.status == 200
            return await answer.json()

    return post


@pytest.fixture
def tencent_send(tencent: Callable[..., Any]) -> Callable[..., Any]:
    async def post(mobile: str, content: str = "【信使】您的验证码是1234", **form: str) -> Any:
        return await tencent(
            "smssend", mobile=mobile, content=content, **{"extno": "10690", **form}
        )

    return post


@pytest.fixture
def submit(client: Client, authorized: Callable[[], dict[str, str]]) -> Callable[..., Any]:
    """Send one message to a vendor, and return status and body."""

    appcode = {"Authorization": "APPCODE sandbox-appcode"}
    zhenzi = {"appId": "sandbox-app", "appSecret": "sandbox-secret"}
    rui = {"name": "sandbox", "pwd": "sandbox-pwd"}

    async def send(vendor: str, number: str = "13800138000") -> tuple[int, str]:
        text = "【信使】您好"
        query: dict[str, dict[str, str]] = {
            "largesms": {"phone": number, "param": "1|2", "skin": "1"},
            "chuangxin": {"mobile": number, "content": text},
        }
        form = {
            "tencent": {
                "account": "sandbox",
                "password": "sandbox-password",
                "rt": "json",
                "extno": "10690",
                "mobile": number,
                "content": text,
            },
            "chuangrui": {**rui, "mobile": number, "content": text, "sign": "信使", "type": "pt"},
            "zhenzi": {**zhenzi, "number": number, "message": text},
        }
        path = {
            "tencent": "/release/smssend",
            "largesms": "/largesms",
            "chuangxin": "/chuangxinsms/dxjk",
            "chuangrui": "/asmx/smsservice.aspx",
            "zhenzi": "/sms/send.do",
        }[vendor]
        headers = authorized() if vendor == "tencent" else appcode
        method = "GET" if vendor == "largesms" else "POST"
        async with client.request(
            method, path, params=query.get(vendor), data=form.get(vendor), headers=headers
        ) as answer:
            said = answer.headers.get("X-Ca-Error-Message", "")
            return answer.status, said or await answer.text(errors="replace")

    return send


@pytest.fixture
def fault(client: Client) -> Callable[..., Any]:
    async def put(**fields: Any) -> None:
        async with client.put("/_sandbox/faults", json=fields) as answer:
            assert answer.status == 200, await answer.text()

    return put
