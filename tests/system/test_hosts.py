"""Several hosts, one server: each host is a network namespace, its cable a veth pair.

Addresses are those inside namespaces that a test makes itself, and nothing leaves them. Needs root
and the ip command; skipped elsewhere.
"""

import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from producers import Client
from worker.contract.errors import StoreError
from worker.contract.status import Status
from worker.store import presence
from worker.store.embedded import Server, binary

from .conftest import Stack, figures

CENTRE = "10.231.0.1"  # where the server and the vendors are
REDIS, SANDBOX = 6379, 9100
SETTINGS = """
[worker]
grace = "2s"
in_flight = 96

[vendors.chuangxin.timeouts]
connect = 1.0
total = 3.0

[vendors.zhenzi.timeouts]
connect = 1.0
total = 3.0
"""
ASK = """
import sys, urllib.request
address, method, body = sys.argv[1:]
request = urllib.request.Request(address, method=method, data=body.encode() or None,
                                 headers={"Content-Type": "application/json"})
with urllib.request.urlopen(request, timeout=20) as answer:
    print(answer.read().decode())
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=60)


class Network:
    """A centre and hosts around it, each with one cable to the centre."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self._mark = f"xs{os.getpid() % 100_000}"
        self._made: list[str] = []
        self.hosts = hosts

    def __enter__(self) -> Self:
        self._add("centre")
        ip("-n", self.name("centre"), "addr", "add", f"{CENTRE}/32", "dev", "lo")
        for place, host in enumerate(self.hosts, 1):
            self._add(host)
            near, far = self.cable(host), f"{self.cable(host)}p"
            ends = ("type", "veth", "peer", "name", far, "netns", self.name(host))
            ip("-n", self.name("centre"), "link", "add", near, *ends)
            for each, end, own in (("centre", near, 1), (host, far, 2)):
                ip("-n", self.name(each), "addr", "add", f"10.231.{place}.{own}/24", "dev", end)
                ip("-n", self.name(each), "link", "set", end, "up")
            self._route(host, place)
        return self

    def _route(self, host: str, place: int) -> None:
        ip("-n", self.name(host), "route", "replace", f"{CENTRE}/32", "via", f"10.231.{place}.1")

    def _add(self, name: str) -> None:
        ip("netns", "add", self.name(name))
        self._made.append(self.name(name))
        ip("-n", self.name(name), "link", "set", "lo", "up")

    def name(self, host: str) -> str:
        return f"{self._mark}{host}"

    def cable(self, host: str) -> str:
        return f"{self._mark}{host[-1]}"

    def cut(self, host: str) -> None:
        """Pull the cable: no packet passes, and nobody is told."""
        ip("-n", self.name("centre"), "link", "set", self.cable(host), "down")

    def mend(self, host: str) -> None:
        ip("-n", self.name("centre"), "link", "set", self.cable(host), "up")
        self._route(host, list(self.hosts).index(host) + 1)

    def inside(self, host: str) -> list[str]:
        return ["ip", "netns", "exec", self.name(host)]

    def __exit__(self, *_: object) -> None:
        for each in reversed(self._made):
            with contextlib.suppress(subprocess.SubprocessError):
                ip("netns", "del", each)


class Hosts(Stack):
    """The server, beat and the vendors in the centre, a worker on each host.

    Files are shared by all: the test itself talks to the server by its socket.
    """

    def __init__(self, folder: Path, network: Network) -> None:
        self.network = network
        self.socket = f"unix://{folder}/redis.sock"
        super().__init__(folder, Server(), SETTINGS, url=self.socket)
        self.sandbox = f"http://{CENTRE}:{SANDBOX}"
        text = self.config.read_text().replace(self.socket, f"redis://{CENTRE}:{REDIS}/0")
        self.config.write_text(re.sub(r"http://127\.0\.0\.1:\d+", self.sandbox, text))
        self.client.close()
        self.client = Client(self.socket, self.config)

    def start_server(self) -> None:
        keep = "--appendonly yes --appendfsync no --save '' --maxmemory-policy noeviction"
        listen = f"--bind 0.0.0.0 --protected-mode no --port {REDIS}"
        listen += f" --unixsocket {self.folder}/redis.sock --dir {self.folder}"
        self.on("centre", "server", f"{binary()} {listen} {keep}")
        self.until("the server answers", self._answers)

    def _answers(self) -> bool:
        try:
            self.store.command("PING")
        except StoreError:
            return False
        return True

    def on(self, host: str, name: str, line: str, **env: str) -> subprocess.Popen[bytes]:
        """Start something on a host."""
        env = {"XINSHI_REDIS_URL": f"redis://{CENTRE}:{REDIS}/0", **env}
        return self._start(name, " ".join([*self.network.inside(host), line]), **env)

    def worker(self, host: str) -> subprocess.Popen[bytes]:
        line = self._lines["worker"].replace("bulk@%h", f"{host}@%h")
        return self.on(host, f"worker-{host}", line)

    def alive(self) -> set[str]:
        """The hosts whose workers beat."""
        found = self.store.run(presence.workers()).alive
        return {each.name.partition("@")[0] for each in found}

    def ask(self, path: str, *, method: str = "GET", body: object = None) -> Any:
        said = json.dumps(body) if body is not None else ""
        command = [sys.executable, "-c", ASK, self.sandbox + path, method, said]
        found = subprocess.run(
            [*self.network.inside("centre"), *command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if found.returncode:
            raise OSError(found.stderr[-200:])
        return json.loads(found.stdout)


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    if shutil.which("ip") is None:
        pytest.skip("needs the ip command")
    with contextlib.ExitStack() as open_:
        try:
            network = open_.enter_context(Network(["host1", "host2"]))
        except (subprocess.CalledProcessError, PermissionError):
            pytest.skip("network namespaces are not permitted here")
        stack = Hosts(tmp_path, network)
        open_.callback(stack.close)
        stack.start_server()
        listen = f"{CENTRE}:{SANDBOX}"
        stack.on("centre", "sandbox", f"xinshi sandbox --listen {listen}")
        stack.until("the sandbox answers", stack._sandbox_answers)
        stack.on("centre", "beat", stack._lines["beat"])
        yield stack


@pytest.mark.hosts
@pytest.mark.system
@pytest.mark.timeout(420)
def test_a_host_that_is_cut_off_under_load_loses_and_doubles_nothing(hosts: Hosts) -> None:
    hosts.ask("/_sandbox/settings", method="PUT", body={"latency": 0.3})
    workers = {host: hosts.worker(host) for host in hosts.network.hosts}
    hosts.until("both hosts serve", lambda: hosts.alive() == {"host1", "host2"})
    ids = hosts.send(1500, account="chuangxin") + hosts.send(500, first=2000, account="zhenzi")
    hosts.more_taken(200)
    hosts.network.cut("host1")
    hosts.until("the other host has done the rest", hosts.settled(ids), patience=180)
    assert workers["host1"].poll() is None, "it waits for its network"

    hosts.network.mend("host1")
    hosts.until("it is back", lambda: "host1" in hosts.alive(), patience=180)
    hosts.until("late answers are in", hosts.settled(ids))
    figures(f"one of two hosts was cut off: {dict(hosts.true_states(ids))}")

    hosts.stop(workers["host2"])
    alone = hosts.send(50, first=5000, account="chuangxin")
    hosts.until("it works on alone", hosts.submitted(alone), patience=180)


@pytest.mark.hosts
@pytest.mark.system
@pytest.mark.timeout(420)
def test_cables_that_fail_again_and_again_lose_and_double_nothing(hosts: Hosts) -> None:
    """A cable that is pulled for a moment: connections live through it, or break."""
    hosts.ask("/_sandbox/settings", method="PUT", body={"latency": 0.2})
    chance = random.Random(7)
    for host in hosts.network.hosts:
        hosts.worker(host)
    hosts.until("both hosts serve", lambda: hosts.alive() == {"host1", "host2"})
    ids = []
    for turn in range(6):
        ids += hosts.send(200, first=turn * 200, account=("chuangxin", "zhenzi")[turn % 2])
        host = chance.choice(hosts.network.hosts)
        time.sleep(chance.random())
        hosts.network.cut(host)
        time.sleep(chance.choice([0.2, 1.5, 4.0]))
        hosts.network.mend(host)
    hosts.until("all are settled", hosts.settled(ids), patience=240)
    counts = hosts.true_states(ids)
    figures(f"six cuts of some seconds: {dict(counts)}")
    assert counts[Status.UNKNOWN] < len(ids) / 2
