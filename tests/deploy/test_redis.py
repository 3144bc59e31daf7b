"""redis.conf and users.acl: a real server takes them, and nothing in them is unexplained."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from producers.commands.server import described, durable
from worker.contract.settings import Durability
from worker.store.embedded import binary, die_with_parent, free_port

from .conftest import DEPLOY

CONF = (DEPLOY / "redis.conf").read_text("utf-8")
PASSWORD = "a pass'word with $igns"
ADMIN = "another"
PATIENCE = 60.0  # seconds; reached only by what fails
_ONCE = Retry(NoBackoff(), 0)


def directives() -> dict[str, str]:
    lines = [line for line in CONF.splitlines() if line and not line.startswith("#")]
    return {name: rest for name, _, rest in (line.partition(" ") for line in lines)}


def test_every_directive_is_said_once_and_explained() -> None:
    """A comment stands above its paragraph; what is plain (port, dir) belongs to the one above."""
    lines = [line for line in CONF.splitlines() if line and not line.startswith("#")]
    assert len(lines) == len(directives())

    for paragraph in re.split(r"\n\n+", CONF.strip()):
        said = [line for line in paragraph.splitlines() if not line.startswith("#")]
        if said and said != ["dir /data"]:
            assert paragraph.startswith("# "), paragraph


def test_it_keeps_what_it_accepted() -> None:
    found = directives()

    assert found["appendonly"] == "yes"
    assert found["appendfsync"] in {"always", "everysec"}
    assert found["maxmemory-policy"] == "noeviction"
    assert found["timeout"] == "0", "an idle worker waits in a BRPOP"
    assert "rename-command" not in found


def acl(*paths: Path) -> "subprocess.CompletedProcess[str]":
    """Run acl.sh with some files."""
    words = ["sh", str(DEPLOY / "acl.sh"), *map(str, paths)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def rendered(folder: Path, *passwords: str) -> str:
    """users.acl as acl.sh makes it."""
    paths = [folder / f"password{place}" for place, _ in enumerate(passwords)]
    for path, password in zip(paths, passwords, strict=True):
        path.write_text(password + "\n")
    done = acl(*paths)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server with our redis.conf and users.acl, but its own folder and port; yields the port."""
    tmp_path = tmp_path_factory.mktemp("redis")
    (tmp_path / "users.acl").write_text(rendered(tmp_path, PASSWORD, ADMIN))
    port = free_port()
    own = {"aclfile": f"{tmp_path}/users.acl", "dir": str(tmp_path), "port": str(port)}
    conf = re.sub(
        rf"^({'|'.join(own)}) .*$",
        lambda found: f"{found[1]} {own[found[1]]}",
        CONF,
        flags=re.MULTILINE,
    )
    (tmp_path / "redis.conf").write_text(conf, "utf-8")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [binary(), str(tmp_path / "redis.conf"), "--bind", "127.0.0.1"],
            stdout=log, stderr=log, preexec_fn=die_with_parent,  # noqa: PLW1509 - it takes no lock
        )  # fmt: skip
    try:
        end = time.monotonic() + PATIENCE
        while not listens(port):
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail((tmp_path / "log").read_text(errors="replace"))
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def client(port: int, name: str = "xinshi", password: str = PASSWORD) -> Any:
    return redis.Redis(
        port=port, username=name, password=password, socket_timeout=PATIENCE, retry=_ONCE
    )


def test_a_server_takes_both_files_and_the_doctor_is_content(server: int) -> None:
    with client(server) as found:
        info = found.info()
        assert found.set("xinshi:m:x", "1")

    verdicts = {each.check: each.verdict for each in described(info, 0.0)}
    verdicts.pop("workers", None)  # nobody works here
    assert {*verdicts.values()} == {"ok"}
    always = info | {"appendfsync": directives()["appendfsync"]}
    assert durable(always, Durability.FSYNC).verdict == "ok"


def test_nobody_else_gets_in(server: int) -> None:
    with redis.Redis(port=server, retry=_ONCE) as nobody, pytest.raises(redis.AuthenticationError):
        nobody.ping()
    for name, password in (("xinshi", "wrong"), ("default", ""), ("default", PASSWORD)):
        with client(server, name, password) as wrong, pytest.raises(redis.RedisError):
            wrong.ping()


@pytest.mark.parametrize(
    "words",
    [
        *("FLUSHALL", "FLUSHDB", "KEYS *", "CONFIG GET *", "CONFIG SET dir /", "SAVE", "BGSAVE"),
        *("SHUTDOWN", "ACL LIST", "CLIENT LIST", "CLIENT KILL TYPE normal"),
        *("MONITOR", "REPLICAOF NO ONE", "SLOWLOG GET", "SCRIPT FLUSH", "SWAPDB 0 1"),
        *("GET other", "SET other 1", "DEL other", "LLEN celery", "PUBLISH news x"),
        "SUBSCRIBE news",
    ],
)
def test_what_xinshi_does_not_need_it_may_not(server: int, words: str) -> None:
    with client(server) as found, pytest.raises(redis.exceptions.NoPermissionError):
        found.execute_command(*words.split())


def test_a_script_may_no_more_than_its_user(server: int) -> None:
    with client(server) as found:
        for body in ("redis.call('FLUSHALL')", "redis.call('SET', 'other', '1')"):
            with pytest.raises(redis.ResponseError, match=r"(?i)acl|permission"):
                found.eval(body, 0)


def test_the_acl_has_a_line_a_user_and_never_the_password(tmp_path: Path) -> None:
    one, two = (rendered(tmp_path, *each).splitlines() for each in ([PASSWORD], [PASSWORD, ADMIN]))

    assert [line.split()[:3] for line in two] == [
        ["user", "default", "off"],
        ["user", "admin", "on"],
        ["user", "xinshi", "on"],
    ]
    assert one == [two[0], two[2]], "without a second password, no administrator"
    for secret in (PASSWORD, ADMIN):
        assert secret not in "".join(two)
        assert sha256(secret.encode()).hexdigest() in "".join(two)
    assert "@" not in "".join(two).replace("-@all", "").replace("+@all", "")
    assert "  " not in "".join(two)


def test_an_administrator_may_look_and_save(server: int) -> None:
    with client(server, "admin", ADMIN) as found:
        assert isinstance(found.acl_log(), list)
        assert found.config_get("appendonly") == {"appendonly": "yes"}
        assert found.slowlog_len() >= 0
        assert found.config_set("auto-aof-rewrite-percentage", 0)
        assert found.config_set("auto-aof-rewrite-percentage", 100)


@pytest.mark.parametrize(("content", "complaint"), [("\n", "is empty"), (None, "No such file")])
def test_without_a_password_there_is_no_acl(
    tmp_path: Path, content: str | None, complaint: str
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_text(content)

    good = tmp_path / "good"
    good.write_text("x")

    for paths in ([path], [path, good], [good, path]):
        done = acl(*paths)
        assert done.returncode != 0
        assert done.stdout == ""
        assert complaint in done.stderr
    assert acl().returncode == 2


def test_every_rule_is_explained() -> None:
    for paragraph in re.split(r"\n\n+", (DEPLOY / "users.acl").read_text("utf-8").strip()):
        lines = paragraph.splitlines()
        assert lines[0].startswith(("# ", "user xinshi on #")), paragraph
