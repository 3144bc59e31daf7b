"""A stack: the Procfile's real processes, a server and the sandbox, and what handsets got."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from honcho.environ import parse_procfile

from producers import Client
from worker.contract.keys import OPEN
from worker.contract.record import Record
from worker.contract.status import FINAL, Status
from worker.sandbox import example_config
from worker.store import acts
from worker.store.client import Store
from worker.store.embedded import Server, free_port

ROOT = Path(__file__).parents[2]
PATIENCE = 90.0  # seconds; a machine with two busy cores needs a few
SETTLED = FINAL | {Status.SUBMITTED, Status.UNKNOWN}
TAKEN = {Status.SUBMITTED, Status.DELIVERED}  #: before and after the vendor's report


def number(place: int) -> str:
    """A number that the sandbox delivers to: its last four digits are below 9000."""
    return f"139{place // 9000:04d}{place % 9000:04d}"


def figures(text: str) -> None:
    """Say what a proof measured; ``make chaos`` shows it."""
    sys.stdout.write(f"\n{text}\n")


class Stack:
    """Everything real, on loopback. Processes are named as in the Procfile.

    ``url``: where processes and clients find the server, if not at its own address; ``notice``:
    that stream's accounts, best first.
    """

    def __init__(
        self,
        folder: Path,
        server: Server,
        extra: str = "",
        *,
        url: str = "",
        notice: Sequence[str] = (),
    ) -> None:
        self.folder, self.server, self.url = folder, server, url or server.url
        self.sandbox = f"http://127.0.0.1:{free_port()}"
        self.gateway = f"http://127.0.0.1:{free_port()}"  #: where a test may start one
        self.config = folder / "xinshi.toml"
        self.config.touch(mode=0o600)
        text = example_config(self.sandbox, self.url) + extra
        if notice:
            route = f"notice = {json.dumps(notice)}"
            text = re.sub(r"^notice = \[.*\]$", route, text, count=1, flags=re.MULTILINE)
        self.config.write_text(text)
        self.store = Store(self.url)
        self.client = Client(config=self.config, redis_url=self.url)
        self._lines = dict(parse_procfile((ROOT / "Procfile").read_text()).processes)
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str, **env: str) -> subprocess.Popen[bytes]:
        """Start one line of the Procfile, exactly as it stands; each start has its own log."""
        return self._start(name, self._lines[name], **env)

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
            "XINSHI_REDIS_URL": self.url,
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

    def give_up(self, account: str) -> None:
        """Let the deadlines of an account's open attempts pass at once; there are some.

        For attempts of a worker that is killed: who else would settle them?
        """
        name = OPEN + account
        for message_id, _ in self.store.redis.zscan_iter(name):
            self.store.redis.zadd(name, {message_id: 1}, xx=True)

    def taken(self) -> int:
        """How many messages the vendors took."""
        found: int = self.ask("/_sandbox/counts?numbers=0")["taken"]
        return found

    def more_taken(self, count: int) -> None:
        """Wait until the vendors took so many more."""
        goal = self.taken() + count
        self.until(f"{count} more are taken", lambda: self.taken() >= goal)

    def send(self, count: int, *, first: int = 0, **fields: object) -> list[str]:
        """Send one message to each of so many numbers."""
        return self.client.send_many(
            {"to": number(place), "text": f"您的订单{place}已发货", **fields}
            for place in range(first, first + count)
        )

    def settled(self, ids: Sequence[str]) -> Callable[[], bool]:
        """A condition: none of them waits, or is on its way, any more."""
        return self._are(ids, SETTLED)

    def submitted(self, ids: Sequence[str]) -> Callable[[], bool]:
        """A condition: a vendor took each of them, and we know it."""
        return self._are(ids, TAKEN)

    def _are(self, ids: Sequence[str], wanted: Collection[Status]) -> Callable[[], bool]:
        left = list(ids)

        def look() -> bool:
            found = zip(left, self.records(left), strict=True)
            left[:] = [each for each, record in found if record.status not in wanted]
            return not left

        return look

    def true_states(self, ids: Sequence[str]) -> Counter[Status]:
        """Compare each message's state with what its handset got; return how many of each.

        Submitted or delivered: exactly once. Unknown: at most once. Any other: not at all. Each number must
        have got one message only, and none that was not sent.
        """
        records, got = self.records(list(ids)), self.handsets()
        for message_id, record in zip(ids, records, strict=True):
            times = got.pop(record.to[3:], 0)
            if record.status in TAKEN:
                true = times == 1
            else:
                true = times <= (record.status is Status.UNKNOWN)
            assert true, f"{message_id} is {record.status}, and got {times} times: {record.trail}"
        assert not got, "handsets got what nobody sent"
        return Counter(record.status for record in records)

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

    def make(extra: str = "", *, durable: bool = False, notice: Sequence[str] = ()) -> Stack:
        server = Server(folder=tmp_path if durable else None).start()
        servers.append(server)
        stack = Stack(tmp_path, server, extra, notice=notice)
        stacks.append(stack)
        stack.start_sandbox()
        return stack

    yield make
    for stack in stacks:
        stack.close()
    for server in servers:
        server.stop(kill=True)
