"""Rounds: who is measured when, what is said meanwhile, and what becomes of those that fail."""

from collections.abc import Callable

import pytest

from producers.bench import rounds
from producers.bench.figures import Measured, Subject
from producers.bench.options import Options
from producers.bench.rig import BenchError
from producers.bench.scenario import Scenario
from producers.processes import ProcessError

Play = Callable[..., list[str]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Put a scenario in place; returns the list of who was measured, in time."""

    def put(*failing: Exception) -> list[str]:
        measured: list[str] = []
        errors = iter(failing)

        def measure(name: str) -> Measured:
            measured.append(name)
            if name == "bad" and (error := next(errors, None)):
                raise error
            return Measured({"rate": 1234.5})

        subjects = [
            Subject("good", lambda: measure("good")),
            Subject("bad", lambda: measure("bad")),
        ]
        scenario = Scenario(about="what", lead="rate", subjects=lambda _: subjects, paced=True)
        monkeypatch.setattr(rounds, "SCENARIOS", {"submit": scenario})
        return measured

    return put


def test_rounds_go_forth_and_back(play: Play) -> None:
    measured = play()

    rounds.measure("submit", Options(rounds=3, quick=True), [])

    assert measured == ["good", "bad", "bad", "good", "good", "bad"]


@pytest.mark.parametrize("error", [BenchError("5 of 10 when time was over"), ProcessError("died")])
def test_who_fails_is_named_and_not_measured_again(play: Play, error: Exception) -> None:
    measured, wrong = play(error), list[str]()

    result = rounds.measure("submit", Options(rounds=2, quick=True), wrong)

    assert measured == ["good", "bad", "good"]
    assert wrong == [f"submit, bad: {error}"]
    assert result.figures("good")["rate"].median == 1234.5
    assert result.figures("bad") == {}


def test_each_step_is_a_line_that_tells_round_and_subject_and_seconds(
    play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    play(BenchError("no"))

    rounds.measure("submit", Options(rounds=2), [])

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "submit: subjects: 2, rounds: 2, about 50 s",
        "submit, round 1 of 2, good ... 0.0 s, msg/s: 1,234",
        "submit, round 1 of 2, bad ... 0.0 s, failed",
        "submit, round 2 of 2, good ... 0.0 s, msg/s: 1,234",
    ]


def test_a_smoke_run_says_nothing(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    play()

    rounds.measure("submit", Options(rounds=1, quick=True), [])

    assert capsys.readouterr().err == ""
