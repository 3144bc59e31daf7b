"""A master, its replica and real Sentinels that watch over the two, on loopback."""

import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.store.embedded import Server, binary, free_port

SERVICE = "main"
PATIENCE = 90.0  # seconds; reached only by what fails
_ONCE = Retry(NoBackoff(), 0)
_CONFIGURATION = """
port {port}
bind 127.0.0.1
dir {folder}
requirepass {password}
sentinel sentinel-pass {password}
sentinel monitor {service} 127.0.0.1 {master} {quorum}
sentinel down-after-milliseconds {service} 1000
sentinel failover-timeout {service} 5000
"""


class Watched:
    """A pair under Sentinel; a context manager. What the Sentinels ask for is ``PASSWORD``."""

    PASSWORD = "watch-word"

    def __init__(self, folder: Path, *, count: int = 1) -> None:
        self._folder, self._count = folder, count
        self._stack = ExitStack()
        self.ports: list[int] = []

    def __enter__(self) -> Self:
        with self._stack as stack:
            self.master, self.replica = self._serve(), self._serve()
            with redis.Redis.from_url(self.replica.url) as client:
                client.replicaof("127.0.0.1", str(self.master.port))
            until("the replica follows", self._follows)
            self.ports = [self._watch() for _ in range(self._count)]
            until("every Sentinel sees the whole", self._seen)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"sentinel://{hosts}/{SERVICE}/0?sentinel_password={self.PASSWORD}"

    def fail_over(self) -> None:
        """Kill the master, and wait until the Sentinels name the replica."""
        self.master.stop(kill=True)
        until("the replica is promoted", self._promoted)

    def _serve(self) -> Server:
        server = Server().start(patience=PATIENCE)
        self._stack.callback(server.stop, kill=True)
        with redis.Redis.from_url(server.url) as client:
            client.config_set("repl-diskless-sync-delay", 0)
        return server

    def _watch(self) -> int:
        port = free_port()
        file = self._folder / f"sentinel-{port}.conf"
        file.write_text(
            _CONFIGURATION.format(
                port=port,
                folder=self._folder,
                password=self.PASSWORD,
                service=SERVICE,
                master=self.master.port,
                quorum=self._count // 2 + 1,
            )
        )
        process = subprocess.Popen(
            [binary(), str(file), "--sentinel"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return port

    def _follows(self) -> bool:
        with redis.Redis.from_url(self.replica.url) as client:
            return bool(client.info("replication")["master_link_status"] == "up")

    def _seen(self) -> bool:
        return all(self._sees(port) for port in self.ports)

    def _sees(self, port: int) -> bool:
        with redis.Redis(port=port, password=self.PASSWORD, retry=_ONCE) as client:
            state: dict[str, Any] = client.sentinel_masters()[SERVICE]
        others = int(state["num-other-sentinels"])
        return int(state["num-slaves"]) == 1 and others == self._count - 1

    def _promoted(self) -> bool:
        def named(port: int) -> bool:
            with redis.Redis(port=port, password=self.PASSWORD, retry=_ONCE) as client:
                _, found = client.sentinel_get_master_addr_by_name(SERVICE)
                return bool(found == self.replica.port)

        with redis.Redis.from_url(self.replica.url) as client:
            leads = client.info("replication")["role"] == "master"
        return bool(leads) and all(named(port) for port in self.ports)


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait for a condition; an answer that does not come yet is a no."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if condition():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)
