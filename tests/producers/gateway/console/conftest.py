"""A gateway with an operator, somebody who is signed in, and messages in every state."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse

from producers import Client
from producers.gateway.console import history
from producers.gateway.console import watch as watching
from tests.producers.conftest import Work
from tests.producers.gateway.conftest import CONFIG, Caller, Open, configured
from worker.contract.settings import Settings

OPERATOR = "the-key-of-the-night-watch"
OPERATORS = f'night = {{ key = "{OPERATOR}", role = "operator" }}\n'

PATIENCE = 60.0  # seconds; reached only by what fails

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


async def until(events: Stream, name: str, fits: Callable[[Any], object] = bool) -> Any:
    """Return the first event of a name that fits."""
    async with asyncio.timeout(PATIENCE):
        async for kind, data in events:
            if kind == name and fits(data):
                return data
    raise AssertionError(f"the stream ended without such a {name}")


async def counted(events: Stream, status: str, enough: int) -> dict[int, dict[str, int]]:
    """Return the counts of each slot, as soon as there are enough of a status."""
    slots: dict[int, dict[str, int]] = {}
    async with asyncio.timeout(PATIENCE):
        async for kind, data in events:
            steps = data["steps"] if kind == "history" else [data] if kind == "step" else []
            slots |= {step["slot"]: step["counts"] for step in steps}
            if sum(each.get(status, 0) for each in slots.values()) >= enough:
                return slots
    raise AssertionError(f"the stream ended before {enough} were {status}")


def summed(slots: dict[int, dict[str, int]], status: str) -> int:
    return sum(each.get(status, 0) for each in slots.values())


@pytest.fixture
def swift(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots of a fifth of a second: a test need not wait for two."""
    monkeypatch.setattr(watching, "EVERY", 0.05)
    for module in (watching, history):
        monkeypatch.setattr(module, "SPAN", 200)


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
