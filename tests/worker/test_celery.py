"""Real worker processes: rings decoded, SIGTERM and SIGKILL in the middle, and who got what."""

import asyncio
import contextlib
import json
import signal
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import pytest_asyncio
import redis

from worker.contract import keys
from worker.contract.keys import ready
from worker.contract.settings import environment
from worker.contract.status import Status, Stream
from worker.store import acts
from worker.store.embedded import die_with_parent

from .conftest import Handle, Listening, Serve, World, Worlds, until

SUBMITTED, UNKNOWN = Status.SUBMITTED, Status.UNKNOWN
Start = Callable[[], Any]
TOML = """
redis_url = "{redis}"
[vendors.one]
adapter = "zhenzi"
base_url = "{vendor}"
app_id = "1"
app_secret = "2"
[vendors.one.timeouts]
total = "20s"  # longer than a busy machine holds an answer up
[streams.marketing]
quiet_hours = ""
[worker]
grace = "20s"
in_flight = 232
batch = 64
"""
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{"code":0,"data":"ok"}'


class Vendor:
    """A vendor that counts what it takes, and answers after a while."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.taken: Counter[str] = Counter()
        self.url = ""

    async def handle(
        self, seen: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            form = parse_qs((await seen.request(reader)).decode())
            self.taken[form["messageId"][0]] += 1
            await asyncio.sleep(self.latency)
            writer.write(ANSWER)
            await writer.drain()


@pytest.fixture
def vendor(serve: Serve) -> Callable[[float], Any]:
    """A factory: ``await vendor(latency)``."""

    async def make(latency: float) -> Vendor:
        found = Vendor(latency)
        handle: Handle = found.handle
        found.url = (await serve(handle)).url
        return found

    return make


Worker = Callable[..., Any]


@pytest_asyncio.fixture
async def worker(redis_url: str, tmp_path: Path) -> AsyncIterator[Worker]:
    """A factory: ``await worker(url)`` starts a Celery worker and waits until it is ready."""
    running: list[Process] = []

    async def start(url: str) -> Process:
        config = tmp_path / "xinshi.toml"
        config.write_text(TOML.format(redis=redis_url, vendor=url))
        log = tmp_path / f"worker-{len(running)}.log"
        queues = ",".join(f"sms.{name}" for name in (*Stream, "ticks"))
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "celery", "-A", "worker.app", "worker", "-Q", queues),
                *("-c", "4", "-l", "INFO"),
                cwd=tmp_path,
                env=environment(XINSHI_CONFIG=str(config), XINSHI_REDIS_URL=redis_url),
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent,
            )
        running.append(process)
        await until(lambda: "process.started" in log.read_text(), f"a worker: {log.read_text()}")
        return process

    yield start
    for process in running:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def ended(process: Process, sent: int, *, within: float) -> int:
    """Signal a process; return its exit code."""
    process.send_signal(sent)
    async with asyncio.timeout(within):
        return await process.wait()


async def settled(pump: World, ids: list[str]) -> bool:
    return await pump.all_are(ids, SUBMITTED, UNKNOWN, Status.REJECTED)


async def test_a_ring_that_accept_pushes_is_read_by_a_real_worker(
    world: Worlds, worker: Worker, vendor: Any
) -> None:
    pump, zhenzi = world(), await vendor(0.0)
    await worker(zhenzi.url)

    ids = [each for stream in Stream for each in await pump.send(3, stream=stream)]
    await until(lambda: pump.all_are(ids, SUBMITTED), "all are submitted")

    assert zhenzi.taken == dict.fromkeys(ids, 1)


async def test_a_worker_logs_json_without_a_number_and_ends_when_it_has_nothing_to_do(
    world: Worlds, worker: Worker, vendor: Any, tmp_path: Path
) -> None:
    pump, zhenzi = world(), await vendor(0.0)
    process = await worker(zhenzi.url)
    ids = await pump.send(2)
    await until(lambda: pump.all_are(ids, SUBMITTED))

    code = await ended(process, signal.SIGTERM, within=30)

    log = (tmp_path / "worker-0.log").read_text()
    events = []
    for line in log.splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            events.append(json.loads(line)["event"])
    assert code == 0
    assert {"process.started", "pump.done", "process.stopped"} <= set(events)
    assert "1390000" not in log
    assert "Traceback" not in log
    assert "mingle" not in log, "it asked its neighbours"


async def test_sigterm_finishes_what_is_in_flight_and_leaves_the_rest_to_the_next(
    world: Worlds, worker: Worker, vendor: Any, raw: "redis.Redis"
) -> None:
    pump, zhenzi = world(), await vendor(1.0)
    ids = await pump.send(600)
    first = await worker(zhenzi.url)
    await until(lambda: len(zhenzi.taken) >= 180, "all slots are taken")

    code = await ended(first, signal.SIGTERM, within=30)
    counts = Counter(await pump.statuses(ids))
    taken = Counter(zhenzi.taken)

    assert code == 0
    assert counts == {SUBMITTED: len(taken), Status.ACCEPTED: 600 - len(taken)}
    assert len(taken) < 600, "it did not stop in the middle"
    assert set(taken.values()) == {1}
    assert raw.llen(ready(Stream.NOTICE)) == 600 - len(taken)
    assert raw.llen("sms.notice"), "no ring waits for the next worker"

    zhenzi.latency = 0.0
    await worker(zhenzi.url)
    await until(lambda: pump.all_are(ids, SUBMITTED), "the second one finishes them")
    assert zhenzi.taken == dict.fromkeys(ids, 1)


async def test_sigkill_leaves_what_was_in_flight_unknown_and_never_resent(
    world: Worlds, worker: Worker, vendor: Any, raw: "redis.Redis"
) -> None:
    pump, zhenzi = world(), await vendor(0.6)
    ids = await pump.send(400)
    first = await worker(zhenzi.url)
    await until(lambda: len(zhenzi.taken) >= 180, "all slots are taken")

    await ended(first, signal.SIGKILL, within=30)
    open_now = [
        message_id
        for message_id, status in zip(ids, await pump.statuses(ids), strict=True)
        if status is Status.SUBMITTING
    ]
    raw.delete("sms.notice")  # its ring died with it
    raw.zadd(f"{keys.OPEN}one", dict.fromkeys(open_now, 1), xx=True)  # their deadlines pass
    zhenzi.latency = 0.0
    await worker(zhenzi.url)

    async def swept() -> bool:
        await pump.store.run(acts.sweep(1000))
        return await settled(pump, ids)

    await until(swept, "everything is settled")

    statuses = dict(zip(ids, await pump.statuses(ids), strict=True))
    assert open_now, "the kill hit nothing in flight"
    assert {each for each, status in statuses.items() if status is UNKNOWN} == set(open_now)
    assert {each for each, status in statuses.items() if status is SUBMITTED} == {*ids} - set(
        open_now
    )
    assert max(zhenzi.taken.values()) == 1, "something was sent twice"
    assert set(ids) - set(zhenzi.taken) <= set(open_now)


async def test_a_worker_survives_that_its_connections_are_cut(
    world: Worlds, worker: Worker, vendor: Any, raw: "redis.Redis"
) -> None:
    pump, zhenzi = world(), await vendor(0.05)
    process = await worker(zhenzi.url)
    ids = await pump.send(600)
    await until(lambda: len(zhenzi.taken) > 100)

    raw.client_kill_filter(_type="normal", skipme=True)
    raw.client_kill_filter(_type="pubsub", skipme=True)

    async def swept() -> bool:
        await pump.store.run(acts.sweep(1000))
        return await settled(pump, ids)

    await until(swept, "everything is settled")
    assert process.returncode is None
    assert zhenzi.taken == dict.fromkeys(ids, 1)
    assert await pump.all_are(ids, SUBMITTED)
