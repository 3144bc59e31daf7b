"""Two servers, with the real processes: a worker and a beat each, one gateway for both."""

import json
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from producers import Client, StoreError
from worker.contract.record import Record
from worker.contract.shards import Placing
from worker.contract.status import Status
from worker.store import presence
from worker.store.embedded import Server
from worker.store.shards import Shards
from worker.store.suppression import Suppressions, under

from .conftest import PATIENCE, SETTLED, Stack, figures, number

RATE = 60  # submits a second that tencent allows, over both
BURST = 20  # and those that may go at once, generously
SETTINGS = f"""
[worker]
grace = "2s"

[vendors.tencent.limits]
per_second = {RATE}

[vendors.chuangxin.limits]
per_number = ["2/1h"]
concurrency = 40

[streams.marketing]
quiet_hours = ""
"""
PLACING = Placing(["0", "1"])


class Cells(Stack):
    """Everything twice but the vendors and the gateway."""

    def __init__(self, folder: Path, servers: Sequence[Server], extra: str) -> None:
        super().__init__(folder, servers[0], extra)
        self.servers = servers
        urls = [each.url for each in servers]
        text = self.config.read_text()
        several = f"redis_urls = {json.dumps(urls)}"
        self.config.write_text(re.sub(r"^redis_url = .*$", several, text, flags=re.MULTILINE))
        self.client.close()
        self.client = Client(config=self.config)
        self.shards = Shards(self.client.settings)
        self.running: list[dict[str, subprocess.Popen[bytes]]] = [{}, {}]

    def begin(self) -> None:
        """Start all of it, and wait until a worker serves each shard."""
        for place in range(2):
            for name in ("worker", "beat"):
                self.running[place][name] = self.start(name, **self.env(place))
        self.start("gateway", GATEWAY_LISTEN=self.gateway.removeprefix("http://"), **self.env())
        self.ask("/_sandbox/settings", method="PUT", body={"callback": self.gateway})
        for place in range(2):
            self.until(f"a worker serves shard {place}", partial(self.served, place))
        self.until("the gateway answers", self.gateway_answers)

    def env(self, place: int | None = None) -> dict[str, str]:
        served = {} if place is None else {"XINSHI_SHARD": str(place)}
        return {"XINSHI_REDIS_URL": "", "XINSHI_METRICS_LISTEN": "", **served}

    def served(self, place: int) -> bool:
        return bool(self.shards.ask(place, presence.workers()).alive)

    def gateway_answers(self) -> bool:
        try:
            self.get("/healthz")
        except OSError:
            return False
        return True

    def get(self, path: str) -> Any:
        """Ask the gateway."""
        key = {"Authorization": "Bearer sandbox-api-key"}
        request = urllib.request.Request(self.gateway + path, headers=key)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def records(self, ids: list[str]) -> list[Record]:
        found = self.shards.find(ids)
        assert all(record is not None for record in found), "a record is gone"
        return [record for record in found if record is not None]

    def become(self, ids: Sequence[str], *wanted: Status) -> Callable[[], bool]:
        return self._are(ids, frozenset(wanted))

    def close(self) -> None:
        super().close()
        self.shards.close()


Make = Callable[..., Cells]


@pytest.fixture
def make_cells(tmp_path: Path) -> Iterator[Make]:
    made: list[Cells] = []

    def make(extra: str = SETTINGS, *, begin: bool = True, **rules: float) -> Cells:
        folders = [tmp_path / f"server{place}" for place in range(2)]
        for each in folders:
            each.mkdir()
        servers = [Server(folder=each).start(patience=60) for each in folders]
        cells = Cells(tmp_path, servers, extra)
        made.append(cells)
        cells.start_sandbox()
        if rules:
            cells.ask("/_sandbox/settings", method="PUT", body=rules)
        if begin:
            cells.begin()
        return cells

    yield make
    for cells in made:
        cells.close()
        for server in cells.servers:
            server.stop(kill=True)


def opted_out(cells: Cells, digits: str) -> bool:
    return bool(Suppressions(cells.shards).holding(digits, [under("信使")]))


def living(place: int, places: Collection[int]) -> list[int]:
    """Return those of some places whose number lives at a shard."""
    return [each for each in places if PLACING.of(number(each)) == place]


@pytest.mark.system
@pytest.mark.timeout(420)
def test_two_servers_do_together_what_one_does(make_cells: Make) -> None:
    """Submits, reports by poll and push, opt-outs, status; limits of numbers and of an account."""
    cells = make_cells(report_delay=1.0, report_spread=0.5)
    begun = time.monotonic()
    polled = cells.send(6 * RATE, account="tencent")
    cells.until("tencent has them all", lambda: cells.taken() >= len(polled))
    took = time.monotonic() - begun
    assert took >= (len(polled) - BURST) / RATE, "more than the account allows"
    figures(f"{len(polled)} messages at {RATE} a second over two shards: {took:.1f} s")

    pushed = cells.send(200, first=1000, account="chuangrui")
    capped = [
        message_id
        for _ in range(4)
        for message_id in cells.send(10, first=2000, account="chuangxin")
    ]
    told = polled + pushed
    cells.until("every report is in", cells.become(told, Status.DELIVERED))
    homes = {PLACING.of(record.to) for record in cells.records(told)}
    assert homes == {0, 1}

    cells.until(
        "those that are too many wait", cells.become(capped, Status.SUBMITTED, Status.SCHEDULED)
    )
    got = cells.handsets()
    assert {got.get(number(place)) for place in range(2000, 2010)} == {2}

    for place in range(2):
        at = living(place, range(20))[0]
        body = {"number": number(at), "text": "T", "vendor": "tencent", "account": "tencent"}
        cells.ask("/_sandbox/mo", method="POST", body=[body])
        cells.until("the opt-out counts", partial(opted_out, cells, number(at)))
        (out,) = cells.send(1, first=at, stream="marketing")
        cells.until("it is suppressed", cells.become([out], Status.SUPPRESSED))
        assert cells.get(f"/v1/messages/{out}")["status"] == "suppressed"
    letters = cells.get("/v1/inbound")
    assert len(letters["messages"]) == 2
    assert cells.get(f"/v1/inbound?after={letters['next']}")["messages"] == []


@pytest.mark.system
@pytest.mark.timeout(420)
def test_where_one_server_is_killed_the_other_goes_on_and_nothing_is_lost(
    make_cells: Make,
) -> None:
    cells = make_cells(latency=0.2)
    account: dict[str, Any] = {"account": "chuangrui"}
    first = cells.send(600, **account)
    cells.more_taken(50)
    cells.servers[1].stop(kill=True)

    here = living(0, range(5000, 5400))
    alone = [cells.send(1, first=place, **account)[0] for place in here[:50]]
    cells.until("the other goes on", cells.become(alone, *SETTLED))
    both = [
        {
            "to": number(place),
            "text": "您的订单已发货",
            "idempotency_key": f"once-{place}",
            **account,
        }
        for place in range(6000, 6100)
    ]
    with pytest.raises(StoreError, match="shard 1") as caught:
        cells.client.send_many(both)
    stored = caught.value.ids
    expected = [PLACING.of(str(each["to"])) == 0 for each in both]
    assert [each is not None for each in stored] == expected
    assert cells.get(f"/v1/messages/{alone[0]}")["id"] == alone[0]

    cells.servers[1].start(patience=60)
    again = cells.client.send_many(both)
    assert [each for each in stored if each] == [
        each for each, before in zip(again, stored, strict=True) if before
    ]
    ids = [*first, *alone, *again]
    cells.until("all are settled", cells.settled(ids), patience=180)
    counts = cells.true_states(ids)
    figures(f"one of two servers was killed: {dict(counts)}")
    assert sum(counts.values()) == len(ids)


@pytest.mark.chaos
@pytest.mark.timeout(420)
def test_reports_for_a_server_that_is_down_are_told_when_it_is_back(make_cells: Make) -> None:
    cells = make_cells(report_delay=3.0, report_spread=0.5)
    ids = cells.send(100, account="tencent")
    cells.until("the vendor has them", lambda: cells.taken() == len(ids))
    cells.until("we know it", cells.become(ids, Status.SUBMITTED, Status.DELIVERED))
    cells.servers[1].stop(kill=True)
    here = [ids[place] for place in living(0, range(100))]
    cells.until("the other's reports are in", cells.become(here, Status.DELIVERED))

    cells.servers[1].start(patience=60)
    cells.until("all are in", cells.become(ids, Status.DELIVERED), patience=240)


@pytest.mark.system
def test_a_worker_that_is_not_told_its_shard_says_so_and_ends(make_cells: Make) -> None:
    cells = make_cells(begin=False)
    told = cells.start("worker", **cells.env(1))
    untold = cells.start("worker", **cells.env(), XINSHI_SHARD="")
    assert untold.wait(PATIENCE) == 1
    assert "XINSHI_SHARD: missing" in cells.logs("worker")
    cells.until("the other one serves", partial(cells.served, 1))
    assert cells.stop(told, signal.SIGTERM) == 0
