"""The bench's end, however it comes: no process of it is left."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.contract.settings import environment

PATIENCE = 120.0
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(sys.platform != "linux", reason="/proc"),
    pytest.mark.timeout(600),
]


def members(session: int) -> list[str]:
    """Return the command lines of a session's processes; zombies have none."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            fields = (each / "stat").read_text().rpartition(")")[2].split()
            line = (each / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if int(fields[3]) == session and line:
            found.append(line)
    return found


def wait(what: str, ready: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_it_is_ended_at_work(ending: signal.Signals, tmp_path: Path) -> None:
    command = (sys.executable, "-m", "producers", "bench", "submit", "--messages", "100000")
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(PYTHONPATH=root),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        wait("a worker", lambda: any("celery" in line for line in members(running.pid)))

        running.send_signal(ending)
        _, said = running.communicate(timeout=PATIENCE)

    wait("the end of all", lambda: not members(running.pid))
    if ending is signal.SIGKILL:
        assert running.returncode == -signal.SIGKILL
    else:
        assert running.returncode == 130
        assert said.splitlines()[-1] == "xinshi: interrupted"
