"""The endpoint: it must count right, or nothing that the bench says is true."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from producers.bench.endpoint import Endpoint, Taken, delays

HEAD = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


class Wire:
    """One connection to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()
            await asyncio.sleep(0)  # so that it comes in pieces

    async def answer(self) -> str:
        async with asyncio.timeout(60):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.split("content-length: ")[1].split("\r\n")[0])
            return (await self._reader.readexactly(length)).decode()

    async def post(self, path: bytes, body: bytes) -> str:
        await self.send(HEAD % (path, len(body)) + body)
        return await self.answer()

    async def ask(self, path: str) -> Any:
        await self.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return json.loads(await self.answer())


@pytest_asyncio.fixture
async def wire() -> AsyncIterator[Wire]:
    taken = Taken()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Endpoint(taken, delays(0.0)), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    yield Wire(reader, writer)
    writer.close()
    server.close()


async def test_a_request_in_pieces_counts_once(wire: Wire) -> None:
    body = b"appId=a&number=13800000007&message=c"
    head = HEAD % (b"/sms/send.do", len(body))

    await wire.send(head[:10], head[10:], body[:12], body[12:])

    assert json.loads(await wire.answer()) == {"code": 0, "data": "发送成功"}
    assert await wire.ask("/counts") == {"taken": 1, "doubled": 0, "calls": 1}


async def test_each_vendor_hears_about_every_number_of_a_call(wire: Wire) -> None:
    numbers = b"mobile=13800000001%2C13800000002&content=x"

    rows = json.loads(await wire.post(b"/release/smssend", numbers))["list"]
    said = await wire.post(b"/chuangrui", b"name=n&mobile=13800000003,13800000004&x=y")

    assert [(row["mobile"], row["result"]) for row in rows] == [
        ("13800000001", 0),
        ("13800000002", 0),
    ]
    assert len({row["mid"] for row in rows}) == 2
    assert said.split(",")[0] == "0"
    assert said.split(",")[2:5] == ["0", "2", "0"]
    assert await wire.ask("/counts") == {"taken": 4, "doubled": 0, "calls": 2}


async def test_a_number_that_comes_again_is_counted_as_doubled(wire: Wire) -> None:
    for number in (b"13800000001", b"13800000001", b"13900000001", b"13900000001"):
        await wire.post(b"/", b"number=" + number)

    assert await wire.ask("/counts") == {"taken": 4, "doubled": 2, "calls": 4}
    assert list(await wire.ask("/arrivals")) == ["13900000001"]


async def test_a_poll_is_no_submit_and_finds_nothing(wire: Wire) -> None:
    assert json.loads(await wire.post(b"/release/smsreport", b"size=500"))["list"] == []

    assert (await wire.ask("/counts"))["taken"] == 0


async def test_times_are_told_in_a_hundred_steps(wire: Wire) -> None:
    for place in range(3):
        await wire.post(b"/", b"number=138%08d" % place)

    times = await wire.ask("/times")

    assert len(times) == 101
    assert times == sorted(times)
    assert len(set(times)) == 3


def test_each_so_many_answers_is_slow() -> None:
    delay = delays(0.05, 3, 2.0)

    assert [delay() for _ in range(6)] == [0.05, 0.05, 2.0, 0.05, 0.05, 2.0]
