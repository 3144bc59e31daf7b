"""systemd/: units that systemd understands, hardened, with secrets as credentials."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import CREDENTIALS, DEPLOY, started, unit, units

FOLDER = DEPLOY / "systemd"
SHARED = unit(FOLDER / "xinshi-.service.d" / "xinshi.conf")
NAMES = [*units()]
OWN = {"Description", "ExecStart", "TimeoutStopSec", "MemoryMax", "WantedBy", "LoadCredential"}


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_says_what_is_its_own_and_shares_the_rest(name: str) -> None:
    own = unit(FOLDER / name)

    assert own.keys() <= OWN
    assert own.keys() & SHARED.keys() <= {"LoadCredential"}, "said once"
    assert own["Description"][0].startswith("Xinshi: ")


def test_they_are_ended_softly_and_started_again() -> None:
    assert SHARED["KillSignal"] == ["SIGTERM"]
    assert SHARED["KillMode"] == ["mixed"], "SIGTERM goes to the one who knows what to do"
    assert SHARED["Restart"] == ["always"]


def test_they_have_no_rights() -> None:
    for setting in (
        "DynamicUser",
        "NoNewPrivileges",
        "PrivateTmp",
        "ProtectHome",
        "PrivateDevices",
    ):
        assert SHARED[setting] == ["yes"]
    assert SHARED["ProtectSystem"] == ["strict"]
    assert SHARED["CapabilityBoundingSet"] == [""]


def test_their_secrets_are_credentials_and_never_in_the_environment() -> None:
    for each in started():
        if each.where == "systemd":
            assert each.environment["XINSHI_CONFIG"] == f"{CREDENTIALS}/xinshi.toml"
            assert each.environment["XINSHI_REDIS_URL_FILE"] == f"{CREDENTIALS}/redis_url"
    assert SHARED["EnvironmentFile"] == ["-/etc/xinshi/environment"]
    for loaded in SHARED["LoadCredential"]:
        name, _, path = loaded.partition(":")
        assert path == f"/etc/xinshi/{name}"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they would be installed, with this environment's programs."""
    folder = tmp_path / "units"
    shutil.copytree(FOLDER, folder)
    for path in folder.glob("*.service"):
        path.write_text(
            path.read_text().replace("/opt/xinshi/bin", str(Path(sys.executable).parent))
        )
    return folder


def analyze(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    path = f"{folder}:/usr/lib/systemd/system:/lib/systemd/system"
    return subprocess.run(
        ["systemd-analyze", *words],
        capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "SYSTEMD_UNIT_PATH": path},  # noqa: TID251 - a child's environment
    )  # fmt: skip


TOOL = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")


@TOOL
@pytest.mark.parametrize("name", [*NAMES, "xinshi.target"])
def test_systemd_understands_a_unit(installed: Path, name: str) -> None:
    done = analyze(installed, "verify", name.replace("@.", "@1."))

    about_us = [line for line in done.stderr.splitlines() if "xinshi" in line]
    assert (about_us, done.returncode) == ([], 0)


@TOOL
def test_a_word_that_systemd_does_not_know_would_be_seen(installed: Path) -> None:
    path = installed / "xinshi-.service.d" / "xinshi.conf"
    path.write_text(path.read_text().replace("ProtectClock", "ProtectCloak"))

    assert "ProtectCloak" in analyze(installed, "verify", "xinshi-beat.service").stderr
