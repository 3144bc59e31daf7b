"""What each durability costs and keeps, when a replica that lags takes over from a killed master.

Everything follows one address: a proxy on loopback that changes its target, as a proxy or a DNS
name behind Sentinel would. The replication goes through a second one, which stands still before
the kill: what the master wrote since then dies with it, as in a real failover under load.
"""

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from worker.contract.errors import BatchError, StoreError
from worker.contract.settings import Durability
from worker.contract.status import Status
from worker.store import acts
from worker.store.acts import Accepted, Act, Entry
from worker.store.client import Store
from worker.store.embedded import Server

from .conftest import SETTLED, Stack, figures, number
from .proxy import Proxy

COUNT = 6000
ACCOUNT = "chuangxin"
SETTINGS = """
[store]
durability = "{durability}"
[worker]
grace = "5s"
[vendors.chuangxin.timeouts]
total = 2.0
"""


class Pair:
    """A master, its replica, and the link between the two, which may stand still."""

    def __init__(self, stack: ExitStack, folder: Path | None = None) -> None:
        self._stack = stack
        self.master = self._serve(folder)
        self.link = stack.enter_context(Proxy(self.master.port))
        self.replica = self.replica_of(self.link.port)

    def _serve(self, folder: Path | None = None) -> Server:
        server = Server(folder=folder).start()
        self._stack.callback(server.stop, kill=True)
        with redis.Redis.from_url(server.url) as client:
            client.config_set("repl-diskless-sync-delay", 0)
        return server

    def replica_of(self, port: int) -> Server:
        """Start a replica of a port, and wait until it follows."""
        server = self._serve()
        with redis.Redis.from_url(server.url) as client:
            client.replicaof("127.0.0.1", str(port))
            end = time.monotonic() + 20
            while client.info("replication")["master_link_status"] != "up":
                assert time.monotonic() < end, "the replica never came up"
                time.sleep(0.02)
        return server

    def fail_over(self) -> Server:
        """Kill the master; the replica takes over, and gets one of its own."""
        self.master.stop(kill=True)
        self.link.cut()
        with redis.Redis.from_url(self.replica.url) as client:
            client.replicaof("NO", "ONE")
        self.replica_of(self.replica.port)
        return self.replica


class Sender(threading.Thread):
    """A producer that insists: the same keys again, until it hears that they were accepted."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self._stack = stack
        self.accepted: list[str] = []  #: ids, by the place of their number
        self.refused = 0

    def run(self) -> None:
        for first in range(0, COUNT, 50):
            self.accepted += self._send(first)
            time.sleep(0.02)  # its own pace: it is still at it when the master goes

    def _send(self, first: int) -> list[str]:
        while True:
            try:
                return self._stack.client.send_many(
                    {
                        "to": number(place),
                        "text": f"您的订单{place}已发货",
                        "account": ACCOUNT,
                        "idempotency_key": f"order-{place}",
                    }
                    for place in range(first, first + 50)
                )
            except (StoreError, BatchError):
                self.refused += 1
                time.sleep(0.1)  # as a producer would


def _fail_over(folder: Path, durability: Durability) -> tuple[int, int, int]:
    """Promote a lagging replica under load; return how many were lost, doubled and untrue."""
    with ExitStack() as stack:
        pair = Pair(stack)
        entrance = stack.enter_context(Proxy(pair.master.port))
        settings = SETTINGS.format(durability=durability)
        all_of_it = Stack(folder, pair.master, settings, url=entrance.url)
        stack.callback(all_of_it.close)
        all_of_it.start_sandbox()
        all_of_it.ask("/_sandbox/settings", method="PUT", body={"latency": 0.05})
        all_of_it.start("beat")
        worker = all_of_it.start("worker")
        sender = Sender(all_of_it)
        sender.start()
        all_of_it.more_taken(1500)

        pair.link.pause()
        goal, end = all_of_it.taken() + 300, time.monotonic() + 1
        while all_of_it.taken() < goal and time.monotonic() < end:
            time.sleep(0.01)
        ahead = all_of_it.taken() - goal + 300
        entrance.target = pair.fail_over().port
        entrance.cut()

        sender.join(60)
        assert not sender.is_alive(), "the producer never heard that its messages were accepted"
        ids = sender.accepted
        all_of_it.until("all that is left is settled", lambda: _over(all_of_it, ids), 90)
        assert worker.poll() is None, "the worker ended by itself"
        return _count(all_of_it, ids, f"{durability}: {ahead} taken during the lag", sender.refused)


def _over(stack: Stack, ids: list[str]) -> bool:
    records = stack.store.run(acts.find(ids))
    return all(record is None or record.status in SETTLED for record in records)


def _count(stack: Stack, ids: list[str], what: str, refused: int) -> tuple[int, int, int]:
    got = stack.handsets()
    lost = doubled = untrue = unknown = 0
    records = stack.store.run(acts.find(ids))
    for place, record in enumerate(records):
        times = got.get(number(place), 0)
        lost += times == 0 and (record is None or record.status is not Status.UNKNOWN)
        doubled += times > 1
        unknown += record is not None and record.status is Status.UNKNOWN
        untrue += record is None or (record.status is Status.SUBMITTED and times != 1)
    figures(
        f"{what}, {refused} sends refused; of {len(ids)} accepted: {lost} lost, {doubled} doubled, "
        f"{unknown} unknown, {untrue} with no record or an untrue one"
    )
    return lost, doubled, untrue


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_with_replica_a_failover_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    assert _fail_over(tmp_path, Durability.REPLICA) == (0, 0, 0)


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_with_memory_a_failover_may_forget_and_this_is_how_much(tmp_path: Path) -> None:
    """It promises nothing; it only must go on."""
    _fail_over(tmp_path, Durability.MEMORY)


WAYS = {
    "memory": (Durability.MEMORY, "everysec"),
    "memory, appendfsync always": (Durability.MEMORY, "always"),
    "fsync, appendfsync always": (Durability.FSYNC, "always"),
    "replica": (Durability.REPLICA, "everysec"),
}


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_what_each_durability_costs(tmp_path: Path) -> None:
    """The best of three rounds each, taken in turns: the machine has other work too."""
    best = dict.fromkeys(WAYS, (0.0, 0.0, 0.0))
    for turn in range(3):
        for way, (durability, sync) in WAYS.items():
            folder = tmp_path / f"{turn} {way}"
            folder.mkdir()
            best[way] = max(best[way], _rates(folder, durability, sync))
    for way, (submits, accept, sends) in best.items():
        figures(
            f"{way}: {submits:,.0f} submits/s; one send {accept * 1000:.1f} ms, "
            f"{sends:,.0f}/s in batches"
        )


def _rates(folder: Path, durability: Durability, sync: str) -> tuple[float, float, float]:
    """Return one worker's submits a second, the seconds of one send, and sends a second."""
    with ExitStack() as opened:
        pair = Pair(opened, folder)
        with redis.Redis.from_url(pair.master.url) as client:
            client.config_set("appendfsync", sync)
        stack = Stack(folder, pair.master, SETTINGS.format(durability=durability))
        opened.callback(stack.close)
        stack.start_sandbox()
        stack.ask("/_sandbox/settings", method="PUT", body={"latency": 0.05})
        times = []
        for place in range(50):
            begun = time.monotonic()
            stack.client.send(number(place), "您的订单已发货", account=ACCOUNT)
            times.append(time.monotonic() - begun)
        begun = time.monotonic()
        ids = stack.send(COUNT, first=50, account=ACCOUNT)
        sends = COUNT / (time.monotonic() - begun)
        stack.start("beat")
        stack.start("worker")
        stack.more_taken(50)
        begun, before = time.monotonic(), stack.taken()
        stack.until("all are taken", lambda: stack.taken() == COUNT + 50, 120)
        submits = (COUNT + 50 - before) / (time.monotonic() - begun)
        stack.until("all are settled", stack.settled(ids))
        assert set(stack.handsets().values()) == {1}
        return submits, statistics.median(times), sends


@pytest.fixture
def lagging() -> Iterator[tuple[Pair, list[Store]]]:
    """A pair with durability = replica, and connections of several producers."""
    with ExitStack() as stack:
        pair = Pair(stack)
        stores = [
            Store(pair.master.url, timeout=0.5, durability=Durability.REPLICA) for _ in range(3)
        ]
        for store in stores:
            stack.callback(store.close)
        yield pair, stores


def _accept(message_id: str, key: str = "") -> Act[list[Accepted]]:
    entry = Entry(
        id=message_id,
        key=key,
        digest="-",
        stream="notice",
        to="+8613900000000",
        content=b'{"text":"x"}',
        length=1,
        segments=1,
        template="",
        pin="",
        tag="",
        due=0,
        validity=60_000,
    )
    return acts.accept([entry], retention=60, idempotency=60)


@pytest.mark.system
@pytest.mark.parametrize(
    ("first", "again"),
    [(("m1", ""), ("m1", "")), (("m1", "order-1"), ("m2", "order-1"))],
    ids=["by its id", "by its key"],
)
def test_a_send_said_again_on_another_connection_is_as_durable_as_the_first(
    lagging: tuple[Pair, list[Store]], first: tuple[str, str], again: tuple[str, str]
) -> None:
    """The second one writes nothing by itself, and WAIT is about what a connection wrote last."""
    pair, (one, other, third) = lagging
    pair.link.pause()
    with pytest.raises(StoreError):
        one.run(_accept(*first))
    with pytest.raises(StoreError):
        other.run(_accept(*again))
    pair.link.resume()

    (accepted,) = third.run(_accept(*again))
    assert accepted.id == "m1"
