"""Child processes: what is said of those that fail, and that none is left, nor what it started."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from producers.processes import ProcessError, Processes

PATIENCE = 60.0
PARENT = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.{answer})
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
print(child.pid, flush=True)
time.sleep(3600)
"""


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    with Processes(tmp_path, groups=True) as running:
        yield running


def lives(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return told.rpartition(")")[2].split()[0] not in "ZX"


def start(processes: Processes, answer: str) -> int:
    """Start a parent that answers SIGTERM in a way; return its child."""
    processes.launch("parent", sys.executable, "-c", PARENT.format(answer=answer))
    processes.wait_for("a child", lambda: processes.said("parent").isdigit(), patience=PATIENCE)
    child = int(processes.said("parent"))
    assert os.getpgid(child) != os.getpgid(0)
    return child


linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc")


@linux
def test_what_a_child_started_ends_at_once_with_it(processes: Processes) -> None:
    child = start(processes, "SIG_IGN")

    processes.kill()

    processes.wait_for("its end", lambda: not lives(child), patience=PATIENCE)
    processes.check()  # none is left that could be gone


@linux
@pytest.mark.parametrize("end", [lambda each: each.end("parent"), lambda each: each.stop()])
def test_what_a_child_left_behind_is_ended_too(
    processes: Processes, end: Callable[[Processes], None]
) -> None:
    child = start(processes, "SIG_DFL")

    end(processes)

    processes.wait_for("its end", lambda: not lives(child), patience=PATIENCE)


def test_work_that_is_done_is_no_process_that_is_gone(processes: Processes) -> None:
    processes.launch("work", sys.executable, "-c", "print('done')")

    processes.finish("work", PATIENCE)

    processes.check()
    assert processes.said("work") == "done"


def test_work_that_fails_is_told_with_its_last_words(processes: Processes) -> None:
    processes.launch("work", sys.executable, "-c", "raise SystemExit('no room')")

    with pytest.raises(ProcessError, match="work failed, code 1: no room"):
        processes.finish("work", PATIENCE)


def test_work_that_takes_too_long_is_told_with_its_last_words(processes: Processes) -> None:
    script = "import time; print('at it', flush=True); time.sleep(3600)"
    processes.launch("work", sys.executable, "-c", script)
    processes.wait_for("its words", lambda: bool(processes.said("work")), patience=PATIENCE)

    with pytest.raises(ProcessError, match="work is at work after 0 s: at it"):
        processes.finish("work", 0.0)


def test_who_said_nothing_has_no_last_words(processes: Processes) -> None:
    assert processes.said("nobody") == ""
