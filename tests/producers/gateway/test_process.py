"""``xinshi gateway`` as a process: its start, its log, its end."""

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.producers.gateway.conftest import CONFIG, KEY, NUMBER, beat
from worker.store.embedded import Server, free_port

Xinshi = Callable[..., Any]


class Process:
    """The command, its address and what it said."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process, self.port = process, port

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Authorization": f"Bearer {KEY}", **headers})
        answer = connection.getresponse()
        found = json.loads(answer.read())
        connection.close()
        return answer.status, found

    def end(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Signal it, wait, and return its log."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=20)
        return err


@contextmanager
def running(folder: Path, redis_url: str, config: str = CONFIG, *args: str) -> Iterator[Process]:
    path = folder / "gateway.toml"
    path.touch(mode=0o600)
    path.write_text(f'redis_url = "{redis_url}"\n{config}', encoding="utf-8")
    command = (sys.executable, "-m", "producers", "--config", str(path), "gateway")
    with subprocess.Popen(
        [*command, *(args or ("--listen", "127.0.0.1:0"))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            said = process.stdout.readline()
            found = re.search(r"answers at http://127\.0\.0\.1:(\d+) until", said)
            assert found, said + (process.stderr.read() if process.stderr else "")
            yield Process(process, int(found[1]))
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_until_it_is_told_to_end(
    tmp_path: Path, redis_url: str, number: signal.Signals
) -> None:
    with running(tmp_path, redis_url) as gateway:
        assert gateway.ask("GET", "/healthz") == (200, {"status": "ok"})
        log = gateway.end(number)

    assert gateway.process.returncode == 0
    assert "gateway.stopped" in log


def test_what_runs_is_finished_before_it_ends(tmp_path: Path) -> None:
    with Server() as server, running(tmp_path, server.url) as gateway:
        assert gateway.ask("GET", "/readyz?exclude=worker")[0] == 200
        os.kill(server.pid, signal.SIGSTOP)
        found: list[Any] = []
        message = {"to": NUMBER, "text": "您好"}
        asking = threading.Thread(
            target=lambda: found.append(gateway.ask("POST", "/v1/messages", message))
        )
        asking.start()
        try:
            asyncio.run(asyncio.sleep(0.15))  # it waits for Redis, which is frozen
            gateway.process.send_signal(signal.SIGTERM)
            asyncio.run(asyncio.sleep(0.1))
            with (
                pytest.raises(ConnectionRefusedError),
                socket.create_connection(("127.0.0.1", gateway.port), 1),
            ):
                pass  # accepted by nobody any more
        finally:
            os.kill(server.pid, signal.SIGCONT)
        asking.join(10)
        gateway.process.communicate(timeout=20)

    assert found[0][0] == 202
    assert gateway.process.returncode == 0


def test_it_starts_without_redis_and_recovers(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, f"redis://127.0.0.1:{port}/0") as gateway:
        before = gateway.ask("GET", "/readyz")
        with Server(port=port) as server:
            beat(server.url)
            after = gateway.ask("GET", "/readyz")
            sent = gateway.ask("POST", "/v1/messages", {"to": NUMBER, "text": "您好"})

    assert (before[0], before[1]["status"]) == (503, "unavailable")
    assert (after[0], after[1]["status"]) == (200, "ready")
    assert sent[0] == 202


def test_its_log_holds_no_number_no_text_and_no_key(tmp_path: Path, redis_url: str) -> None:
    with running(tmp_path, redis_url) as gateway:
        gateway.ask("POST", "/v1/messages", {"to": NUMBER, "text": "机密机密"})
        gateway.ask("GET", f"/v1/messages/{NUMBER}")
        gateway.ask("GET", f"/{NUMBER}?text={quote('机密机密')}")
        gateway.ask("POST", "/callbacks/tencent/report?token=a-guess", {"mobile": NUMBER})
        with socket.create_connection(("127.0.0.1", gateway.port)) as raw:
            raw.sendall(
                f"POST / HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nB\0d: 1\r\n\r\n".encode()
            )
            assert b" 400 " in raw.recv(100)
        log = gateway.end()

    assert 'route": "/v1/messages"' in log
    assert "callback.refused" in log
    for secret in (NUMBER, "机密", quote("机密"), KEY, "a-guess", "a-secret", "12345"):
        assert secret not in re.sub(r'"timestamp": "[^"]*"|"address": "[^"]*"', "", log)


def test_it_warns_of_what_stands_open(tmp_path: Path, redis_url: str) -> None:
    config = CONFIG.partition("[gateway.api_keys]")[0]
    with running(tmp_path, redis_url, config) as gateway:
        lines = [json.loads(line) for line in gateway.end().splitlines()]

    warned = [line for line in lines if line["level"] == "warning"]
    assert [line["event"] for line in warned] == ["gateway.no_api_keys", "callback.unprotected"]
    assert warned[1]["account"] == "zhenzi"


def test_it_listens_where_the_settings_say(tmp_path: Path, redis_url: str) -> None:
    config = CONFIG.replace("[gateway]", '[gateway]\nlisten = "127.0.0.1:0"', 1)
    with running(tmp_path, redis_url, config, *()) as gateway:
        assert gateway.ask("GET", "/healthz")[0] == 200


@pytest.fixture
def unlogged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the log of this process, which is the whole suite's, as it is."""
    monkeypatch.setattr("worker.telemetry.logs.configure", lambda: None)


@pytest.mark.usefixtures("unlogged")
def test_a_port_in_use_is_one_line(bare: Xinshi) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        ran = bare("gateway", "--listen", f"127.0.0.1:{port}")

    assert ran.code == 1
    assert ran.err == f"xinshi: cannot listen on 127.0.0.1:{port}: the port is in use\n"


@pytest.mark.parametrize("listen", ["8080", "host:port", "host:99999"])
def test_an_address_that_is_none_is_bad_usage(bare: Xinshi, listen: str) -> None:
    ran = bare("gateway", "--listen", listen)

    assert ran.code == 2
    assert "must look like 127.0.0.1:8080" in ran.err


@pytest.mark.usefixtures("unlogged")
def test_wrong_settings_are_bad_usage(bare: Xinshi, tmp_path: Path) -> None:
    (tmp_path / "xinshi.toml").write_text('[vendors.main]\nadapter = "chuangxin"\n')

    ran = bare("gateway", "--listen", "127.0.0.1:0")

    assert (ran.code, ran.err) == (2, "xinshi: vendors.main.appcode: missing; chuangxin needs it\n")


def test_the_gateway_loads_no_celery() -> None:
    code = (
        "import sys, producers.gateway; print([n for n in ('celery', 'kombu') if n in sys.modules])"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"
