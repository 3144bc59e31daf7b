"""Environments: a rival's packages, in a venv of its own that is made when it is asked for."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from producers.processes import ProcessError

_PATIENCE = 900.0  # seconds that an installation may take


def python(
    name: str, requirements: Sequence[str], folder: Path, tell: Callable[[str], None]
) -> str:
    """Return the interpreter of the environment that has these; raise ProcessError.

    It is made once, and ``tell`` hears of it; other requirements, or another Python, make
    another one.
    """
    known = "\n".join([sys.version, *requirements])
    home = folder / f"{name}-{hashlib.sha256(known.encode()).hexdigest()[:8]}"
    found, complete = home / "bin" / "python", home / "complete"
    if not complete.exists():
        tell(f"making the environment of {name}, once: {home}")
        shutil.rmtree(home, ignore_errors=True)
        home.parent.mkdir(parents=True, exist_ok=True)
        _run(name, sys.executable, "-m", "venv", str(home))
        install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        _run(name, str(found), *install, *requirements)
        complete.touch()
    return str(found)


def _run(name: str, *command: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise ProcessError(
            f"the environment of {name} is not made after {_PATIENCE:.0f} s"
        ) from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no word why"]
        raise ProcessError(f"the environment of {name} cannot be made: {said[-1]}")
