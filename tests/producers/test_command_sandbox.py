"""``xinshi sandbox``: it answers, can be pointed at, and ends politely."""

import signal
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from worker import vendors
from worker.contract import settings

Xinshi = Callable[..., Any]
COMMAND = (sys.executable, "-m", "producers")


def test_the_printed_settings_are_complete(bare: Xinshi) -> None:
    ran = bare("--redis-url", "redis://here:7/1", "sandbox", "--print-config")

    found = settings.parse(tomllib.loads(ran.out))
    assert ran.code == 0
    assert found.redis_url == "redis://here:7/1"
    assert {*vendors.load_all(found)} == {*vendors.names()}
    assert all(each.base_url.startswith("http://127.0.0.1:9100") for each in found.vendors.values())


@pytest.mark.parametrize(
    ("listen", "base"),
    [
        ("0.0.0.0:7", "http://127.0.0.1:7"),
        ("[::1]:7", "http://[::1]:7"),
        (":7", "http://127.0.0.1:7"),
    ],
)
def test_the_printed_address_can_be_called(bare: Xinshi, listen: str, base: str) -> None:
    ran = bare("sandbox", "--print-config", "--listen", listen)

    assert tomllib.loads(ran.out)["vendors"]["largesms"]["base_url"] == base


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_until_it_is_told_to_end(end: signal.Signals) -> None:
    with subprocess.Popen(
        [*COMMAND, "sandbox", "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        first = process.stdout.readline()
        address = first.split("answer at ")[1].split()[0]
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{address}/nothing", timeout=5)
        caught.value.close()
        told = process.stdout.readline()
        with urllib.request.urlopen(told.split()[-1], timeout=60) as page:
            title = page.read().decode()
        process.send_signal(end)
        _, err = process.communicate(timeout=20)

    assert caught.value.code == 404
    assert told == f"To see what the handsets got, open {address}/\n"
    assert "<title>Xinshi sandbox</title>" in title
    assert (process.returncode, err) == (0, "")


def test_a_port_in_use_is_one_line(bare: Xinshi) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        ran = bare("sandbox", "--listen", f"127.0.0.1:{port}")

    assert ran.code == 1
    assert ran.err == f"xinshi: cannot listen on 127.0.0.1:{port}: the port is in use\n"
