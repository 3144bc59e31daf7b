"""The bench's command in this process, and what keeps the machine's settings out of it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from producers.cli import run


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Bench = Callable[..., Ran]


@pytest.fixture
def bench(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Bench:
    """Run ``xinshi bench`` with some arguments."""
    for name in ("XINSHI_CONFIG", "XINSHI_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def call(*args: str) -> Ran:
        code = run(("bench", *args))
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return call
