"""Picture: a chart in a file, as the SVG that it is, or as a PNG that Chromium makes of it."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from producers.bench import chart
from producers.bench.result import Result
from producers.bench.rig import BenchError

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_PATIENCE = 120.0  # seconds
_SCALE = 2  # pixels of a PNG for one of the chart


def check(path: Path) -> None:
    """Raise BenchError if a chart cannot be written there."""
    if not path.absolute().parent.is_dir():
        raise BenchError(f"--chart: there is no folder {path.absolute().parent}")
    if path.suffix.lower() == ".png":
        _browser()


def write(path: Path, facts: Mapping[str, object], results: Sequence[Result]) -> None:
    """Draw results; raise BenchError where Chromium makes no PNG of it."""
    drawn = chart.draw(facts, results)
    if path.suffix.lower() != ".png":
        path.write_text(drawn, encoding="utf-8")
        return
    with tempfile.TemporaryDirectory(prefix="xinshi-chart-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "chart.svg").write_text(drawn, encoding="utf-8")
        _shoot(folder, drawn)
        shutil.copyfile(folder / "chart.png", path)


def _shoot(folder: Path, drawn: str) -> None:
    """Let Chromium make ``chart.png`` of ``chart.svg``."""
    width, height = re.findall(r' (?:width|height)="(\d+)"', drawn)[:2]
    command = [
        *(_browser(), "--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *(["--no-sandbox"] if os.geteuid() == 0 else []),  # root has none
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},{height}",
        f"--force-device-scale-factor={_SCALE}",
        f"--screenshot={folder / 'chart.png'}",
        (folder / "chart.svg").as_uri(),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"Chromium made no PNG within {_PATIENCE:.0f} s") from None
    if not (folder / "chart.png").exists():
        said = done.stderr.strip().splitlines() or ["no word why"]
        raise BenchError(f"Chromium made no PNG: {said[-1]}")


def _browser() -> str:
    for name in _BROWSERS:
        if found := shutil.which(name):
            return found
    raise BenchError("a PNG needs Chromium on PATH; without it, name the chart FILE.svg")
