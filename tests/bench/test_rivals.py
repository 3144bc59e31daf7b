"""Rivals in a round: what a slow, a broken or a hanging one ends as; and all of them for real."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from producers.bench import compare
from producers.bench.options import Options
from producers.bench.rig import BenchError, Rig
from producers.processes import ProcessError

Bench = Callable[..., Any]
Play = Callable[..., None]
system, chaos = pytest.mark.system, pytest.mark.chaos
QUICK = Options(messages=200, rounds=1, latency=5.0, in_flight=64, quick=True)
HANGS = """
import time
print("I wait for what never comes", flush=True)
time.sleep(3600)
"""


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Play:
    """Put a rival named ``odd`` in place."""

    def put(script: str, *, queued: bool = False) -> None:
        path = tmp_path / "odd.py"
        path.write_text(script, encoding="utf-8")
        rival = compare.Rival(str(path), (), queued=queued)
        monkeypatch.setattr(compare, "RIVALS", {"odd": rival})

    return put


@system
def test_a_rival_that_hangs_is_ended_in_time_with_its_last_words(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(HANGS)
    work = Rig.work

    def worked(rig: Rig, name: str, *command: str) -> None:
        work(rig, name, *command)
        rig.processes.wait_for("its words", lambda: bool(rig.processes.said(name)), patience=120.0)
        rig._end = time.monotonic()  # time is over, and not while the machine was starting it

    monkeypatch.setattr(Rig, "work", worked)

    with pytest.raises(BenchError, match=r"0 of 200 when time was over; odd-0 said .* never comes"):
        compare._measure(QUICK, "odd", sys.executable, 200, 600.0)


@system
def test_a_rival_that_breaks_is_named_with_its_last_words(play: Play) -> None:
    play("raise SystemExit('no such broker')")

    with pytest.raises(ProcessError, match="odd-0 ended by itself, code 1: no such broker"):
        compare._measure(QUICK, "odd", sys.executable, 200, 600.0)


@system
def test_an_enqueue_that_breaks_is_named_with_its_last_words(play: Play) -> None:
    play("raise SystemExit('the queue is closed')", queued=True)

    with pytest.raises(ProcessError, match="enqueue of odd failed, code 1: the queue is closed"):
        compare._measure(QUICK, "odd", sys.executable, 200, 600.0)


@chaos
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("messages", [("--messages", "300"), ()])
def test_every_rival_does_the_job_in_its_environment(bench: Bench, messages: tuple[str]) -> None:
    ran = bench("submit", "--compare", "--rounds", "1", "--json", *messages)

    if "cannot be made" in ran.err:
        pytest.skip(ran.err)
    assert ran.code == 0, ran.err
    (found,) = json.loads(ran.out)["scenarios"]
    assert list(found["subjects"]) == ["xinshi", *compare.RIVALS]
    for figures in found["subjects"].values():
        assert figures["rate"]["median"] > 0
        assert figures["messages"]["median"] == 300 or not messages
