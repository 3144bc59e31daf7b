"""``xinshi bench`` as a command, and the rivals' environments: bad usage, one line, exit codes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from producers.bench import compare, envs
from producers.bench.options import Options
from producers.bench.scenarios import SCENARIOS
from producers.commands import bench as command
from producers.processes import ProcessError

Bench = Callable[..., Any]


def test_the_command_knows_every_scenario_and_every_rival() -> None:
    assert tuple(SCENARIOS) == command._SCENARIOS
    assert tuple(compare.RIVALS) == command._RIVALS


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("sumbit",), "'sumbit' is not one of"),
        (("cold", "--compare"), "go with the scenario submit"),
        (("cold", "--rival", "saq"), "go with the scenario submit"),
        (("--tail", "often"), 'a tail is like "1% 2s"'),
        (("--tail", "1% 0s"), "a duration must be longer than nothing"),
        (("--processes", "0"), "'--processes'"),
        (("--in-flight", "0"), "'--in-flight'"),
        (("--chart", "submit.pdf"), "a chart is a FILE.svg or a FILE.png"),
    ],
)
def test_bad_usage_is_one_line(bench: Bench, args: tuple[str, ...], word: str) -> None:
    ran = bench(*args)

    assert (ran.code, ran.out) == (2, "")
    assert word in ran.err
    assert ran.err.count("\n") == 1


def test_every_rivals_packages_are_pinned() -> None:
    for rival in compare.RIVALS.values():
        assert all("==" in requirement for requirement in rival.requirements)
        assert (compare._SCRIPTS / rival.script).is_file()


def test_no_rival_imports_ours() -> None:
    for script in compare._SCRIPTS.glob("*.py"):
        source = script.read_text(encoding="utf-8")
        assert "from producers" not in source
        assert "from worker" not in source


def test_without_a_rival_ours_is_measured_beside_the_bare_loop() -> None:
    assert [each.name for each in compare.subjects(Options())] == ["bare"]


def test_rivals_stand_in_their_order_each_in_its_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = []

    def python(name: str, *_: object) -> str:
        made.append(name)
        return "python"

    monkeypatch.setattr(envs, "python", python)

    found = compare.subjects(Options(rivals=("saq", "taskiq-100", "taskiq"), envs=tmp_path))

    assert [each.name for each in found] == ["taskiq", "taskiq-100", "saq"]
    assert made == ["with_taskiq", "with_taskiq", "with_saq"]


@pytest.mark.system
@pytest.mark.timeout(600)
def test_an_environment_is_made_once_and_not_kept_half_made(tmp_path: Path) -> None:
    missing = f"nothing @ {(tmp_path / 'nothing').as_uri()}"
    with pytest.raises(ProcessError, match="the environment of bad cannot be made: "):
        envs.python("bad", [missing], tmp_path, print)
    assert not list(tmp_path.glob("bad-*/complete"))

    told: list[str] = []
    first = envs.python("good", ["pip"], tmp_path, told.append)  # which is there already
    made = Path(first).stat().st_ctime_ns

    assert envs.python("good", ["pip"], tmp_path, told.append) == first
    assert Path(first).stat().st_ctime_ns == made
    assert [line.partition(",")[0] for line in told] == ["making the environment of good"]
    assert envs.python("good", ["pip>=1"], tmp_path, told.append) != first
