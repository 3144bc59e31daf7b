"""``xinshi webhooks`` and what the doctor says of endpoints."""

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis

from producers import webhooks as receiving
from worker.contract import keys
from worker.store import webhooks
from worker.store.client import Store
from worker.store.lease import lease

Xinshi = Callable[..., Any]
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


class Endpoint(ThreadingHTTPServer):
    """A web app on loopback; ``answer`` is its next status."""

    answer = 204

    def __init__(self) -> None:
        self.came: list[tuple[bytes, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/sms?token=hidden"


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append((body, dict(self.headers.items())))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join(30)


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    found = Store(redis_url, timeout=10.0)
    yield found
    found.close()


@pytest.fixture
def run(bare: Xinshi, endpoint: Endpoint, redis_url: str, tmp_path: Path) -> Xinshi:
    """Run the command with one endpoint in the settings, or with another secret or none."""

    def call(*args: str, secret: str = SECRET, none: bool = False) -> Any:
        path = tmp_path / "webhooks.toml"
        table = (
            f'[webhooks.app]\nurl = "{endpoint.url}"\nsecret = "{secret}"\nallow_private = true\n'
        )
        path.write_text(f'redis_url = "{redis_url}"\n' + ("" if none else table))
        return bare("--config", str(path), *args)

    return call


def fail(store: Store, times: int = 1, **more: Any) -> None:
    """Let so many events fail at the endpoint."""
    store.run(webhooks.hold("app", [(f"{number}-0", b"{}") for number in range(times)]))
    found = store.run(webhooks.due("app", times, busy=0, hidden=20, settings="any")).events
    assert len(found) == times
    for each in found:
        store.run(webhooks.missed("app", each, wait=3600, began=2**45, reason="HTTP 500", **more))


def test_a_new_endpoint_is_shown_without_its_secrets(run: Xinshi, endpoint: Endpoint) -> None:
    shown, lines = run("webhooks"), run("webhooks", "--json").lines

    assert shown.code == 0
    assert shown.out.split()[:3] == ["app", endpoint.url.removesuffix("/sms?token=hidden"), "new"]
    (found,) = lines
    assert (found["name"], found["state"], found["served"]) == ("app", "new", False)
    assert found["waiting"] == found["delivered"] == found["dropped"] == 0
    for hidden in ("hidden", SECRET):
        assert hidden not in shown.out + json.dumps(lines)


def test_without_endpoints_it_says_so(run: Xinshi) -> None:
    ran = run("webhooks", none=True)

    assert (ran.code, ran.out) == (0, "")
    assert "no [webhooks.NAME] in the settings" in ran.err


def test_an_endpoint_that_rests_says_until_when_and_why(run: Xinshi, store: Store) -> None:
    fail(store, 5)

    (found,) = run("webhooks", "--json").lines

    assert (found["state"], found["failed"], found["waiting"]) == ("resting", 5, 5)
    assert found["reason"] == "HTTP 500"
    assert found["rest_until"] > found["last_failure"]


def test_a_ping_is_posted_now_and_signed(run: Xinshi, endpoint: Endpoint) -> None:
    ran = run("webhooks", "test", "app")

    assert (ran.code, ran.err) == (0, "")
    assert "took it: HTTP 204 in " in ran.out
    ((body, headers),) = endpoint.came
    found = receiving.verify(body, headers, SECRET)
    assert (found.type, found.data) == ("ping", {})
    assert found.id.startswith("evt_ping_")
    assert "hidden" not in ran.out


def test_a_ping_that_is_not_taken_is_a_failure(run: Xinshi, endpoint: Endpoint) -> None:
    endpoint.answer = 500

    ran, as_json = run("webhooks", "test", "app"), run("webhooks", "test", "app", "--json")

    assert (ran.code, ran.out, ran.err) == (1, "", "xinshi: app: HTTP 500\n")
    assert as_json.code == 1
    (found,) = as_json.lines
    assert (found["took"], found["status"], found["error"]) == (False, 500, "HTTP 500")


def test_an_endpoint_that_wanted_no_more_is_resumed(run: Xinshi, store: Store) -> None:
    fail(store, gone=True)
    assert run("webhooks", "--json").lines[0]["state"] == "gone"

    ran = run("webhooks", "resume", "app")

    assert (ran.code, ran.err) == (0, "")
    assert "it is posted to again; 1 events" in ran.out
    assert run("webhooks", "--json").lines[0]["state"] == "ok"
    assert run("webhooks", "resume", "app", "--json").lines == [
        {"name": "app", "rested": False, "sooner": 0}
    ]


@pytest.mark.parametrize("what", ["test", "resume"])
def test_an_endpoint_that_there_is_not_is_bad_usage(run: Xinshi, what: str) -> None:
    ran = run("webhooks", what, "other")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "xinshi: no [webhooks.other] in the settings; there are: app\n"


@pytest.mark.parametrize("args", [(), ("resume", "app")])
def test_without_redis_it_fails_on_one_line(
    bare: Xinshi, tmp_path: Path, args: tuple[str, ...]
) -> None:
    path = tmp_path / "away.toml"
    path.write_text(
        'redis_url = "redis://127.0.0.1:1/0"\n'
        f'[webhooks.app]\nurl = "https://a.example.com"\nsecret = "{SECRET}"\n'
    )

    ran = bare("--config", str(path), "webhooks", *args)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "xinshi: Redis cannot be reached; is it running at redis_url?\n"


def test_without_the_workers_packages_it_says_what_to_install(run: Xinshi, tmp_path: Path) -> None:
    run("webhooks")
    path = tmp_path / "webhooks.toml"
    code = (
        "import sys; sys.modules['aiohttp'] = None; from producers.cli import run; "
        f"sys.exit(run(['--config', {str(path)!r}, 'webhooks', 'test', 'app']))"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == (
        "xinshi: posting to an endpoint needs aiohttp: pip install 'xinshi[worker]'\n"
    )


def doctor(run: Xinshi, **more: Any) -> Any:
    """What the doctor says of the endpoint: verdict, what was found, and advice."""
    (found,) = run("doctor", "--json", **more).lines
    return next(each for each in found["checks"] if each["check"] == "webhook app")


def serve(store: Store) -> None:
    assert store.run(lease(keys.WEBHOOK_LEASE + "app", "somebody", 60))


def test_the_doctor_finds_nothing_wrong_with_an_endpoint_that_is_well(
    run: Xinshi, store: Store
) -> None:
    serve(store)

    assert doctor(run)["verdict"] == "ok"


def test_the_doctor_says_that_nobody_posts(run: Xinshi) -> None:
    found = doctor(run)

    assert found["verdict"] == "warning"
    assert found["found"].startswith("nobody posts to it")
    assert "beat" in found["advice"]


def test_the_doctor_says_that_an_endpoint_rests_or_is_gone(run: Xinshi, store: Store) -> None:
    serve(store)
    fail(store, 5)
    rests = doctor(run)
    store.run(webhooks.resume("app"))
    fail(store, gone=True)
    gone = doctor(run)

    assert rests["found"].startswith("rests until ")
    assert "HTTP 500; 5 events wait" in rests["found"]
    assert "wants no more since" in gone["found"]
    assert gone["advice"].endswith("xinshi webhooks resume app")


def test_the_doctor_says_what_was_lost(run: Xinshi, store: Store) -> None:
    serve(store)
    store.run(webhooks.hold("app", [(f"{number}-0", b"{}") for number in range(30)], most=10))

    found = doctor(run)

    assert (found["verdict"], found["found"][:24]) == ("warning", "20 dropped, 0 given up, ")


def test_the_doctor_says_that_an_endpoint_is_too_slow(
    run: Xinshi, store: Store, raw: "redis.Redis"
) -> None:
    serve(store)
    store.run(webhooks.hold("app", [("1-0", b"{}")]))
    raw.zincrby(keys.WEBHOOK_DUE + "app", -600_000, "1-0")

    assert "the first due 10 min ago" in doctor(run)["found"]


def test_the_doctor_minds_a_secret_in_a_file_that_everyone_may_read(
    run: Xinshi, tmp_path: Path
) -> None:
    run("webhooks")
    (tmp_path / "webhooks.toml").chmod(0o644)

    (found,) = run("doctor", "--json").lines

    assert any(each["check"] == "file mode" for each in found["checks"])


def test_the_doctor_knows_the_examples_secret(run: Xinshi) -> None:
    found = doctor(run, secret="whsec_c2V0IG1lOiAyNCB0byA2NCByYW5kb20gYnl0ZXM=")

    assert (found["verdict"], found["found"]) == ("error", "its secret is the example's")
