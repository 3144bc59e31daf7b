"""The bench: how fast one worker process submits, beside a bare loop, measured in one run.

Whole processes on this machine: a Redis-protocol server, a vendor that answers after a fixed
time, one Celery worker. Rounds alternate between the worker and the bare loop, because machines
are noisy: quote the ratio, not the rate.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from producers.client import Client
from producers.processes import ProcessError, Processes, reachable
from worker.contract.jobs import TICKS, queue
from worker.contract.keys import ready
from worker.contract.message import Message
from worker.contract.settings import environment
from worker.contract.status import Stream
from worker.store.client import Store
from worker.store.embedded import Server, free_port

_PATIENCE = 120.0  # seconds a round may take


@dataclass(frozen=True, slots=True)
class Round:
    """One alternation. Rates are messages a second; CPU is ms a message, user and system."""

    rate: float
    cpu_ms: float
    enqueue_ms: float
    bare_rate: float
    bare_cpu_ms: float

    @property
    def ratio(self) -> float:
        return self.rate / self.bare_rate


def run(*, messages: int = 20_000, rounds: int = 3, latency: float = 50.0, as_json: bool) -> int:
    """Measure and print; ``latency`` of the vendor in ms. Returns the exit code."""
    found = []
    with tempfile.TemporaryDirectory(prefix="xinshi-bench-") as name:
        for _ in range(rounds):
            with Server() as server, Processes(Path(name)) as processes:
                found.append(_round(server.url, processes, Path(name), messages, latency))
    if as_json:
        sys.stdout.write(json.dumps(_summary(found, messages, latency)) + "\n")
    else:
        Console().print(_table(found, messages, latency))
    return 0


def _round(
    redis_url: str, processes: Processes, folder: Path, messages: int, latency: float
) -> Round:
    vendor = f"http://127.0.0.1:{(port := free_port())}"
    processes.start("vendor", "producers.bench.endpoint", str(port), str(latency))
    processes.wait_for("the vendor", lambda: reachable(vendor))
    bare = _bare(vendor, redis_url, messages)
    config = folder / "xinshi.toml"
    config.write_text(
        f'redis_url = "{redis_url}"\n[vendors.bench]\nadapter = "zhenzi"\n'
        f'base_url = "{vendor}"\napp_id = "bench"\napp_secret = "bench"\n'
    )
    log = processes.log("worker")
    log.write_text("")
    queues = f"{queue(Stream.NOTICE)},{TICKS}"
    worker = processes.start(
        *("worker", "celery", "-A", "worker.app", "worker", "-l", "INFO", "-Q", queues),
        XINSHI_CONFIG=str(config),
        XINSHI_REDIS_URL=redis_url,
    )
    processes.wait_for("the worker", lambda: "ready" in log.read_text())
    with Client(redis_url, config) as client:
        begun = time.monotonic()
        client.send_many(_message(number) for number in range(messages))
        enqueue = (time.monotonic() - begun) / messages * 1000
    rate, cpu = _steady(Store(redis_url), worker.pid, messages)
    return Round(rate, cpu, enqueue, bare["rate"], bare["cpu_ms"])


def _message(number: int) -> Message:
    return Message(
        f"138{number:08d}", f"您的订单{number:07d}已经发货，请注意查收，感谢您的支持和信任。"
    )


def _bare(vendor: str, redis_url: str, messages: int) -> dict[str, float]:
    command = (sys.executable, "-m", "producers.bench.bare", vendor, redis_url, str(messages))
    done = subprocess.run(  # noqa: S603 - our own arguments
        command, env=environment(), capture_output=True, check=False, timeout=_PATIENCE
    )
    if done.returncode:
        raise ProcessError(f"the bare loop failed: {done.stderr.decode()[-300:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _steady(store: Store, pid: int, messages: int) -> tuple[float, float]:
    """Return rate and CPU over the middle of the backlog: no start, no tail."""
    first = _until(store, messages * 0.85)
    begun, used = time.monotonic(), _cpu(pid)
    last = _until(store, messages * 0.1)
    took, cpu = time.monotonic() - begun, _cpu(pid) - used
    store.close()
    return (first - last) / took, cpu / (first - last) * 1000


def _until(store: Store, most: float) -> int:
    end = time.monotonic() + _PATIENCE
    while True:
        left = store.redis.llen(ready(Stream.NOTICE))
        assert isinstance(left, int)
        if left <= most:
            return left
        if time.monotonic() > end:
            raise ProcessError("the worker does not get on with the backlog")
        time.sleep(0.01)


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process; NaN where /proc does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _summary(found: Sequence[Round], messages: int, latency: float) -> dict[str, object]:
    return {
        "scenario": "submit",
        "messages": messages,
        "latency_ms": latency,
        "rounds": [{**asdict(each), "ratio": each.ratio} for each in found],
        "rate": statistics.median(each.rate for each in found),
        "cpu_ms": statistics.median(each.cpu_ms for each in found),
        "ratio_to_bare": statistics.median(each.ratio for each in found),
    }


def _table(found: Sequence[Round], messages: int, latency: float) -> Table:
    table = Table(
        title=f"submit: {messages} distinct messages, a vendor that takes {latency:g} ms, "
        "one worker process",
        title_justify="left",
    )
    columns = ("round", "worker msg/s", "CPU ms/msg", "enqueue ms/msg", "bare loop msg/s")
    for column in (*columns, "CPU ms/msg", "worker / bare"):
        table.add_column(column, justify="right")
    for number, each in enumerate(found, 1):
        table.add_row(
            str(number),
            f"{each.rate:,.0f}",
            f"{each.cpu_ms:.3f}",
            f"{each.enqueue_ms:.3f}",
            f"{each.bare_rate:,.0f}",
            f"{each.bare_cpu_ms:.3f}",
            f"{each.ratio:.2f}",
        )
    ratio = statistics.median(each.ratio for each in found)
    table.caption = f"median worker / bare loop: {ratio:.2f}"
    return table
