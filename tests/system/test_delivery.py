"""The Procfile's real processes, killed and cut, and what each handset got."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from producers.processes import reachable
from worker.contract.jobs import queue
from worker.contract.keys import ready
from worker.contract.settings import environment
from worker.contract.status import FINAL, Status, Stream
from worker.store.embedded import Server, free_port

from .conftest import TAKEN, Stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

SETTLED = FINAL | {Status.SUBMITTED, Status.UNKNOWN}
#: attempts count as lost soon, so that a test need not wait for it
HASTY = """
[worker]
grace = "2s"
"""


def _number(place: int) -> str:
    """A number that the sandbox delivers to: its last four digits are below 9000."""
    return f"139{place // 9000:04d}{place % 9000:04d}"


def _send(stack: Stack, count: int, *, first: int = 0, **fields: object) -> list[str]:
    return stack.client.send_many(
        {"to": _number(place), "text": f"您的订单{place}已发货", **fields}
        for place in range(first, first + count)
    )


def _settled(stack: Stack, ids: list[str]) -> Callable[[], bool]:
    return lambda: all(record.status in SETTLED for record in stack.records(ids))


def test_one_message_goes_through_each_of_the_five_vendors(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    stack.start("worker")
    stack.start("beat")

    texts = [
        stack.client.send(_number(place), "您的订单已发货", account=account)
        for place, account in enumerate(["tencent", "chuangrui", "zhenzi", "chuangxin"])
    ]
    template = stack.client.send(
        _number(4),
        template="otp",
        params={"code": "123456", "minutes": "5"},
        stream="otp",
        account="largesms",
    )
    stack.until("all five are submitted", _settled(stack, [*texts, template]))

    found = stack.records([*texts, template])
    assert {record.status for record in found} <= TAKEN
    assert stack.handsets() == {_number(place): 1 for place in range(5)}


def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack(HASTY + "[vendors.zhenzi.timeouts]\ntotal = 5.0")
    stack.ask("/_sandbox/settings", method="PUT", body={"latency": 0.2})
    stack.start("beat")
    worker = stack.start("worker")
    ids = _send(stack, 2000, account="zhenzi")
    stack.until("a third is with the vendor", lambda: sum(stack.handsets().values()) > 600)

    stack.stop(worker, signal.SIGKILL)
    in_flight = sum(record.status is Status.SUBMITTING for record in stack.records(ids))
    told = stack.config.read_text().replace("total = 5.0", "total = 60.0")
    stack.config.write_text(told)  # however slow the machine is, nothing else gets lost
    stack.start("worker")
    stack.until("every message is settled", _settled(stack, ids))

    records, got = stack.records(ids), stack.handsets()
    statuses = Counter(record.status for record in records)
    assert in_flight > 0, "the kill hit nothing in flight: the test shows nothing"
    assert statuses == {Status.UNKNOWN: in_flight, Status.SUBMITTED: 2000 - in_flight}
    assert set(got.values()) == {1}, "a handset got a message twice"
    lost = [
        record
        for record in records
        if record.status is Status.SUBMITTED and got.get(record.to[3:]) != 1
    ]
    assert not lost
    assert all(record.attempt == 1 for record in records), "something was submitted again"


def test_a_worker_that_is_asked_to_stop_finishes_what_is_in_flight(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    stack.ask("/_sandbox/settings", method="PUT", body={"latency": 0.5})
    worker = stack.start("worker")
    ids = _send(stack, 1500, account="zhenzi")
    stack.until("some are with the vendor", lambda: sum(stack.handsets().values()) > 100)

    code = stack.stop(worker, signal.SIGTERM)
    records, got = stack.records(ids), stack.handsets()

    counts = Counter(record.status for record in records)
    assert code == 0
    assert counts.keys() == {Status.SUBMITTED, Status.ACCEPTED}
    assert counts[Status.SUBMITTED] == sum(got.values())
    assert set(got.values()) == {1}
    assert stack.store.redis.llen(ready(Stream.NOTICE)) == counts[Status.ACCEPTED]
    assert stack.store.redis.llen(queue(Stream.NOTICE)), "no ring waits for the next worker"


def test_two_workers_and_two_beats_at_once_double_nothing(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    for name in ("worker", "worker-otp", "beat", "beat"):
        stack.start(name)

    ids = _send(stack, 1000)
    due = datetime.now(UTC) + timedelta(seconds=2)
    ids += _send(stack, 500, first=1000, send_at=due)
    ids += _send(stack, 500, first=1500, stream="otp")
    stack.until("every message is settled", _settled(stack, ids))

    assert {record.status for record in stack.records(ids)} <= TAKEN
    assert stack.handsets() == {_number(place): 1 for place in range(2000)}


def test_a_lost_ring_is_mended_by_the_sweep(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    ids = _send(stack, 10)
    stack.store.redis.delete(queue(Stream.NOTICE))

    stack.start("worker")
    stack.start("beat")
    stack.until("every message is settled", _settled(stack, ids))

    assert stack.handsets() == {_number(place): 1 for place in range(10)}


def test_work_goes_on_by_itself_after_the_server_was_killed_and_came_back(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack(HASTY, durable=True)
    stack.store.redis.config_set("appendfsync", "always")
    stack.ask("/_sandbox/settings", method="PUT", body={"latency": 0.05})
    stack.start("worker")
    stack.start("beat")
    ids = _send(stack, 3000, account="zhenzi")
    stack.until("some are with the vendor", lambda: sum(stack.handsets().values()) > 300)

    stack.server.stop(kill=True)
    stack.server.start()
    stack.until("every message is settled", _settled(stack, ids), patience=60)

    got = stack.handsets()
    assert set(got.values()) == {1}
    for record in stack.records(ids):
        assert record.status is Status.UNKNOWN or got.get(record.to[3:]) == 1


def test_no_number_no_text_and_no_secret_is_in_any_log_or_task(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    stack.start("worker")
    stack.start("beat")
    ids = [
        stack.client.send(f"1390000{ending}", "机密的内容在此") for ending in range(9000, 9999, 37)
    ]
    stack.until("a message was looked at", lambda: any(r.attempt for r in stack.records(ids)))
    stack.until("the answers are logged", lambda: "submit.answer" in stack.logs("worker"))

    printed = stack.logs("worker") + stack.logs("beat")
    rings = str(stack.store.redis.lrange(queue(Stream.NOTICE), 0, -1))
    for secret in ("机密", "sandbox-key", "sandbox-pwd", "sandbox-secret", "1390000"):
        assert secret not in printed + rings


def test_the_procfile_runs_under_honcho_and_ends_when_asked(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    port = free_port()

    gateway = f"127.0.0.1:{free_port()}"

    honcho = stack.start_all(FLOWER_PORT=str(port), GATEWAY_LISTEN=gateway)
    ids = _send(stack, 20) + _send(stack, 20, first=20, stream="otp")
    stack.until("every message is settled", _settled(stack, ids))
    stack.until("Flower answers", lambda: reachable(f"http://127.0.0.1:{port}/healthcheck"))
    stack.until("the gateway is ready", lambda: reachable(f"http://{gateway}/readyz"))
    lines = stack.logs("honcho")
    stack.stop(honcho, signal.SIGTERM)

    for name in ("worker-otp", "worker", "beat", "flower", "gateway"):
        assert f"{name}" in lines
    assert stack.handsets() == {_number(place): 1 for place in range(40)}
    assert not reachable(f"http://127.0.0.1:{port}/healthcheck")


def test_the_demo_ends_by_itself_with_every_handset_served(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "producers", "demo", "--burst", "200"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "205 of 205 got their message exactly once" in done.stdout


def test_the_demo_runs_twice_on_a_server_that_is_named(tmp_path: Path) -> None:
    with Server() as server:
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-m", "producers", "demo", "--burst", "50"],
                cwd=tmp_path,
                env=environment(XINSHI_REDIS_URL=server.url),
                capture_output=True,
                text=True,
                check=False,
                timeout=90,
            )

            assert done.returncode == 0, done.stdout + done.stderr
            assert "55 of 55 got their message exactly once" in done.stdout
