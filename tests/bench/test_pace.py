"""Pace: fast or slow, each subject is at work for about as long; what was asked for is obeyed."""

from collections.abc import Sequence

import pytest

from producers.bench.figures import Measured
from producers.bench.options import Options
from producers.bench.pace import SECONDS, Paced, deadline, expected
from producers.commands import bench as command


class Worker:
    """Handles so many messages a second, another number in each round; notes what it was given."""

    def __init__(self, *rates: float) -> None:
        self._rates: Sequence[float] = rates
        self.given: list[tuple[int, float]] = []

    def __call__(self, messages: int, seconds: float) -> Measured:
        rate = self._rates[min(len(self.given), len(self._rates) - 1)]
        self.given.append((messages, seconds))
        return Measured({"rate": rate})

    def messages(self) -> list[int]:
        return [messages for messages, _ in self.given]


@pytest.mark.parametrize("rate", [50.0, 300.0, 7000.0])
def test_fast_or_slow_a_round_takes_about_as_long(rate: float) -> None:
    worker = Worker(rate)

    Paced(Options(), worker, at_once=64)()

    trial, asked = worker.messages()
    assert trial <= 64 * 4
    assert asked / rate == pytest.approx(SECONDS)


def test_a_trial_is_several_times_what_is_in_flight_and_takes_place_once() -> None:
    worker = Worker(1000.0)
    paced = Paced(Options(), worker, at_once=512)

    paced()
    paced()

    assert worker.messages() == [2048, 5000, 5000]


def test_each_round_is_as_long_as_the_last_one_says() -> None:
    worker = Worker(9000.0, 1000.0, 2000.0)  # a trial that promised too much
    paced = Paced(Options(), worker, at_once=64)

    paced()
    paced()

    assert worker.messages() == [256, 45_000, 5000]


def test_a_subject_that_crawls_gets_some_messages_all_the_same() -> None:
    worker = Worker(1.0)

    Paced(Options(), worker, at_once=1)()

    assert worker.messages() == [200, 200]


def test_a_paced_round_has_a_minute_however_many_messages_it_has() -> None:
    worker = Worker(300.0)

    Paced(Options(), worker, at_once=64)()

    assert [seconds for _, seconds in worker.given] == [60.0, 60.0]


def test_messages_that_were_asked_for_are_what_each_one_gets() -> None:
    worker = Worker(300.0)

    Paced(Options(messages=20_000), worker, at_once=512)()

    assert worker.given == [(20_000, deadline(20_000))]
    assert deadline(20_000) >= 20_000 / 50


def test_a_smoke_run_has_no_trial() -> None:
    worker = Worker(300.0)

    Paced(Options(quick=True), worker, at_once=512)()

    assert worker.messages() == [400]


def test_the_whole_comparison_is_to_take_less_than_six_minutes() -> None:
    seconds = expected(Options(rivals=command._RIVALS), 1 + len(command._RIVALS))

    assert seconds is not None
    assert 60 < seconds < 360
    assert expected(Options(messages=1000), 9) is None
