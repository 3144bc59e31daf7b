"""Child processes of the demo and the bench: started, watched, and ended together."""

import contextlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from worker.contract.errors import XinshiError
from worker.contract.settings import environment
from worker.store.embedded import die_with_parent

_PATIENCE = 20.0  # seconds that a child may take to start or to end


class ProcessError(XinshiError):
    """A child process did not start, or ended by itself."""


class Processes:
    """Python modules run as processes, each with its log; a context manager ends them all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str, **env: str) -> subprocess.Popen[bytes]:
        """Start ``python -m command``; its output goes to ``folder/name.log``."""
        return self.launch(name, sys.executable, "-m", *command, **env)

    def launch(self, name: str, *command: str, **env: str) -> subprocess.Popen[bytes]:
        """Start any command; its output goes to ``folder/name.log``."""
        with self.log(name).open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own arguments
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment(PYTHONUNBUFFERED="1", **env),
                preexec_fn=die_with_parent,  # noqa: PLW1509 - no thread of ours holds a lock here
            )
        self._running[name] = process
        return process

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def wait_for(
        self, what: str, ready: Callable[[], bool], *, patience: float = _PATIENCE
    ) -> None:
        """Wait until something is ready; raise ProcessError if a child ends or time is over."""
        end = time.monotonic() + patience
        while not ready():
            self.check()
            if time.monotonic() > end:
                raise ProcessError(f"{what} is not ready after {patience:.0f} s")
            time.sleep(0.05)

    def check(self) -> None:
        """Raise ProcessError, with the end of its log, if a child is gone."""
        for name, process in self._running.items():
            if process.poll() is not None:
                tail = self.log(name).read_text(errors="replace").strip().splitlines()[-5:]
                raise ProcessError(
                    f"{name} ended by itself, code {process.returncode}: {' / '.join(tail)}"
                )

    def end(self, name: str) -> None:
        """End one of them: politely, then at once."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        _wait(process, _PATIENCE)

    def stop(self) -> None:
        """End them, the last started first: politely, then at once."""
        for process in reversed(self._running.values()):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        end = time.monotonic() + _PATIENCE
        for process in reversed(self._running.values()):
            _wait(process, max(0.1, end - time.monotonic()))
        self._running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for the end of a process that was told to; then kill it."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def reachable(url: str) -> bool:
    """Return whether an HTTP server on loopback answers."""
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - loopback, our own
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
