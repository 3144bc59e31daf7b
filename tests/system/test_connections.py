"""Every process behind redis_url's other forms: TLS with a user of its own, and Sentinel."""

import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from worker.contract.errors import BatchError, StoreError
from worker.store.embedded import Server, free_port

from .authority import made
from .conftest import Stack, number
from .proxy import Proxy
from .sentinels import Watched

SETTINGS = '[streams.marketing]\nquiet_hours = ""\n[worker]\ngrace = "5s"\n'


def start(stack: Stack) -> str:
    """Start all that the Procfile has; return Flower's address."""
    stack.start_sandbox()
    port = free_port()
    for name in ("worker", "beat"):
        stack.start(name)
    stack.start("gateway", GATEWAY_LISTEN=stack.gateway.removeprefix("http://"))
    stack.start("flower", FLOWER_PORT=str(port))
    return f"http://127.0.0.1:{port}"


def page(url: str) -> str:
    """Return a page, "" while there is none."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def sent(stack: Stack, first: int) -> bool:
    """Send some messages; False while the server is away."""
    try:
        ids = stack.send(5, first=first, account="chuangxin")
    except (StoreError, BatchError):
        return False
    stack.until("all are submitted", stack.submitted(ids))
    return True


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=2)


def everything_works(stack: Stack, flower: str, first: int) -> None:
    stack.until("the gateway is ready", lambda: page(f"{stack.gateway}/readyz") != "")
    stack.until("Flower sees the queues", lambda: "sms.notice" in page(f"{flower}/broker"))
    stack.until("Flower sees the worker", lambda: "bulk@" in page(f"{flower}/workers"))
    ready = stack.send(1, first=first, account="chuangxin", send_at=soon())
    stack.until("beat's ticks are taken", stack.submitted(ready))


@pytest.mark.system
@pytest.mark.timeout(600)
def test_everything_works_over_tls_as_a_user_of_the_acl(tmp_path: Path) -> None:
    authority, context = made(tmp_path)
    with Server() as server, Proxy(server.port, tls=context) as proxy:
        with redis.Redis.from_url(server.url) as admin:
            admin.acl_setuser(
                "sender", enabled=True, passwords=["+p@ss"], keys=["*"], channels=["*"],
                categories=["+@all"],
            )  # fmt: skip
            admin.acl_setuser("default", enabled=False)
        url = f"rediss://sender:p%40ss@localhost:{proxy.port}/0?ssl_ca_certs={authority}"
        stack = Stack(tmp_path, server, SETTINGS, url=url)
        try:
            flower = start(stack)
            assert sent(stack, 0)
            everything_works(stack, flower, 100)
        finally:
            stack.close()


@pytest.mark.system
@pytest.mark.timeout(600)
def test_messages_sent_before_and_after_a_failover_of_sentinel_arrive(tmp_path: Path) -> None:
    with Watched(tmp_path, count=3) as watched:
        stack = Stack(tmp_path, watched.master, SETTINGS, url=watched.url)
        try:
            flower = start(stack)
            assert sent(stack, 0)
            everything_works(stack, flower, 100)
            waiting = stack.send(5, first=50, account="chuangxin", send_at=soon())
            assert stack.store.command("WAIT", 1, 60_000) == 1

            watched.fail_over()

            stack.until("a send is accepted again, and submitted", lambda: sent(stack, 200))
            stack.until("those from before are submitted", stack.submitted(waiting))
            everything_works(stack, flower, 300)
            got = stack.handsets()
            assert {got[number(place)] for place in range(50, 55)} == {1}
        finally:
            stack.close()
