"""Store and AsyncStore: bounded in time, healed by themselves, and silent about secrets."""

import asyncio
import os
import random
import select
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import redis

from worker.contract.errors import SettingsError, StoreError
from worker.contract.status import Stream
from worker.store import acts
from worker.store.acts import Act
from worker.store.client import AsyncStore, Store
from worker.store.embedded import Server, free_port

from .conftest import Lab, Ticket, accept, claim, deferred, entry, settle, settled

Run = Callable[[Act[Any]], Awaitable[Any]]
TIMEOUT, MARGIN = 0.5, 60.0  # seconds; who does not give up waits for ever


@dataclass
class Kind:
    """One of the two clients; ``run`` is a coroutine for both."""

    name: str

    def open(self, url: str, timeout: float = TIMEOUT) -> tuple[Run, Callable[[], Awaitable[None]]]:
        if self.name == "async":
            astore = AsyncStore(url, timeout=timeout)
            return astore.run, astore.close
        store = Store(url, timeout=timeout)

        async def run(act: Act[Any]) -> Any:
            return await asyncio.to_thread(store.run, act)

        async def close() -> None:
            store.close()

        return run, close


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return Kind(request.param)


@pytest_asyncio.fixture
async def run(kind: Kind, redis_url: str) -> AsyncIterator[Run]:
    made, close = kind.open(redis_url, 10.0)
    yield made
    await close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server that a test may kill, freeze or start again; it keeps what it is told."""
    running = Server(folder=tmp_path).start()
    yield running
    with suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGCONT)
    running.stop(kill=True)


EVERY_ACT: list[Act[Any]] = [
    accept([entry("m1"), entry("m2")]),
    acts.find(["m1"]),
    claim(),
    settle(settled("m1")),
    acts.defer([deferred("m2")]),
    acts.cancel("m2"),
    acts.release(10),
    acts.sweep(10),
    acts.ring(Stream.NOTICE),
]


async def test_a_server_that_forgot_the_scripts_is_told_again(run: Run, raw: "redis.Redis") -> None:
    answers = []
    for act in EVERY_ACT:
        raw.script_flush()
        answers.append(await run(act))

    assert [each.state for each in answers[0]] == ["stored", "stored"]
    assert len(answers[2].messages) == 2
    assert answers[3:6] == [[True], ["accepted"], (True, "cancelled")]


async def test_a_script_is_sent_once_and_then_only_its_digest(run: Run, raw: "redis.Redis") -> None:
    raw.config_resetstat()

    for _ in range(5):
        await run(acts.find(["m1"]))

    stats = raw.info("commandstats")
    assert stats["cmdstat_eval"]["calls"] == 1
    assert stats["cmdstat_evalsha"]["calls"] >= 5


async def test_the_store_survives_a_server_that_is_killed_and_comes_back(
    kind: Kind, own: Server
) -> None:
    run, close = kind.open(own.url, 5.0)
    await run(accept([entry("m1", key="order-1"), entry("m2")]))
    found = await run(claim(most=1))

    own.stop(kill=True)
    with pytest.raises(StoreError):
        await run(acts.find(["m1"]))
    own.start()

    assert await run(settle(settled("m1"))) == [True]
    assert [each.id for each in await run(accept([entry("m3", key="order-1")]))] == ["m1"]
    assert [each for each, _ in found.messages] == ["m1"]
    assert [each for each, _ in (await run(claim())).messages] == ["m2"]
    await close()


async def test_connections_that_died_in_the_pool_cost_nothing(kind: Kind, own: Server) -> None:
    run, close = kind.open(own.url, 5.0)
    await run(accept([entry("m1")]))

    own.stop(kill=True)
    own.start()

    assert [each for each, _ in (await run(claim())).messages] == ["m1"]
    await close()


async def refuses(run: Run, act: Act[Any]) -> tuple[str, float]:
    """Run an act that must fail; return the error's text and the seconds it took."""
    begun = time.monotonic()
    with pytest.raises(StoreError) as caught:
        await run(act)
    return str(caught.value), time.monotonic() - begun


async def test_a_closed_port_is_an_error_at_once(kind: Kind) -> None:
    run, close = kind.open(f"redis://127.0.0.1:{free_port()}/0")

    text, took = await refuses(run, acts.find(["m1"]))

    assert took < TIMEOUT + MARGIN
    assert text == "Redis cannot be reached; is it running at redis_url?"
    await close()


@pytest.mark.parametrize("warm", [True, False], ids=["connected", "new"])
async def test_a_frozen_server_is_an_error_in_time(kind: Kind, own: Server, warm: bool) -> None:
    run, close = kind.open(own.url)
    if warm:
        await run(acts.find(["m1"]))
    os.kill(own.pid, signal.SIGSTOP)

    text, took = await refuses(run, accept([entry("m1")]))

    assert TIMEOUT / 2 < took < TIMEOUT + MARGIN
    assert text.startswith("Redis did not answer in time")
    await close()


async def test_a_server_that_thaws_answers_the_question_asked(kind: Kind, own: Server) -> None:
    """The answer to what timed out must never be read as the answer to the next."""
    run, close = kind.open(own.url)
    await run(accept([entry("m1"), entry("m2", to="+8613800138001")]))
    os.kill(own.pid, signal.SIGSTOP)
    await refuses(run, acts.find(["m1"]))
    await refuses(run, acts.cancel("m1"))

    os.kill(own.pid, signal.SIGCONT)
    await until_answers(run)

    assert (await run(acts.find(["m2"])))[0].to == "+8613800138001"
    assert (await run(acts.find(["m1", "m2"])))[1].status == "accepted"
    await close()


async def until_answers(run: Run) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with suppress(StoreError):
            await run(acts.find(["-"]))
            return
        await asyncio.sleep(0.02)
    pytest.fail("the server never answered again")


async def test_what_a_frozen_server_claimed_late_is_taken_back(kind: Kind, own: Server) -> None:
    run, close = kind.open(own.url)
    ticket = Ticket("pump")
    await run(accept([entry("m1"), entry("m2")]))
    os.kill(own.pid, signal.SIGSTOP)
    await refuses(run, claim(most=1, ticket=ticket))

    os.kill(own.pid, signal.SIGCONT)
    await until_answers(run)
    found = await run(claim(ticket=ticket))

    assert [(each, record.status) for each, record in found.messages] == [
        ("m1", "submitting"),
        ("m2", "submitting"),
    ]
    await close()


class Cut:
    """A wire that carries every question to the server and cuts some answers off."""

    def __init__(self, port: int) -> None:
        self._server = port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._socket.getsockname()[1]}/0"
        self.cuts = 0  #: answers still to be cut off
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                asked, _ = self._socket.accept()
                threading.Thread(target=self._carry, args=(asked,), daemon=True).start()

    def _carry(self, asked: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._server))
        with asked, server, suppress(OSError):
            script = False
            while True:
                for ready in select.select([asked, server], [], [])[0]:
                    if not (data := ready.recv(1 << 20)):
                        return
                    script = script or b"EVALSHA" in data
                    if ready is server and script and self.cuts:
                        self.cuts -= 1
                        return
                    (server if ready is asked else asked).sendall(data)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


@pytest.fixture
def cut(server: Server, raw: "redis.Redis") -> Iterator[Cut]:
    for act in EVERY_ACT:  # known to the server, so that what is cut off is the first answer
        raw.script_load(act.script.source)
    wire = Cut(server.port)
    yield wire
    wire.close()


async def test_an_act_whose_answer_is_cut_off_is_sent_again_and_done_once(
    kind: Kind, cut: Cut, lab: Lab
) -> None:
    run, close = kind.open(cut.url, 5.0)
    await run(acts.find(["-"]))

    cut.cuts = 1
    stored = await run(accept([entry("m1", key="order-1")]))
    lab.claim()
    cut.cuts = 1
    done = await run(settle(settled("m1", vendor_message_id="v1")))

    assert [each.state for each in stored] == ["stored"]
    assert done == [False]  # by the second sending, which found it done
    assert lab.status("m1") == "submitted"
    assert lab.record("m1").attempt == 1
    await close()


async def test_a_claim_whose_answer_is_cut_off_is_asked_afresh(
    kind: Kind, cut: Cut, lab: Lab
) -> None:
    run, close = kind.open(cut.url, 5.0)
    ids = lab.put(4)

    cut.cuts = 1
    found = await run(claim(most=2, ticket=Ticket("pump")))

    assert [each for each, _ in found.messages] == ids[:2]
    assert [record.attempt for _, record in found.messages] == [2, 2]
    assert lab.ready() == ids[2:]
    lab.check()
    await close()


async def test_a_claim_whose_answers_are_all_cut_off_strands_nothing(
    kind: Kind, cut: Cut, lab: Lab
) -> None:
    run, close = kind.open(cut.url, 5.0)
    ids, ticket = lab.put(4), Ticket("pump")

    cut.cuts = 2
    await refuses(run, claim(most=2, ticket=ticket))
    stranded = list(lab.open())
    found = await run(claim(ticket=ticket))

    assert stranded == ids[:2]
    assert [each for each, _ in found.messages] == ids
    lab.check()
    await close()


async def test_a_wire_that_is_cut_again_and_again_is_an_error(kind: Kind, cut: Cut) -> None:
    run, close = kind.open(cut.url, 5.0)

    cut.cuts = 100
    text, took = await refuses(run, acts.find(["m1"]))

    assert text.startswith("Redis cannot be reached")
    assert took < 5.0 + MARGIN
    await close()


@pytest.mark.parametrize(
    "url", ["redis://user:hush@127.0.0.1:{port}/0", "redis://:hush@127.0.0.1:{port}/0"]
)
async def test_no_error_tells_the_address_or_the_password(kind: Kind, url: str) -> None:
    port = free_port()
    run, close = kind.open(url.format(port=port))

    text, _ = await refuses(run, acts.find(["m1"]))

    assert all(secret not in text for secret in ("hush", "user", "127.0.0.1", str(port)))
    await close()


async def test_a_wrong_password_is_named_and_not_told(kind: Kind, own: Server) -> None:
    with redis.Redis.from_url(own.url) as admin:
        admin.config_set("requirepass", "right")
        wrong, close = kind.open(f"redis://:hush@127.0.0.1:{own.port}/0")
        none, close_none = kind.open(own.url)

        texts = [(await refuses(run, acts.find(["m1"])))[0] for run in (wrong, none)]

        for text in texts:
            assert "password" in text or "Authentication" in text
            assert "hush" not in text
        await close()
        await close_none()


@pytest.mark.parametrize("url", ["redis://:hush@host:port/0", "http://:hush@host/", ""])
def test_an_unreadable_address_is_a_wrong_setting_and_not_told(kind: Kind, url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        kind.open(url)

    assert "redis_url" in str(caught.value)
    assert "hush" not in str(caught.value)


async def test_what_redis_refuses_says_why(kind: Kind, own: Server) -> None:
    with redis.Redis.from_url(own.url) as admin:
        run, close = kind.open(own.url, 5.0)
        admin.set("xinshi:ready:notice", "not a list")

        text, _ = await refuses(run, claim())

        assert text.startswith("Redis refused: ")
        assert "WRONGTYPE" in text or "wrong kind" in text
        await close()


async def test_a_full_redis_takes_nothing_by_halves(kind: Kind, own: Server) -> None:
    with redis.Redis.from_url(own.url) as admin:
        run, close = kind.open(own.url, 5.0)
        await run(accept([entry("m1"), entry("m2"), entry("m3")]))
        await run(claim(most=1))
        admin.config_set("maxmemory", "1mb")
        before = {key: admin.dump(key) for key in admin.scan_iter("*")}

        text, _ = await refuses(run, accept([entry("m4", key="k4"), entry("m5")]))
        await refuses(run, claim(most=1))
        after = {key: admin.dump(key) for key in admin.scan_iter("*")}
        answers = await run(settle(settled("m1", vendor_message_id="v1")))

        assert "Redis refused" in text
        assert after == before
        assert answers == [True]  # what is known of an attempt is written all the same
        await close()


async def test_more_tasks_than_connections_take_turns(redis_url: str, lab: Lab) -> None:
    store = AsyncStore(redis_url, timeout=10.0, connections=2)
    ids = lab.put(300)

    found = await asyncio.gather(*(store.run(acts.find([each])) for each in ids))

    assert [each[0].to[-5:] for each in found if each[0]] == [each[-5:] for each in ids]
    await store.close()


def test_more_threads_than_connections_take_turns(lab: Lab) -> None:
    ids = lab.put(250)
    together = threading.Barrier(len(ids))

    def ask(message_id: str) -> str:
        together.wait(30)
        return lab.record(message_id).to[-5:]

    with ThreadPoolExecutor(len(ids)) as pool:
        found = list(pool.map(ask, ids))

    assert found == [each[-5:] for each in ids]


async def test_tasks_that_are_cancelled_leave_no_answer_behind(redis_url: str, lab: Lab) -> None:
    """A connection with an unread answer would give it to the next question."""
    store = AsyncStore(redis_url, timeout=10.0, connections=3)
    ids = lab.put(50)
    chance = random.Random(7)

    async def ask(message_id: str) -> None:
        (found,) = await store.run(acts.find([message_id]))
        assert found is not None
        assert found.to[-5:] == message_id[-5:]

    for _ in range(30):
        tasks = [asyncio.create_task(ask(chance.choice(ids))) for _ in range(8)]
        await asyncio.sleep(chance.random() * 0.003)
        for each in tasks[::2]:
            each.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        errors = [each for each in done if isinstance(each, Exception)]
        assert errors == []
    await asyncio.gather(*(ask(each) for each in ids))
    await store.close()
