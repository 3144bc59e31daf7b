"""Every scenario for real, with few messages: it runs, checks itself and tells sane figures."""

import json
import math
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from producers.bench import compare
from producers.bench.figures import UNITS
from producers.bench.options import Options
from producers.bench.rig import BenchError, Rig
from producers.bench.scenarios import SCENARIOS
from producers.bench.traffic import distinct
from producers.bench.vendor import VendorEnd
from worker.contract.status import Status

Bench = Callable[..., Any]
pytestmark = pytest.mark.timeout(900)
system, chaos = pytest.mark.system, pytest.mark.chaos
ALWAYS = {"submit", "enqueue", "limits", "memory"}  # the others take longer than a commit waits
FALLS = {"rss_slope"}  # the figures that may be less than nothing
SHARED = {
    "submit": {"workers", "Redis", "vendor", "producer and watch", "others"},
    "bulk": {"workers", "Redis", "vendor", "producer and watch", "others"},
    "shards": {"drivers", "server 1", "watch", "others"},
}
QUICK = Options(messages=200, rounds=1, latency=5.0, in_flight=64, quick=True)


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig(QUICK) as running:
        yield running


def post(end: VendorEnd, number: str) -> None:
    connection = HTTPConnection(end.url.removeprefix("http://"), timeout=60)
    connection.request("POST", "/sms/send.do", body=f"appId=a&number={number}&message=b")
    assert json.loads(connection.getresponse().read())["code"] == 0
    connection.close()


@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=system if each in ALWAYS else chaos) for each in SCENARIOS],
)
def test_a_scenario_delivers_everything_and_tells_sane_figures(name: str, bench: Bench) -> None:
    ran = bench(name, "--quick", "--json")

    assert (ran.code, ran.err) == (0, "")
    told = json.loads(ran.out)
    assert told["machine"]["cores"] >= 1
    assert told["machine"]["redis"]
    (found,) = told["scenarios"]
    assert found["scenario"] == name
    for figures in found["subjects"].values():
        series, load = figures.pop("series"), figures.pop("load")
        assert set(figures) <= set(UNITS)
        assert SCENARIOS[name].lead in figures
        assert all(math.isfinite(value) for each in figures.values() for value in each.values())
        for figure, each in figures.items():
            assert each["least"] <= each["median"] <= each["most"]
            assert each["least"] >= 0 or figure in FALLS
        assert (
            figures.get("p50_ms", {"median": 0})["median"]
            <= figures.get("p99_ms", {"median": 0})["median"]
        )
        assert bool(series) is (name == "soak")
        if name in SHARED and sys.platform == "linux":
            assert load["percent_of_a_core"].keys() >= SHARED[name]
            assert load["cores"] == told["machine"]["cores"]
            assert load["binds"]


@system
def test_people_get_a_table_and_a_chart(bench: Bench, tmp_path: Path) -> None:
    ran = bench("memory", "--quick", "--rounds", "2", "--chart", "chart.svg")

    assert (ran.code, ran.err) == (0, "")
    assert "cores" in ran.out
    assert "distinct texts" in ran.out
    assert "rounds: 2" in ran.out
    texts = "".join(ET.parse(tmp_path / "chart.svg").getroot().itertext())
    assert "distinct texts" in texts


@system
@pytest.mark.parametrize("name", ["bare", "tuned", "celery-threads"])
def test_a_rival_does_the_whole_job_once_a_message(name: str) -> None:
    rival = compare.RIVALS[name]
    if "requests" in str(rival.requirements):
        pytest.importorskip("requests")  # the others' packages are not here

    found = compare._measure(QUICK, name, sys.executable, 200, 600.0)

    assert found.figures["rate"] > 0
    assert found.figures["messages"] == 200


@system
def test_processes_share_the_work(bench: Bench) -> None:
    ran = bench("submit", "--quick", "--processes", "2", "--tail", "1% 1s", "--json")

    assert (ran.code, ran.err) == (0, "")
    (found,) = json.loads(ran.out)["scenarios"]
    assert found["processes"] == 2
    assert list(found["subjects"]) == ["xinshi", "one process", "bare"]
    assert found["subjects"]["one process"]["rate_ratio"]["median"] > 0
    assert found["tail"] == {"every": 100, "seconds": 1.0}


@system
def test_a_message_that_comes_twice_is_no_result(rig: Rig) -> None:
    end = rig.vendor()
    post(end, "13800000001")
    rig.once(end, 1)

    post(end, "13800000001")

    with pytest.raises(BenchError, match="took 2 messages instead of 1, 1 of them for another"):
        rig.once(end, 1)
    with pytest.raises(BenchError, match="1 of them"):
        rig.once(end, 2)


@system
def test_a_message_that_never_comes_is_no_result(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    end = rig.vendor()
    rig.configure(("bench", "zhenzi", end))
    ids = rig.enqueue(distinct(3))  # and no worker takes them
    monkeypatch.setattr("producers.bench.rig._PATIENCE", 0.2)

    with pytest.raises(BenchError, match="messages at the vendor: 0 of 3"):
        rig.delivered(end, ids)
    with pytest.raises(BenchError, match="messages submitted: 0 of 3"):
        rig.settled(ids, Status.SUBMITTED)


@system
def test_a_result_that_is_wrong_ends_the_command_with_one_line(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "producers.bench.scenarios.memory.distinct", lambda count: distinct(count - 1)
    )

    ran = bench("memory", "--quick")

    assert ran.code == 1
    assert ran.err == ("xinshi: memory, distinct texts: 399 messages are ready instead of 400\n")
    assert "one text" in ran.out  # what was delivered has its figures
