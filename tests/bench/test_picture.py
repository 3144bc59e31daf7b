"""A chart in a file: SVG always, PNG where Chromium is, and a clear word before the minutes."""

import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from producers.bench import picture
from producers.bench.figures import Measured
from producers.bench.options import Options
from producers.bench.result import Result
from producers.bench.rig import BenchError
from producers.bench.scenario import Scenario

Bench = Callable[..., Any]
SCENARIO = Scenario(about="what", lead="rate", subjects=lambda _: [])
RESULT = Result("submit", SCENARIO, Options(), [{"xinshi": Measured({"rate": 4000.0})}])


@pytest.mark.system
@pytest.mark.skipif(not any(map(shutil.which, picture._BROWSERS)), reason="no Chromium")
def test_a_png_is_the_svg_at_twice_its_size(tmp_path: Path) -> None:
    for name in ("chart.svg", "chart.png"):
        picture.check(tmp_path / name)
        picture.write(tmp_path / name, {"cores": 2}, [RESULT])

    made = (tmp_path / "chart.png").read_bytes()
    assert made.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", made[16:24])
    drawn = (tmp_path / "chart.svg").read_text(encoding="utf-8")
    assert f'width="{width // 2}" height="{height // 2}"' in drawn


def test_a_png_without_chromium_is_refused_before_anything_is_measured(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)

    ran = bench("memory", "--quick", "--chart", "chart.png")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "xinshi: a PNG needs Chromium on PATH; without it, name the chart FILE.svg\n"


def test_a_chromium_that_makes_nothing_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\necho it cannot draw >&2\n", encoding="utf-8")
    browser.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(browser))

    with pytest.raises(BenchError, match="Chromium made no PNG: it cannot draw"):
        picture.write(tmp_path / "chart.png", {"cores": 2}, [RESULT])


def test_a_folder_that_is_not_there_is_refused_before_anything_is_measured(bench: Bench) -> None:
    ran = bench("memory", "--quick", "--chart", "nowhere/chart.svg")

    assert (ran.code, ran.out) == (1, "")
    assert "there is no folder" in ran.err
