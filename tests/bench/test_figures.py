"""What is said of rounds: medians, spreads, ratios, latencies; and the watch below them."""

import json
import math
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import pytest
import redis

from producers.bench import chart
from producers.bench.figures import Measured, latencies, percentile, slope, summary
from producers.bench.options import Options, Tail
from producers.bench.proc import busy, cores, descriptors, family, spent
from producers.bench.report import put_json
from producers.bench.result import Result
from producers.bench.scenario import Scenario
from producers.bench.watch import Sample, Watch, at

SCENARIO = Scenario(about="what", lead="rate", messages=1000, subjects=lambda _: [])


def result(*rounds: dict[str, dict[str, float]]) -> Result:
    found = [{name: Measured(figures) for name, figures in each.items()} for each in rounds]
    return Result("submit", SCENARIO, Options(), found)


def ours(rate: float, cpu: float) -> dict[str, float]:
    return {"rate": rate, "cpu_ms": cpu}


@pytest.mark.parametrize(
    ("values", "part", "expected"),
    [([3.0, 1.0, 2.0], 0.5, 2.0), ([1.0], 0.99, 1.0), (list(range(1, 101)), 0.99, 99)],
)
def test_a_percentile_is_a_value_that_was_measured(
    values: Sequence[float], part: float, expected: float
) -> None:
    assert percentile(values, part) == expected


def test_latencies_are_told_in_milliseconds() -> None:
    assert latencies([0.001] * 98 + [0.5] * 2) == {"p50_ms": 1.0, "p99_ms": 500.0}


def test_what_no_round_could_tell_is_left_out() -> None:
    assert summary([math.nan]) is None
    assert summary([math.nan, 3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0)


def test_ratios_are_of_one_round_each() -> None:
    found = result(
        {"xinshi": ours(4000, 0.2), "other": ours(1000, 0.6)},
        {"xinshi": ours(2000, 0.3), "other": ours(1000, 0.6)},
        {"xinshi": ours(9000, 0.1), "other": ours(3000, 0.5)},
    )

    other = found.figures("other")

    assert other["rate_ratio"] == (3.0, 2.0, 4.0)
    assert other["cpu_ratio"] == pytest.approx((3.0, 2.0, 5.0))
    assert "rate_ratio" not in found.figures("xinshi")


def test_a_round_that_went_wrong_has_no_figure_and_no_ratio() -> None:
    found = result(
        {"xinshi": {}, "other": ours(1000, 0.6)}, {"xinshi": ours(4000, 0.2), "other": {}}
    )

    assert found.figures("xinshi")["rate"] == (4000, 4000, 4000)
    assert found.figures("other")["rate"] == (1000, 1000, 1000)
    assert "rate_ratio" not in found.figures("other")


def test_json_has_no_word_that_json_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    put_json({"cores": 2}, [result({"xinshi": {"rate": math.nan, "cpu_ms": 0.0}})])

    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)

    assert told["scenarios"][0]["subjects"]["xinshi"]["cpu_ms"]["median"] == 0.0
    assert "rate" not in told["scenarios"][0]["subjects"]["xinshi"]


def test_a_chart_is_one_svg_for_light_and_dark_with_a_bar_a_subject() -> None:
    rounds = [{"xinshi": ours(4000, 0.2), "a <b> & c": ours(rate, 0.6)} for rate in (1000, 2000)]

    drawn = chart.draw({"cores": 2}, [result(*rounds)])

    root = ET.fromstring(drawn)
    name = "{http://www.w3.org/2000/svg}"
    ground, *bars = root.findall(f"{name}rect")
    assert ground.get("class") == "ground"
    box = [float(part) for part in root.get("viewBox", "").split()]
    assert [float(ground.get(part, "-1")) for part in ("x", "y", "width", "height")] == box
    assert [bar.get("class") for bar in bars] == ["ours", "its"]
    widths = [float(bar.get("width", "0")) for bar in bars]
    assert widths[1] / widths[0] == pytest.approx(1500 / 4000, abs=0.01)
    assert len(root.findall(f"{name}line")) == 1  # only one of them has a spread
    assert "prefers-color-scheme: dark" in drawn
    assert "a <b> & c" in "".join(root.itertext())


def test_a_moment_between_two_samples_lies_between_them() -> None:
    samples = [
        Sample(0.0, 1.0, 10.0, 100.0, 5.0, 1.0, 0.0, 7.0),
        Sample(2.0, 2.0, 20.0, 300.0, 5.0, 3.0, 0.0, 9.0),
    ]

    assert at(samples, 1.0) == Sample(1.0, 1.5, 15.0, 200.0, 5.0, 2.0, 0.0, 8.0)
    assert at(samples, -9.0) == samples[0]
    assert at(samples, 9.0) == samples[1]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_family_is_a_process_and_its_children() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert {os.getpid(), child.pid} <= set(family(os.getpid()))
        assert family(child.pid) == [child.pid]
        child.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_the_watch_sees_what_a_process_spends(raw: "redis.Redis") -> None:
    with Watch(raw) as watch:
        watch.follow(os.getpid())
        watch.follow_vendor(os.getpid())
        before = watch.look()
        end = time.process_time() + 0.2
        while time.process_time() < end:
            raw.ping()
        after = watch.look()

    assert after.cpu - before.cpu >= 0.15
    assert after.redis_cpu > before.redis_cpu
    assert after.redis_net - before.redis_net > 100
    assert after.rss > 1_000_000
    assert after.vendor_cpu - before.vendor_cpu >= 0.15
    assert after.own_cpu - before.own_cpu >= 0.15
    assert after.busy - before.busy >= 0.15
    assert watch.descriptors() >= 3
    found = watch.between(before.at, after.at, 100)
    assert found["rate"] == pytest.approx(100 / (after.at - before.at))
    assert math.isnan(watch.between(before.at, before.at, 100)["rate"])


def test_a_process_that_is_gone_tells_nothing() -> None:
    assert all(math.isnan(value) for value in spent(2**22 + 1))
    assert math.isnan(descriptors(2**22 + 1))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_the_machine_is_busy_with_what_we_do_and_for_no_longer_than_it_has_cores() -> None:
    before, used, begun = busy(), time.process_time(), time.monotonic()
    while time.process_time() < used + 0.3:
        pass

    worked, took = busy() - before, time.monotonic() - begun

    assert 0.2 <= worked <= took * cores() + 0.1 * cores()


def test_a_slope_is_what_grows_in_one_unit() -> None:
    assert slope([(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]) == pytest.approx(2.0)
    assert math.isnan(slope([(1.0, 7.0), (1.0, 9.0)]))
    assert math.isnan(slope([]))


@pytest.mark.parametrize("text", ["1% 2s", "1% of answers take 2 s", " 1.0%  2000ms "])
def test_a_tail_is_read_as_people_say_it(text: str) -> None:
    assert Tail.parse(text) == Tail(every=100, seconds=2.0)


@pytest.mark.parametrize("text", ["", "2s", "0% 2s", "101% 2s", "1%", "1% soon", "1% -2s"])
def test_another_tail_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"tail|duration"):
        Tail.parse(text)


def test_a_smoke_run_takes_few_messages_unless_it_is_told_how_many() -> None:
    assert Options().count(20_000) == 20_000
    assert Options(quick=True).count(20_000) == 400
    assert Options(quick=True, messages=1000).count(20_000) == 1000
