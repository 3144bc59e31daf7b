"""Readiness, with the real processes: a worker that ends takes it along, and one that starts brings it."""

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from worker.store import presence

from .conftest import Stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def _ready(address: str) -> tuple[int, Any]:
    """Ask a gateway; status 0: it does not listen (yet)."""
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)
    except OSError:
        return 0, None


def test_the_gateway_is_ready_while_a_worker_is_alive(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    gateway = stack.gateway.removeprefix("http://")
    stack.start("gateway", GATEWAY_LISTEN=gateway)
    stack.until("the gateway listens", lambda: _ready(gateway)[0] == 503)
    assert _ready(gateway)[1]["missing"] == ["worker"]

    worker = stack.start("worker")
    stack.until("a worker makes it ready", lambda: _ready(gateway)[0] == 200)
    (found,) = stack.store.run(presence.workers()).alive
    assert found.vitals is not None
    assert set(found.vitals.queues) == {"sms.otp", "sms.notice", "sms.marketing", "sms.ticks"}
    assert found.name.startswith("bulk@")
    assert found.name.endswith(f":{worker.pid}")

    assert stack.stop(worker) == 0
    assert stack.store.run(presence.workers()).all == [], "it left no word behind"
    assert _ready(gateway)[0] == 503

    worker = stack.start("worker")
    stack.until("the next one makes it ready again", lambda: _ready(gateway)[0] == 200)
    stack.stop(worker, signal.SIGKILL)
    stack.until("a killed one is missed in the end", lambda: _ready(gateway)[0] == 503)
    assert [each.alive for each in stack.store.run(presence.workers()).all] == [False]
