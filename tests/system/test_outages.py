"""The server killed, cut off and frozen under load: the same worker goes on by itself."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable

import pytest

from worker.contract.status import Status

from .conftest import Stack, figures

#: Attempts count as lost soon; a vendor that cannot be asked shows what stays unknown.
HASTY = """
[worker]
grace = "2s"
"""
ACCOUNT = "chuangxin"


def _loaded(stack: Stack, count: int) -> tuple[list[str], list[subprocess.Popen[bytes]]]:
    """Start a worker and beat, and give them work for some seconds."""
    stack.ask("/_sandbox/settings", method="PUT", body={"latency": 0.1})
    running = [stack.start("beat"), stack.start("worker")]
    ids = stack.send(count, account=ACCOUNT)
    stack.until("the vendor takes messages", lambda: stack.taken() > 100)
    return ids, running


def _went_on(
    stack: Stack, ids: list[str], running: list[subprocess.Popen[bytes]], patience: float = 60
) -> Counter[Status]:
    """Wait for the end; the processes are those of the beginning."""
    stack.until("every message is settled", stack.settled(ids), patience)
    assert all(process.poll() is None for process in running), "a process ended by itself"
    return stack.true_states(ids)


def _loaded_file(stack: Stack) -> bool:
    return not stack.store.redis.info("persistence")["loading"]


def _freeze(stack: Stack, seconds: float) -> None:
    """Let the server stand still for that long: its connections stay, nothing answers."""
    os.kill(stack.server.pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)  # it is the outage
    finally:
        os.kill(stack.server.pid, signal.SIGCONT)


@pytest.mark.system
def test_connections_cut_again_and_again_cost_nothing(make_stack: Callable[..., Stack]) -> None:
    """What a cut claim had opened is taken back, what a cut settle said is said again."""
    stack = make_stack(HASTY)
    ids, running = _loaded(stack, 3000)
    for _ in range(8):
        stack.store.redis.client_kill_filter(_type="normal", skipme=True)
        stack.store.redis.client_kill_filter(_type="pubsub")
        stack.more_taken(150)

    assert _went_on(stack, ids, running) == Counter({Status.SUBMITTED: 3000})
    assert all(record.attempts == 1 for record in stack.records(ids))


@pytest.mark.system
def test_a_server_frozen_for_four_seconds_costs_nothing(make_stack: Callable[..., Stack]) -> None:
    """Answers that came meanwhile are kept; attempts past their deadline are settled late."""
    stack = make_stack(HASTY)
    ids, running = _loaded(stack, 3000)
    _freeze(stack, 4)

    stack.until("no answer was lost", stack.submitted(ids))
    assert _went_on(stack, ids, running) == Counter({Status.SUBMITTED: 3000})


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_a_server_frozen_for_twenty_seconds_costs_nothing(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack(HASTY)
    ids, running = _loaded(stack, 5000)
    _freeze(stack, 20)

    stack.until("no answer was lost", stack.submitted(ids))
    found = _went_on(stack, ids, running)
    figures(f"frozen 20 s: {dict(found)}")
    assert found == Counter({Status.SUBMITTED: 5000})


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_a_server_killed_five_times_under_load_loses_and_doubles_nothing(
    make_stack: Callable[..., Stack],
) -> None:
    """With an append-only file that is synced always; away for up to three seconds each time."""
    stack = make_stack(HASTY, durable=True)
    stack.store.redis.config_set("appendfsync", "always")
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    ids, running = _loaded(stack, 9000)
    for _ in range(5):
        stack.more_taken(300 + chance.randrange(300))
        stack.server.stop(kill=True)
        time.sleep(chance.uniform(0, 3))  # it is the outage
        stack.server.start()
        stack.until("its file is loaded", lambda: _loaded_file(stack))
        stack.store.redis.config_set("appendfsync", "always")

    found = _went_on(stack, ids, running, patience=120)
    figures(f"seed {seed}: 5 kills of the server: {dict(found)}")
    assert found.keys() <= {Status.SUBMITTED, Status.UNKNOWN}


@pytest.mark.system
def test_every_process_asks_for_the_same_scripts() -> None:
    """Else each process that starts would leave a copy of all of them in the server's memory."""
    said = "from worker.store import scripts; print(scripts.load('settle').digest)"
    found = {
        subprocess.run(
            [sys.executable, "-c", said],
            env=os.environ | {"PYTHONHASHSEED": seed},  # noqa: TID251 - a child's
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1
