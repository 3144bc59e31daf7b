"""users.acl allows what the code does, and no more: read from the code, then tried for real.

Where this fails because the code learned a new command: add it to deploy/users.acl.
"""

import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from worker.contract import keys
from worker.contract.status import Stream
from worker.store.client import Store
from worker.store.embedded import Server, free_port

from ..store.conftest import Lab, settled  # noqa: TID252 - the suite is no installed package
from ..system.conftest import Stack  # noqa: TID252
from .conftest import DEPLOY, ROOT

LUA = {path.name: path.read_text("utf-8") for path in (ROOT / "worker/store/lua").glob("*.lua")}
#: Not sent by what runs against this server: the bench, the sandbox, and a test server's own check.
_OTHER = re.compile(r"/(bench|sandbox)/|store/embedded\.py")
PYTHON = {
    str(path): path.read_text("utf-8")
    for folder in ("worker", "producers")
    for path in (ROOT / folder).rglob("*.py")
    if not _OTHER.search(str(path))
}
#: redis-py's and kombu's own, and what a connection needs.
CONNECTIONS = {"PING", "SELECT", "CLIENT|SETINFO", "MULTI", "EXEC", "WATCH", "UNWATCH"}
KOMBU = {
    *("BRPOP", "RPOP", "LPUSH", "RPUSH", "LLEN", "DEL", "EXISTS", "PEXPIRE", "TIME"),
    *("HGET", "HSET", "HDEL", "ZADD", "ZREM", "ZRANGE", "ZRANGEBYSCORE"),
    *("SADD", "SREM", "SMEMBERS", "GET", "SET", "EVALSHA", "SCRIPT|LOAD", "SCRIPT|EXISTS"),
    *("PUBLISH", "PSUBSCRIBE", "PUNSUBSCRIBE"),
}
KEDA = {"TYPE", "LLEN", "EVAL"}
#: What may be refused: the doctor asks how the file is synced, and goes on without.
REFUSED = {"CONFIG|GET"}
#: Words of ours that only look like commands.
WORDS = {"UNSUBSCRIBE"}  # an opt-out


@pytest.fixture(scope="session")
def names(server: Server) -> set[str]:
    """Every command that the server knows."""
    with redis.Redis.from_url(server.url) as client:
        return {name.upper() for name in client.command()}


def rules() -> list[str]:
    """What stands behind ``user xinshi``, who comes last."""
    text = (DEPLOY / "users.acl").read_text("utf-8").partition("\nuser xinshi ")[2]
    return [
        word for line in text.splitlines() if not line.startswith("# ") for word in line.split()
    ]


def allowed() -> set[str]:
    return {word[1:].upper() for word in rules() if word.startswith("+")}


def in_lua() -> set[str]:
    return {name for text in LUA.values() for name in re.findall(r"redis\.call\('([A-Z]+)'", text)}


def in_python(names: set[str]) -> set[str]:
    """Commands that are spelt out, and the methods of a client that stand for one."""
    found: set[str] = set()
    for text in PYTHON.values():
        for name, second in re.findall(r'"([A-Z]{2,})"(?:, "([A-Z]+)")?', text):
            if name in names - WORDS:
                whole = name in {"XGROUP", "XINFO", "CLIENT", "CONFIG", "SCRIPT", "ACL"}
                found.add(f"{name}|{second}" if whole else name)
        for method in re.findall(r"(?:redis|pipe|client)\.([a-z_]+)\(", text):
            name = method.removesuffix("_iter").replace("delete", "del").upper()
            if name.replace("_", "|").split("|")[0] in names:
                found.add(name.replace("_", "|"))
    return found


def test_every_command_of_the_code_is_allowed_and_no_other(names: set[str]) -> None:
    needed = in_lua() | in_python(names) | CONNECTIONS | KOMBU | KEDA

    assert needed - allowed() - REFUSED == set(), "missing in deploy/users.acl"
    assert allowed() - needed == set(), "nobody needs these any more"


def test_every_key_of_ours_is_in_the_pattern() -> None:
    assert f"~{keys.PREFIX}*" in rules()
    assert "-@all" in rules()
    assert "allkeys" not in rules()
    assert "~*" not in rules()


@pytest.fixture
def guarded(redis_url: str, tmp_path: Path) -> Iterator[str]:
    """The address of an empty server as the user of users.acl has it."""
    (tmp_path / "password").write_text("secret")
    made = subprocess.run(
        ["sh", str(DEPLOY / "acl.sh"), str(tmp_path / "password")],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    with redis.Redis.from_url(redis_url) as admin:
        for line in made.splitlines():
            _, name, *rest = line.split()
            if name != "default":  # that one looks at the log
                admin.execute_command("ACL", "SETUSER", name, "reset", *rest)
        admin.acl_log_reset()
        yield redis_url.replace("://", "://xinshi:secret@")
        admin.acl_deluser("xinshi")


def refusals(raw: Any) -> set[str]:
    """What was refused since the beginning, as the server remembers it."""
    return {str(each["object"]).upper() for each in raw.acl_log()}


def test_the_life_of_a_message_is_allowed(guarded: str, raw: "redis.Redis") -> None:
    store = Store(guarded, timeout=60.0)
    lab = Lab(store, raw)
    first, second, third = lab.put(3)

    assert {*lab.claimed()} == {first, second, third}
    assert (
        lab.settle(settled(first, vendor_message_id="v1"), settled(second, status="unknown"))
        == [True] * 2
    )
    lab.trip()
    lab.release()
    lab.sweep()
    assert lab.cancel(lab.put_one(due=lab.now() + 60_000))[0]
    assert lab.status(first) == "submitted"
    store.close()

    assert refusals(raw) == set()


def command(stack: Stack, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run ``xinshi`` as an operator would."""
    return subprocess.run(
        [sys.executable, "-m", "producers", "--config", str(stack.config), *words],
        capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip


def page(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@pytest.mark.system
@pytest.mark.timeout(600)
def test_everything_works_as_that_user(
    guarded: str, raw: "redis.Redis", server: Server, tmp_path: Path
) -> None:
    """The Procfile, with Flower's password in a file, and every page of the command."""
    stack = Stack(tmp_path, server, '[streams.marketing]\nquiet_hours = ""\n', url=guarded)
    flower, gateway = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    try:
        stack.start_sandbox()
        for name in ("worker", "worker-otp", "beat"):
            stack.start(name, XINSHI_HEARTBEAT=str(tmp_path / name))
        stack.start("gateway", GATEWAY_LISTEN=gateway.removeprefix("http://"))
        _flower(stack, tmp_path, flower)
        ids = [each for stream in Stream for each in _send(stack, stream)]
        stack.until("everything is submitted", stack.submitted(ids))
        for name in ("worker", "worker-otp", "beat"):
            stack.until(f"{name} beats", (tmp_path / name).exists)
        stack.until("the gateway is ready", lambda: page(f"{gateway}/readyz") == 200)
        stack.until("Flower is there", lambda: page(f"{flower}/healthcheck") == 200)
        assert page(f"{flower}/workers") == 401, "not without its password"
        assert page(f"{flower.replace('://', '://admin:wrong@')}/workers") in {0, 401}
        _look_around(stack, ids[0], gateway)
    finally:
        stack.close()

    assert refusals(raw) - REFUSED == set()


def _send(stack: Stack, stream: Stream) -> list[str]:
    first = 100 * list(Stream).index(stream)
    return stack.send(5, first=first, stream=stream)


def _flower(stack: Stack, folder: Path, url: str) -> None:
    conf = folder / "flower.py"
    conf.write_text('basic_auth = ["admin:secret"]\n')
    port = url.rpartition(":")[2]
    line = f"celery -A worker.app flower --address=127.0.0.1 --port={port} --conf={conf}"
    stack._start("flower", line)


def _look_around(stack: Stack, message_id: str, gateway: str) -> None:
    for words in (
        *(["status", message_id], ["explain", message_id], ["doctor"], ["vendors"], ["balances"]),
        *(["inbound"], ["dead", "list"], ["suppression", "list"]),
        ["suppression", "add", "13900009999"],
        ["suppression", "remove", "13900009999"],
    ):
        done = command(stack, *words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert page(f"{gateway}/metrics") == 200
    inspect = [sys.executable, "-m", "celery", "-A", "worker.app", "inspect", "ping", "-t", "30"]
    stack._start("inspect", " ".join(inspect))
    stack.until("both workers answer", lambda: stack.logs("inspect").count("pong") == 2)
