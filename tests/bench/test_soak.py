"""A soak: what it follows over time, and that it fails where something came twice."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from producers.bench.scenarios import soak
from producers.bench.traffic import distinct
from producers.bench.watch import Sample

Bench = Callable[..., Any]


def point(hours: float, rss: float, *, descriptors: float = 20.0, keys: int = 10) -> soak._Point:
    sample = Sample(hours * 3600, 0.0, 0.0, 0.0, rss * 1e6)
    return soak._Point(sample, 0, descriptors, 2e6, keys)


def test_growth_is_told_for_an_hour_from_when_the_pools_are_full() -> None:
    filling = [point(0.0, 10.0), point(0.1, 80.0)]
    steady = [point(0.1 * place, 80.0 + 3.0 * place, descriptors=30.0) for place in range(2, 10)]

    told = soak._told([*filling, *steady], point(1.2, 90.0, keys=12))

    assert told["rss_slope"] == pytest.approx(30.0)
    assert (told["rss_begin_mb"], told["rss_end_mb"]) == (86.0, 107.0)
    assert told["rss_begin_mb"] < told["rss_middle_mb"] < told["rss_end_mb"]
    assert (told["fds_begin"], told["fds_end"]) == (30.0, 30.0)
    assert (told["keys_begin"], told["keys_after"]) == (10, 12)


@pytest.mark.system
@pytest.mark.timeout(900)
def test_a_soak_in_which_a_number_had_two_messages_has_failed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak, "distinct", lambda count, _: distinct(count))

    ran = bench("soak", "--quick", "--json")

    assert ran.code == 1
    assert "of them for another time" in ran.err
    assert json.loads(ran.out)["scenarios"][0]["subjects"]["xinshi"]["series"] == []


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_a_soak_leaves_no_record_behind(bench: Bench) -> None:
    ran = bench("soak", "--quick", "--json")

    assert ran.code == 0, ran.err
    figures = json.loads(ran.out)["scenarios"][0]["subjects"]["xinshi"]
    assert figures["keys_end"]["median"] > soak._LEFT
    assert figures["keys_after"]["median"] <= soak._LEFT
