"""Child processes of the demo and the bench: started, watched, and ended together."""

import contextlib
import os
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
    """Python modules run as processes, each with its log; a context manager ends them all.

    ``groups``: each is the first of a process group, and whatever it starts ends with it.
    """

    def __init__(self, folder: Path, *, groups: bool = False) -> None:
        self._folder = folder
        self._groups = groups
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
                process_group=0 if self._groups else None,
            )
        self._running[name] = process
        return process

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def said(self, name: str, lines: int = 5) -> str:
        """Return the end of its log, on one line; empty if it said nothing."""
        try:
            told = self.log(name).read_text(errors="replace").strip().splitlines()
        except FileNotFoundError:
            return ""
        return " / ".join(told[-lines:])

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
                raise ProcessError(
                    f"{name} ended by itself, code {process.returncode}: {self.said(name)}"
                )

    def finish(self, name: str, patience: float) -> None:
        """Wait until one has done its work; raise ProcessError if it fails, or takes too long."""
        process = self._running[name]
        try:
            code = process.wait(patience)
        except subprocess.TimeoutExpired:
            raise ProcessError(
                f"{name} is at work after {patience:.0f} s: {self.said(name)}"
            ) from None
        del self._running[name]
        self._sweep(process)
        if code:
            raise ProcessError(f"{name} failed, code {code}: {self.said(name)}")

    def end(self, name: str) -> None:
        """End one of them: politely, then at once."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        self._wait(process, _PATIENCE)

    def kill(self) -> None:
        """End them at once: nothing that they still do matters."""
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            self._sweep(process)
        for process in self._running.values():
            process.wait()
        self._running.clear()

    def stop(self) -> None:
        """End them, the last started first: politely, then at once."""
        for process in reversed(self._running.values()):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        end = time.monotonic() + _PATIENCE
        for process in reversed(self._running.values()):
            self._wait(process, max(0.1, end - time.monotonic()))
        self._running.clear()

    def _wait(self, process: "subprocess.Popen[bytes]", seconds: float) -> None:
        """Wait for the end of a process that was told to; then kill it, and what it left."""
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._sweep(process)

    def _sweep(self, process: "subprocess.Popen[bytes]") -> None:
        """Kill what is left of a process's group."""
        if self._groups:
            # PermissionError is how macOS says that only a zombie is left.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def reachable(url: str) -> bool:
    """Return whether an HTTP server on loopback answers."""
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - loopback, our own
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
