"""Load: who kept the machine busy, and what had no room left."""

import math

import pytest

from producers.bench.figures import Measured
from producers.bench.load import Load, middle
from producers.bench.options import Options
from producers.bench.report import print_result
from producers.bench.result import Result
from producers.bench.scenario import Scenario


def load(busy: float, *parts: tuple[str, float, int], cores: int = 2) -> Load:
    """Return the load of ten seconds."""
    found = Load.of(cores, 10.0, busy, parts)
    assert found is not None
    return found


def test_each_part_is_told_in_percent_of_a_core_and_the_machine_in_percent_of_all() -> None:
    found = load(19.9, ("workers", 14.2, 2), ("Redis", 3.1, 1), ("vendor", 2.6, 1))

    assert found.line() == (
        "cores: 2, busy 99 %: workers 142 %, Redis 31 %, vendor 26 %, others 0 %; "
        "the machine is full"
    )
    assert found.as_dict() == {
        "cores": 2,
        "busy_percent": 99.5,
        "percent_of_a_core": {"workers": 142.0, "Redis": 31.0, "vendor": 26.0, "others": 0.0},
        "binds": "the machine is full",
    }


@pytest.mark.parametrize(
    ("busy", "parts", "binds"),
    [
        (12.0, [("workers", 9.8, 1), ("Redis", 2.0, 1)], "full: workers"),
        (12.0, [("workers", 9.8, 2), ("Redis", 2.0, 1)], "nothing is full"),
        (17.0, [("workers", 7.0, 2), ("Redis", 9.9, 1)], "full: Redis"),
        (19.8, [("workers", 9.8, 2), ("Redis", 2.0, 1)], "the machine is full, of other programs"),
    ],
)
def test_what_has_no_room_left_is_what_binds(
    busy: float, parts: list[tuple[str, float, int]], binds: str
) -> None:
    assert load(busy, *parts).binds().startswith(binds)


def test_what_others_used_is_the_rest_and_never_less_than_nothing() -> None:
    assert load(15.0, ("workers", 5.0, 1)).parts[-1][:2] == ("others", 100.0)
    assert load(4.9, ("workers", 5.0, 1)).parts[-1][:2] == ("others", 0.0)


def test_without_proc_and_without_time_there_is_no_load() -> None:
    assert Load.of(2, 10.0, math.nan, [("workers", 5.0, 1)]) is None
    assert Load.of(2, 10.0, 5.0, [("workers", math.nan, 1)]) is None
    assert Load.of(2, 0.0, 5.0, [("workers", 5.0, 1)]) is None


def test_of_several_rounds_each_part_has_its_median() -> None:
    found = middle([load(busy, ("workers", cpu, 1)) for busy, cpu in ((4, 1), (12, 9), (8, 5))])

    assert found is not None
    assert found.busy == 40.0
    assert [round(part.percent) for part in found.parts] == [50, 30]
    assert middle([]) is None


def test_people_read_it_below_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    scenario = Scenario(about="what", lead="rate", subjects=lambda _: [])
    measured = Measured({"rate": 5.0}, load=load(12.0, ("workers", 9.8, 1)))
    told = {"ours": measured, "bare": Measured({"rate": 4.0, "cpu_ms": math.nan})}

    print_result(Result("submit", scenario, Options(), [told]))

    lines = capsys.readouterr().out.splitlines()
    assert "ours: cores: 2, busy 60 %: workers 98 %, others 22 %; full: workers" in lines
    assert not any(line.startswith("bare: cores") for line in lines)
