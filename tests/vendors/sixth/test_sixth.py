"""An adapter that is not in this project: named in the settings, it does what the others do."""

import contextlib
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from producers import Client
from producers.processes import Processes, reachable
from tests.vendors.sixth.adapter import Adapter
from worker import vendors
from worker.contract.errors import SettingsError
from worker.contract.settings import Account
from worker.store.embedded import Server, free_port

HERE = "tests.vendors.sixth.adapter"
PATIENCE = 90.0  # seconds; a machine with two busy cores needs a few


def test_an_account_may_name_an_adapter_from_elsewhere() -> None:
    account = Account(adapter=f"{HERE}:Adapter", options={"user": "u", "key": "k"})

    assert type(vendors.load("sixth", account)) is Adapter


@pytest.mark.parametrize(
    ("adapter", "rule"),
    [
        ("sixth", "unknown adapter 'sixth'; there are chuangrui, "),
        ("no.such.module:Adapter", "cannot import 'no.such.module': ModuleNotFoundError"),
        (":Adapter", "cannot import ''"),
        (f"{HERE}:", "is not a subclass of worker.vendors.base.Vendor"),
        (f"{HERE}:Nothing", "Nothing is not a subclass"),
        (f"{HERE}:UNLISTED", "UNLISTED is not a subclass"),
        (f"{HERE}:Pushed", "Pushed is not a subclass of worker.vendors.base.Vendor that has"),
    ],
)
def test_one_that_is_none_is_an_error_that_names_the_account(adapter: str, rule: str) -> None:
    with pytest.raises(SettingsError) as raised:
        vendors.load("mine", Account(adapter=adapter))

    assert raised.value.key == "vendors.mine.adapter"
    assert rule in str(raised.value)
    assert "\n" not in str(raised.value)


@contextlib.contextmanager
def playing() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Sixth's side on loopback: its address, and the messages that it took."""
    took: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = dict(urllib.parse.parse_qsl(body))
            right = (form.pop("user", ""), form.pop("key", "")) == ("me", "secret")
            answer: dict[str, object] = {"code": 0} if right else {"code": 1}
            if right and self.path == "/v1/send":
                took.append(form)
                answer["id"] = f"S-{len(took)}"
            if right and self.path == "/v1/balance":
                answer["left"] = 537
            said = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *args: object) -> None:
            del args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", took
        server.shutdown()


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)


@pytest.mark.system
@pytest.mark.timeout(400)
def test_a_real_worker_sends_by_it_and_its_report_comes_back(tmp_path: Path) -> None:
    config = tmp_path / "xinshi.toml"
    config.touch(mode=0o600)
    gateway = f"http://127.0.0.1:{free_port()}"
    with playing() as (address, took), Server() as server, Processes(tmp_path) as processes:
        config.write_text(f"""
redis_url = "{server.url}"
[vendors.sixth]
adapter = "{HERE}:Adapter"
base_url = "{address}"
user = "me"
key = "secret"
callback_token = "token-of-ours"
[defaults]
signature = "信使"
""")
        env = {"XINSHI_CONFIG": str(config)}
        celery = ("celery", "-A", "worker.app", "worker", "--pool", "threads")
        processes.start("worker", *celery, "-Q", "sms.notice,sms.ticks", **env)
        processes.start(
            "gateway", "producers", "gateway", "--listen", gateway.removeprefix("http://"), **env
        )
        processes.start("beat", "celery", "-A", "worker.app", "beat", **env)
        until(lambda: reachable(gateway + "/healthz"), "the gateway runs")
        with Client(config=config) as client:
            sent = client.send("13800138000", "您的订单已发货")
            until(lambda: client.status(sent).status == "submitted", "it is submitted")
            assert client.status(sent).vendor_message_id == "S-1"
            assert took == [{"to": "13800138000", "text": "【信使】您的订单已发货", "ref": sent}]
            report = {"id": "S-1", "to": "13800138000", "state": "arrived"}
            body = urllib.parse.urlencode(report).encode()
            push = f"{gateway}/callbacks/sixth/report?token=token-of-ours"
            with urllib.request.urlopen(push, body, timeout=PATIENCE) as answer:
                assert answer.read() == b"ok"
            until(lambda: client.status(sent).status == "delivered", "its report is read")
        assert len(took) == 1
