"""What compose.yaml asks of a service's health is run: it must say well and unwell."""

import importlib.util
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from worker.heartbeat.heart import Heart

from .conftest import compose, ours, seconds

PATIENCE = 60.0  # seconds; reached only by what fails
CHECKS = {name: each["healthcheck"] for name, each in compose()["services"].items()}
BEATING = [name for name in ours() if "-m" in CHECKS[name]["test"]]
ANSWERING = [name for name in ours() if "-c" in CHECKS[name]["test"]]
PATHS = {"gateway": "/healthz", "flower": "/healthcheck", "sandbox": "/_sandbox"}


class Answer(BaseHTTPRequestHandler):
    """Answers everything with the server's ``status``, and keeps what was asked for."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@pytest.fixture
def web() -> Iterator[Any]:
    server: Any = HTTPServer(("127.0.0.1", 0), Answer)
    server.status, server.asked = 200, []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join(PATIENCE)
    server.server_close()


def look(words: list[str]) -> int:
    """Run a check's Python as the image's would; returns the exit code."""
    assert words[:2] == ["CMD", "python"], "no shell, and a program that the image has"
    done = subprocess.run(
        [sys.executable, *words[2:]], check=False, capture_output=True, timeout=PATIENCE
    )
    return done.returncode


def test_each_service_of_ours_is_asked_one_way_or_the_other() -> None:
    assert {*BEATING} == {"worker", "worker-otp", "beat"}
    assert {*ANSWERING} == {*PATHS}


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_ends_before_the_next_one_begins(name: str) -> None:
    check = CHECKS[name]

    assert seconds(check["timeout"]) < seconds(check["interval"])
    assert check["retries"] > 1, "one slow answer is no illness"


@pytest.mark.parametrize("name", BEATING)
def test_who_beats_is_well_as_long_as_its_own_file_is_fresh(name: str, tmp_path: Path) -> None:
    *words, path = CHECKS[name]["test"]
    file = tmp_path / "heartbeat"

    assert path == ours()[name]["environment"]["XINSHI_HEARTBEAT"]
    assert any(path.startswith(f"{each.split(':')[0]}/") for each in ours()[name]["tmpfs"])
    assert importlib.util.find_spec(words[-1])
    assert look([*words, str(file)]) == 1
    Heart(str(file))
    assert look([*words, str(file)]) == 0


@pytest.mark.parametrize("name", ANSWERING)
def test_who_answers_is_well_where_it_answers_well(name: str, web: Any) -> None:
    *words, code = CHECKS[name]["test"]
    (port,) = re.findall(r"http://127\.0\.0\.1:(\d+)/", code)
    here = code.replace(f":{port}/", f":{web.server_port}/")

    assert any(word.endswith(f"{port}") for word in ours()[name]["command"].split())
    assert any(each.endswith(f":{port}") for each in ours()[name]["ports"])
    assert look([*words, here]) == 0
    assert web.asked == [PATHS[name]]
    web.status = 503
    assert look([*words, here]) == 1
