"""Redis is down, hangs, or stops in the middle: the caller hears it in time."""

import os
import signal
import time
from typing import Any

import pytest
import redis

from producers import StoreError
from worker.contract.settings import Settings, parse
from worker.store.embedded import Server, free_port

NUMBER = "13800138000"
TIMEOUT = 0.4
SLACK = 60.0  # a machine that does other things too; who does not give up waits for ever


@pytest.fixture
def impatient() -> Settings:
    return parse({"store": {"timeout": TIMEOUT}})


async def test_a_closed_port_is_told_at_once(connect: Any, impatient: Settings) -> None:
    client = connect(f"redis://:password@127.0.0.1:{free_port()}/0", impatient)

    begun = time.monotonic()
    with pytest.raises(StoreError) as caught:
        await client.send(NUMBER, "您好")

    assert time.monotonic() - begun < TIMEOUT + SLACK
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("what", ["send", "send_many", "status", "cancel"])
async def test_a_server_that_never_answers_is_given_up(
    connect: Any, impatient: Settings, hung: str, what: str
) -> None:
    client = connect(hung, impatient)
    calls = {
        "send": lambda: client.send(NUMBER, "您好"),
        "send_many": lambda: client.send_many([{"to": NUMBER, "text": "您好"}] * 1200),
        "status": lambda: client.status("an-id"),
        "cancel": lambda: client.cancel("an-id"),
    }

    begun = time.monotonic()
    with pytest.raises(StoreError):
        await calls[what]()

    assert TIMEOUT * 0.9 < time.monotonic() - begun < TIMEOUT + SLACK


async def test_a_frozen_server_has_stored_all_of_a_message_or_nothing(
    connect: Any, impatient: Settings
) -> None:
    with Server() as server:
        client = connect(server.url, impatient)
        await client.send(NUMBER, "连接已经建立")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            with pytest.raises(StoreError):
                await client.send(NUMBER, "您好", idempotency_key="k")
            took = time.monotonic() - begun
        finally:
            os.kill(server.pid, signal.SIGCONT)

        message_id = await client.send(NUMBER, "您好", idempotency_key="k")

        assert took < TIMEOUT + SLACK
        with redis.Redis.from_url(server.url) as raw:
            stored = {key.removeprefix(b"xinshi:m:") for key in raw.scan_iter("xinshi:m:*")}
            ready = raw.lrange("xinshi:ready:notice", 0, -1)
        assert message_id.encode() in stored
        assert len(stored) == 2
        assert stored == set(ready)


async def test_a_client_outlives_a_restart(connect: Any, impatient: Settings) -> None:
    server = Server().start()
    client = connect(server.url, impatient)
    try:
        await client.send(NUMBER, "之前")
        server.stop(kill=True)
        with pytest.raises(StoreError):
            await client.send(NUMBER, "期间")
        server.start()

        assert await client.send(NUMBER, "之后")
    finally:
        server.stop()


async def _send_often(client: Any, messages: list[dict[str, str]]) -> None:
    for _ in range(40):
        await client.send_many(messages)


async def test_a_batch_says_what_is_surely_stored(connect: Any, redis_url: str) -> None:
    client = connect(redis_url)
    with redis.Redis.from_url(redis_url) as raw:
        messages = [{"to": NUMBER, "text": "您好", "tag": f"{place}"} for place in range(600)]
        await client.send_many(messages[:1])
        used = int(raw.info("memory")["used_memory"])
        raw.config_set("maxmemory", used + 300_000)
        try:
            with pytest.raises(StoreError) as caught:
                await _send_often(client, messages)
        finally:
            raw.config_set("maxmemory", 0)

        ids = caught.value.ids
        assert len(ids) == 600
        known = [each for each in ids if each]
        assert len(known) in {0, 500}
        assert all(raw.exists(f"xinshi:m:{each}") for each in known)
