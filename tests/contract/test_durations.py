"""Durations and windows as people write them."""

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.contract.durations import QuietHours, Window, seconds

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5m", 300), ("30s", 30), ("24h", 86400), ("7d", 604800), ("250ms", 0.25), (" 5 m ", 300),
        ("1.5h", 5400), (90, 90), (0.5, 0.5), (timedelta(minutes=5), 300),
    ],
)  # fmt: skip
def test_a_duration_is_read(value: object, expected: float) -> None:
    assert seconds(value) == pytest.approx(expected)


@pytest.mark.parametrize(
    "value",
    ["", "5", "m", "5 minutes", "-5m", "0s", "5m30s", "٥m", "1e3s", 0, -1, True, None, [], b"5m",
     float("inf"), float("nan"), 10**400, "99999999d", timedelta(0), timedelta(seconds=-1)],
)  # fmt: skip
def test_anything_else_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        seconds(value)


@given(st.integers(1, 3660), st.sampled_from(sorted(UNITS)))
def test_a_duration_is_its_number_times_its_unit(count: int, unit: str) -> None:
    assert seconds(f"{count}{unit}") == pytest.approx(count * UNITS[unit])


@given(st.one_of(st.text(), st.floats(), st.integers(), st.timedeltas()))
def test_whatever_is_read_is_longer_than_nothing(value: object) -> None:
    with contextlib.suppress(ValueError):
        assert 0 < seconds(value) <= 3660 * 86400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15/day", Window(15, 0)), ("1/60s", Window(1, 60)), ("5/1h", Window(5, 3600)),
        (" 2 / 30 m ", Window(2, 1800)), ("1/0.5s", Window(1, 0.5)),
    ],
)  # fmt: skip
def test_a_window_is_read(text: str, expected: Window) -> None:
    assert Window.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "15", "/day", "0/day", "15/week", "1/0s", "-1/60s", "1/60", "1/s", "1,5/day", "10001/day",
     "9" * 400 + "/60s", "1/9999h"],
)  # fmt: skip
def test_anything_else_is_no_window(text: str) -> None:
    with pytest.raises(ValueError, match=r"limit|window"):
        Window.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("21:00-08:00", QuietHours(1260, 480)), ("12:30-14:00", QuietHours(750, 840)),
        (" 9:05 - 9:06 ", QuietHours(545, 546)), ("22:00-24:00", QuietHours(1320, 0)),
        ("00:00-23:59", QuietHours(0, 1439)), ("24:00-01:00", QuietHours(0, 60)),
    ],
)  # fmt: skip
def test_quiet_hours_are_read(text: str, expected: QuietHours) -> None:
    assert QuietHours.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "21:00", "21-08", "21:00-21:00", "00:00-24:00", "25:00-08:00", "24:01-08:00", "21:60-08:00",
     "-1:00-08:00", "٢١:00-08:00", "21:00–08:00", None, True, 2100, ["21:00-08:00"]],
)  # fmt: skip
def test_anything_else_is_no_quiet_hours(text: object) -> None:
    with pytest.raises(ValueError, match="quiet hours"):
        QuietHours.parse(text)
