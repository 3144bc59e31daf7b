"""The image: built from the locks, owned by nobody, and with nothing in it that is not needed."""

import fnmatch
import json
import re
import shlex
import tomllib
from dataclasses import dataclass

import pytest

from .conftest import DEPLOY, ROOT, deployments

SECRET = re.compile(r"password|secret|token|key|redis_url", re.IGNORECASE)
KNOWN = {"ARG", "FROM", "ENV", "WORKDIR", "COPY", "RUN", "LABEL", "USER", "STOPSIGNAL", "CMD"}


@dataclass(frozen=True)
class Line:
    """One instruction of the Dockerfile."""

    stage: int
    word: str
    rest: str


def instructions() -> list[Line]:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    found, stage = [], -1
    for line in re.sub(r"\\\n\s*", " ", plain).splitlines():
        if not line:
            continue
        word, _, rest = line.partition(" ")
        stage += word == "FROM"
        found.append(Line(stage, word, rest.strip()))
    return found


LINES = instructions()
LAST = [each for each in LINES if each.stage == max(one.stage for one in LINES)]


def rest(word: str, lines: list[Line] = LAST) -> list[str]:
    return [each.rest for each in lines if each.word == word]


def test_it_has_two_stages_and_known_instructions() -> None:
    assert {each.word for each in LINES} <= KNOWN
    assert rest("FROM", LINES) == ["${PYTHON} AS build", "${PYTHON}"]


def test_its_python_is_one_that_the_project_names_and_no_moving_target() -> None:
    (image,) = rest("ARG", LINES)
    found = re.fullmatch(r"PYTHON=python:(3\.\d+)-slim-[a-z]+", image)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert found
    assert f"Programming Language :: Python :: {found[1]}" in project["classifiers"]


def test_nobody_runs_it_and_kubernetes_knows_the_same_number() -> None:
    (user,) = rest("USER")
    uid, gid = user.split(":")

    assert LAST.index(Line(1, "USER", user)) > max(
        LAST.index(each) for each in LAST if each.word in {"RUN", "COPY"}
    ), "what comes after would belong to it"
    assert int(uid) >= 10000
    for deployment in deployments().values():
        context = deployment["spec"]["template"]["spec"]["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"]) == (int(uid), int(gid))


def test_everything_that_is_installed_is_checked_by_its_hash() -> None:
    installs = [
        shlex.split(part)
        for each in rest("RUN", LINES)
        for part in each.split("&&")
        if "pip install" in part
    ]

    assert len(installs) == 3
    for words in installs:
        ours = words[-1] == "dist/xinshi-*.whl"
        assert ours or {"--require-hashes", "--only-binary"} <= {*words}
        assert not ours or {"--no-deps", "--no-index"} <= {*words}
    locks = [words[words.index("-r") + 1] for words in installs if "-r" in words]
    assert locks == ["deploy/requirements.lock", "deploy/build.lock"]
    assert all((ROOT / lock).is_file() for lock in locks)
    assert "--no-build-isolation" in " ".join(rest("RUN", LINES)), "else the backend is unlocked"


def test_no_secret_is_in_it() -> None:
    for word in ("ENV", "ARG", "COPY"):
        assert not any(SECRET.search(each) for each in rest(word, LINES))


def test_it_starts_programs_and_no_shell() -> None:
    """A shell as process 1 would keep SIGTERM from the worker."""
    (command,) = rest("CMD")

    assert json.loads(command) == ["xinshi", "--help"]
    assert rest("STOPSIGNAL") == ["SIGTERM"]
    assert "PYTHONUNBUFFERED=1" in rest("ENV")[0]


def ignored() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def sent(path: str) -> bool:
    """Whether a path is sent to the builder: the last rule that fits it, or a folder of it, wins."""
    parents = ["/".join(path.split("/")[:length]) for length in range(1, path.count("/") + 2)]
    verdict = True
    for rule in ignored():
        pattern = rule.removeprefix("!").removeprefix("**/")
        names = [*parents, *path.split("/")] if "**/" in rule else parents
        if any(fnmatch.fnmatch(name, pattern) for name in names):
            verdict = rule.startswith("!")
    return verdict


def copied() -> list[str]:
    stages = [shlex.split(each) for each in rest("COPY", LINES)]
    return [path for words in stages if not words[0].startswith("--") for path in words[:-1]]


@pytest.mark.parametrize("path", copied())
def test_what_it_copies_is_there_and_sent(path: str) -> None:
    assert (ROOT / path).exists()
    assert sent(path)


@pytest.mark.parametrize(
    "path",
    [
        *(".git/config", ".venv/bin/python", "xinshi.toml", "deploy/secrets/redis_url"),
        *("tests/conftest.py", "var/log", "worker/__pycache__/app.pyc", "deploy/compose.yaml"),
    ],
)
def test_nothing_else_is_sent(path: str) -> None:
    assert not sent(path)


def test_the_wheel_finds_everything_that_it_names() -> None:
    """What pyproject.toml wants of the project's folder is copied, or the build would fail."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]

    wanted = [*wheel["packages"], *wheel["shared-data"], project["project"]["readme"]]
    wanted += project["project"]["license-files"]
    assert {*wanted} <= {*copied()}
