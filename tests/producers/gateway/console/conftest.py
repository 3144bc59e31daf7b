"""A gateway with an operator, somebody who is signed in, and messages in every state."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse

from producers import Client
from tests.producers.conftest import Work
from tests.producers.gateway.conftest import CONFIG, Caller, Open, configured
from worker.contract.settings import Settings

OPERATOR = "the-key-of-the-night-watch"
OPERATORS = f'night = {{ key = "{OPERATOR}", role = "operator" }}\n'

Stream = AsyncIterator[tuple[str, Any]]


def watched(redis_url: str, extra: str = "") -> Settings:
    """Return the settings of the suite with an operator."""
    return configured(redis_url, OPERATORS + extra, CONFIG)


class Operator:
    """Whoever is signed in, and asks what the page asks."""

    def __init__(self, caller: Caller) -> None:
        self.client = caller.client
        self.origin = str(self.client.make_url("")).rstrip("/")
        self.proof = ""

    async def call(self, method: str, path: str, **kwargs: Any) -> ClientResponse:
        headers = {"Origin": self.origin, "X-Console-Proof": self.proof}
        headers |= kwargs.pop("headers", {})
        answer = await self.client.request(method, f"/console/{path}", headers=headers, **kwargs)
        await answer.read()
        return answer

    async def get(self, path: str, **kwargs: Any) -> ClientResponse:
        return await self.call("GET", f"api/{path}", **kwargs)

    async def post(self, path: str, body: Any, **kwargs: Any) -> ClientResponse:
        return await self.call("POST", f"api/{path}", json=body, **kwargs)

    async def sign_in(self, key: str = OPERATOR, **kwargs: Any) -> ClientResponse:
        answer = await self.post("session", {"key": key}, **kwargs)
        if answer.status == 200:
            self.proof = (await answer.json())["proof"]
        return answer

    @asynccontextmanager
    async def live(self) -> AsyncIterator[Stream]:
        """Yield name and data of each event as it comes."""
        async with self.client.get("/console/live") as answer:
            assert (answer.status, answer.content_type) == (200, "text/event-stream")
            yield _events(answer)


async def _events(answer: ClientResponse) -> Stream:
    name = ""
    async for line in answer.content:
        word, _, rest = line.decode().rstrip("\n").partition(": ")
        if word == "event":
            name = rest
        elif word == "data":
            yield name, json.loads(rest)


@pytest.fixture
async def stranger(open_gateway: Open, redis_url: str) -> Operator:
    """Somebody who is not signed in, at a gateway that has an operator."""
    return Operator(await open_gateway(watched(redis_url)))


@pytest.fixture
async def operator(stranger: Operator) -> Operator:
    """Somebody who is signed in."""
    assert (await stranger.sign_in()).status == 200
    return stranger


@pytest.fixture
def table(redis_url: str) -> Settings:
    """The settings of the suite, for what a worker does."""
    return watched(redis_url)


Send = Callable[..., str]


@pytest.fixture
def send(table: Settings) -> Send:
    """Send a message; returns its id."""

    def one(to: str = "13800138000", text: str = "机密内容", **fields: Any) -> str:
        with Client(config=table) as client:
            return client.send(to, text, **fields)

    return one


@pytest.fixture
def kill(send: Send, work: Work) -> Send:
    """Make a dead letter; returns its id."""

    def one(to: str = "13800138000", code: str = "106", reason: str = "no such number") -> str:
        message_id = send(to)
        assert message_id in work.claim()
        work.settle(message_id, "rejected", code=code, reason=reason)
        return message_id

    return one
