"""Metrics of the real processes: they share a machine's ports, and tell no secret."""

import contextlib
import urllib.request
from collections.abc import Callable

import pytest

from worker.contract.metrics import PORTS
from worker.store.embedded import free_port

from .conftest import Stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def _pages(first: int) -> list[str]:
    """What is scraped at the ports that the processes of a machine share."""
    found = []
    for port in range(first, first + PORTS):
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer,
        ):
            found.append(answer.read().decode())
    return found


def test_workers_and_beat_are_scraped_side_by_side(make_stack: Callable[..., Stack]) -> None:
    stack, port = make_stack(), free_port()
    for name in ("worker-otp", "worker", "beat"):
        stack.start(name, XINSHI_METRICS_LISTEN=f"127.0.0.1:{port}")
    ids = stack.send(4, text="机密：密码 hunter2")
    ids += stack.send(2, first=100, stream="otp")
    stack.until("all are submitted", stack.submitted(ids))

    def told(*lines: str) -> Callable[[], bool]:
        return lambda: all(line in "".join(_pages(port)) for line in lines)

    accounts = {record.account for record in stack.records(ids)}
    stack.until("all three are there", lambda: len(_pages(port)) == 3)
    stack.until(
        "they tell what they did",
        told(
            'xinshi_build_info{process="beat"',
            'xinshi_build_info{process="worker"',
            'xinshi_ticks_total{task="sms.release"}',
            *(f'outcome="submitted",stream="{stream}"' for stream in ("otp", "notice")),
            *(f'xinshi_submit_seconds_count{{account="{account}"}}' for account in accounts),
        ),
    )

    shown = "".join(_pages(port))
    secrets = ["hunter2", "机密", stack.server.url, "sandbox-", *ids]
    secrets += [record.to.removeprefix("+86") for record in stack.records(ids)]
    assert not [secret for secret in secrets if secret in shown]
