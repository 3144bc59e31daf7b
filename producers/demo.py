"""The demo: everything real on loopback. One message through each vendor, then a burst.

It starts a Redis-protocol server of its own (or uses XINSHI_REDIS_URL), the sandbox that plays
the vendors, a worker and beat; sends; shows what becomes of it; counts at the handsets.
"""

import contextlib
import json
import secrets
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from producers.client import Client
from producers.processes import ProcessError, Processes, reachable
from worker.contract import settings
from worker.contract.errors import StoreError
from worker.contract.jobs import TICKS, queue
from worker.contract.keys import WAITING, ready
from worker.contract.message import Message
from worker.contract.record import Record
from worker.contract.status import FINAL, Status, Stream
from worker.sandbox import example_config
from worker.store import acts
from worker.store.client import Store
from worker.store.embedded import Server, free_port

_ACCOUNTS = ("tencent", "chuangrui", "zhenzi", "chuangxin", "largesms")
_SETTLED = FINAL | {Status.SUBMITTED, Status.UNKNOWN}
_TAKEN = {Status.SUBMITTED, Status.DELIVERED}  # a polled report may be here before we count
_NUMBERS = 9000 * 9999  # that a prefix has for the demo
_PATIENCE = 60.0  # seconds for the burst, on a machine that does other things too


@dataclass(frozen=True, slots=True)
class _Places:
    """Where things are while the demo runs."""

    redis_url: str
    sandbox: str
    config: Path
    folder: Path
    gateway: str
    flower: str


def run(*, keep: bool = False, burst: int = 1000) -> int:
    """Run the demo; returns the exit code: 0 when every handset got its message once."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="xinshi-demo-") as name, _server() as redis_url:
        folder = Path(name)
        sandbox, gateway, flower = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
        config = folder / "xinshi.toml"
        config.touch(mode=0o600)
        config.write_text(example_config(sandbox, redis_url), encoding="utf-8")
        places = _Places(redis_url, sandbox, config, folder, gateway, flower)
        with Processes(folder) as processes:
            started = time.monotonic()
            _start(processes, places, keep=keep)
            console.print(f"Redis, sandbox, worker and beat run ({_since(started)}).")
            code = _show(console, processes, places, burst)
            if keep:
                _keep(console, processes, places)
    return code


@contextlib.contextmanager
def _server() -> Iterator[str]:
    """The server that the environment names, if it is free of other work; else one of our own."""
    named = settings.redis_from_environment()
    if named is None:
        with Server() as server:
            yield server.url
        return
    store = Store(named)
    try:
        store.run(acts.find(["-"]))  # says clearly that it is not there
        if any(store.redis.exists(key) for key in (WAITING, *map(ready, Stream))):
            raise StoreError(
                "XINSHI_REDIS_URL has messages that wait, and the demo's worker would take them; "
                "name another database"
            )
        yield named
    finally:
        store.close()


def _start(processes: Processes, places: _Places, *, keep: bool) -> None:
    env = {"XINSHI_CONFIG": str(places.config), "XINSHI_REDIS_URL": places.redis_url}
    celery = ("celery", "-A", "worker.app")
    listen = places.sandbox.removeprefix("http://")
    pushes = ("--callback", places.gateway) if keep else ()
    processes.start("sandbox", "producers", "sandbox", "--listen", listen, *pushes, **env)
    queues = ",".join([*(queue(stream) for stream in Stream), TICKS])
    worker = (*celery, "worker", "-l", "INFO", "-Q", queues, "-n", "demo@%h")
    processes.start("worker", *worker, **env)
    processes.start("beat", *celery, "beat", "-l", "INFO", **env)
    if keep:
        flower = ("flower", "--address=127.0.0.1", f"--port={places.flower.rpartition(':')[2]}")
        processes.start("flower", *celery, *flower, **env)
        gateway = ("gateway", "--listen", places.gateway.removeprefix("http://"))
        processes.start("gateway", "producers", *gateway, **env)
        processes.wait_for("the gateway", lambda: reachable(places.gateway + "/healthz"))
    processes.wait_for("the sandbox", lambda: reachable(places.sandbox + "/_sandbox"))
    log = processes.log("worker")
    processes.wait_for(
        "the worker", lambda: "demo@" in log.read_text() and "ready" in log.read_text()
    )


def _show(console: Console, processes: Processes, places: _Places, burst: int) -> int:
    with Client(config=places.config, redis_url=places.redis_url) as client:
        store = Store(places.redis_url)
        begun = time.monotonic()
        first_number = secrets.randbelow(_NUMBERS - burst)  # no number twice, in a second demo too
        ones = client.send_many([_one(name, first_number) for name in _ACCOUNTS])
        first = _watch(console, processes, store, dict.fromkeys(ones), "one through each vendor")
        console.print(f"\nOne message through each of the five vendors: {_since(begun)}.\n")
        begun = time.monotonic()
        ids = client.send_many([_burst(place, first_number) for place in range(burst)])
        accepted = time.monotonic() - begun
        second = _watch(console, processes, store, dict.fromkeys(ids), f"a burst of {burst}")
        took = time.monotonic() - begun
        store.close()
    console.print(
        f"\n{burst} messages accepted in {accepted:.2f} s, "
        f"all with their vendors after {took:.2f} s."
    )
    return _count(console, places, {**first, **second})


def _number(prefix: str, place: int) -> str:
    """Return a number to whose last four digits, 0000 to 8999, the sandbox delivers."""
    return f"{prefix}{place // 9000:04d}{place % 9000:04d}"


def _one(account: str, first: int) -> Message:
    number = _number("138", first + _ACCOUNTS.index(account))
    if account == "largesms":
        params = {"code": "482913", "minutes": "5"}
        return Message(number, template="otp", params=params, stream="otp", account=account)
    return Message(number, "您的订单已发货，请注意查收", account=account)


def _burst(place: int, first: int) -> Message:
    """Spread a burst over the vendors and over numbers, one message each."""
    account, number = _ACCOUNTS[place % len(_ACCOUNTS)], _number("139", first + place)
    if account == "largesms":
        return Message(number, template="notice", params={"order": str(place)}, account=account)
    return Message(number, f"您的订单{place}已发货，请注意查收", account=account)


def _watch(
    console: Console,
    processes: Processes,
    store: Store,
    found: dict[str, Record | None],
    title: str,
) -> dict[str, Record | None]:
    """Show a live table until every message is settled."""
    end = time.monotonic() + _PATIENCE
    ids = list(found)
    with Live(_table(title, []), console=console, refresh_per_second=8) as live:
        while True:
            answers = store.run(acts.find(ids))
            found = dict(zip(ids, answers, strict=True))
            records = [record for record in answers if record is not None]
            live.update(_table(title, records))
            if all(record.status in _SETTLED for record in records):
                return found
            if time.monotonic() > end:
                raise ProcessError(f"{title}: not settled after {_PATIENCE:.0f} s")
            processes.check()
            time.sleep(0.1)


def _table(title: str, records: Sequence[Record]) -> Table:
    counts = Counter((record.account or record.pin, record.status) for record in records)
    statuses = [each for each in Status if any(status is each for _, status in counts)]
    table = Table(title=title, title_justify="left")
    table.add_column("account")
    for status in statuses:
        table.add_column(str(status), justify="right")
    for account in _ACCOUNTS:
        table.add_row(account, *(str(counts[account, status] or "") for status in statuses))
    return table


def _count(console: Console, places: _Places, found: Mapping[str, Record | None]) -> int:
    """Compare our statuses with what the sandbox's handsets got."""
    counts = places.sandbox + "/_sandbox/counts"
    with urllib.request.urlopen(counts, timeout=10) as answer:  # noqa: S310 - loopback, our own
        got: dict[str, int] = json.load(answer)["numbers"]
    taken = [each for each in found.values() if each and each.status in _TAKEN]
    once = sum(1 for record in taken if got.get(record.to[3:]) == 1)
    doubled = sum(1 for count in got.values() if count > 1)
    console.print(
        f"Handsets: {once} of {len(found)} got their message exactly once, {doubled} got it twice."
    )
    return 0 if once == len(found) and not doubled else 1


def _keep(console: Console, processes: Processes, places: _Places) -> None:
    command = Path(sys.argv[0]).resolve()
    console.print(
        f"""
Everything keeps running; Ctrl-C ends it.

  config    {places.config}
  Redis     {places.redis_url}
  sandbox   {places.sandbox}/   (a page: what each handset got)
  gateway   {places.gateway}   (API key: sandbox-api-key)
  Flower    {places.flower}
  logs      {places.folder}/*.log

In another terminal:

  export XINSHI_CONFIG={places.config}
  {command} send 13800138000 --text 您好,您的订单已发货 --wait 5
  {command} explain ID
""",
        highlight=False,
        soft_wrap=True,
    )
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            processes.check()
            time.sleep(1)


def _since(begun: float) -> str:
    return f"{time.monotonic() - begun:.1f} s"
