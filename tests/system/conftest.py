"""A stack: the Procfile's real processes, a server and the sandbox, and what handsets got."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from honcho.environ import parse_procfile

from producers import Client
from worker.contract.record import Record
from worker.sandbox import example_config
from worker.store import acts
from worker.store.client import Store
from worker.store.embedded import Server, free_port

ROOT = Path(__file__).parents[2]
PATIENCE = 40.0  # seconds; a machine with two busy cores needs a few


class Stack:
    """Everything real, on loopback. Processes are named as in the Procfile."""

    def __init__(self, folder: Path, server: Server, extra: str = "") -> None:
        self.folder, self.server = folder, server
        self.sandbox = f"http://127.0.0.1:{free_port()}"
        self.config = folder / "xinshi.toml"
        self.config.touch(mode=0o600)
        self.config.write_text(example_config(self.sandbox, server.url) + extra)
        self.store = Store(server.url)
        self.client = Client(config=self.config, redis_url=server.url)
        self._lines = dict(parse_procfile((ROOT / "Procfile").read_text()).processes)
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start one line of the Procfile, exactly as it stands; each start has its own log."""
        return self._start(name, self._lines[name])

    def start_sandbox(self) -> None:
        listen = self.sandbox.removeprefix("http://")
        self._start("sandbox", f"xinshi sandbox --listen {listen}")
        self.until("the sandbox answers", self._sandbox_answers)

    def start_all(self, **env: str) -> subprocess.Popen[bytes]:
        """Start the whole Procfile under honcho."""
        return self._start("honcho", "honcho start", **env)

    def _start(self, name: str, line: str, **extra: str) -> subprocess.Popen[bytes]:
        scripts = str(Path(sys.executable).parent)
        env = os.environ | {  # noqa: TID251 - a child's environment
            "XINSHI_CONFIG": str(self.config),
            "XINSHI_REDIS_URL": self.server.url,
            "PATH": scripts + os.pathsep + os.environ["PATH"],  # noqa: TID251
            "PYTHONUNBUFFERED": "1",
            **extra,
        }
        with (self.folder / f"{len(self._running)}-{name}.log").open("wb") as output:
            process = subprocess.Popen(
                f"exec {line}", shell=True, cwd=ROOT, env=env, stdout=output, stderr=output
            )
        self._running.append((name, process))
        return process

    def logs(self, name: str) -> str:
        """Everything that the processes of one name printed."""
        return "".join(
            path.read_text(errors="replace") for path in sorted(self.folder.glob(f"*-{name}.log"))
        )

    def _sandbox_answers(self) -> bool:
        try:
            self.ask("/_sandbox")
        except OSError:
            return False
        return True

    def ask(self, path: str, *, method: str = "GET", body: object = None) -> Any:
        """Talk to the sandbox's control endpoint."""
        request = urllib.request.Request(
            self.sandbox + path,
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def handsets(self) -> dict[str, int]:
        """How many messages each number got, by its eleven digits."""
        found: dict[str, int] = self.ask("/_sandbox/counts")["numbers"]
        return found

    def records(self, ids: list[str]) -> list[Record]:
        found = self.store.run(acts.find(ids))
        assert all(record is not None for record in found), "a record is gone"
        return [record for record in found if record is not None]

    def until(self, what: str, condition: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Wait for a condition; fail naming it, with the ends of all logs."""
        end = time.monotonic() + patience
        while not condition():
            if time.monotonic() > end:
                tails = [
                    f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}"
                    for path in sorted(self.folder.glob("*.log"))
                ]
                pytest.fail(f"never: {what}\n" + "\n".join(tails))
            time.sleep(0.02)

    def stop(self, process: subprocess.Popen[bytes], sent: int = signal.SIGTERM) -> int:
        """Signal a process and wait for its end; returns its exit code."""
        process.send_signal(sent)
        return process.wait(PATIENCE)

    def close(self) -> None:
        self.client.close()
        self.store.close()
        for _, process in reversed(self._running):
            if process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """A factory: ``make_stack(extra_toml)`` gives a stack with its own server and sandbox."""
    stacks: list[Stack] = []
    servers: list[Server] = []

    def make(extra: str = "", *, durable: bool = False) -> Stack:
        server = Server(folder=tmp_path if durable else None).start()
        servers.append(server)
        stack = Stack(tmp_path, server, extra)
        stacks.append(stack)
        stack.start_sandbox()
        return stack

    yield make
    for stack in stacks:
        stack.close()
    for server in servers:
        server.stop(kill=True)
