"""No number, text or secret is anywhere but in the values that are meant to hold it; no text in clear.

Everything runs, with messages, replies and secrets that can be recognised, through good and bad
fates; then all that anybody can see is searched for them.
"""

import contextlib
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from producers import Client, Message
from tests.dump import everything
from worker.contract import keys
from worker.contract import settings as reading
from worker.contract.record import Content
from worker.sandbox.accounts import CREDENTIALS
from worker.store.embedded import Server, free_port

from .conftest import SETTLED, Stack
from .test_webhooks import SECRET as SIGNING
from .test_webhooks import Book
from .test_webhooks import settings as webhook

TEXT, PARAM, REPLY = "TEXTMARK7391", "PARAMMARK5508", "REPLYMARK2264"
PASSWORD, NUMBER_KEY, API_KEY = "redis-secret-8842", "number-secret-3307-long", "sandbox-api-key"
TEXT_KEY = "TEXTKEY6650".ljust(43, "k") + "="
SECRETS = {
    *(PASSWORD, NUMBER_KEY, TEXT_KEY, API_KEY, SIGNING),
    *(
        value
        for each in CREDENTIALS.values()
        for name, value in each.items()
        if name in {"secret_key", "password", "appcode", "pwd", "callback_pwd", "app_secret"}
    ),
}
ENDS = (
    *("0001", "0002", "9000", "9004", "9007", "9008", "9010", "9100", "9103", "9105", "9200"),
    *("9300", "9500", "9600", "9700", "9704", "9706"),
)
NUMBERS = [f"1376203{end}" for end in ENDS]
MASKED = "+86137****"

Seen = dict[str, str]


@pytest.fixture
def book() -> Book:
    return Book(free_port())


@pytest.fixture
def stack(tmp_path: Path, book: Book) -> Iterator[Stack]:
    """A stack whose server wants a password, and whose settings hold every kind of secret."""
    with Server() as server:
        with redis.Redis.from_url(server.url) as admin:
            admin.acl_setuser(
                "app", enabled=True, passwords=[f"+{PASSWORD}"], keys=["*"], channels=["*"],
                categories=["+@all"],
            )  # fmt: skip
            admin.config_set("slowlog-log-slower-than", 0)
            admin.config_set("slowlog-max-len", 1)
        url = server.url.replace("://", f"://app:{PASSWORD}@")
        port = free_port()
        extra = f"""
[streams.marketing]
quiet_hours = ""
[worker]
grace = "2s"
[metrics]
listen = "127.0.0.1:{port}"
[privacy]
number_key = "{NUMBER_KEY}"
text_keys = ["{TEXT_KEY}"]
{webhook(book.port)}"""
        made = Stack(tmp_path, server, extra, url=url)
        try:
            with book.open():
                made.start_sandbox()
                yield made
        finally:
            made.close()


def page(url: str, key: str = "") -> str:
    """Return a page, "" while there is none."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.read().decode())
    return ""


def send(stack: Stack) -> list[str]:
    """Send to every number in every form; the keys hold the numbers, as people's keys do."""
    later = datetime.now(UTC) + timedelta(hours=1)
    forms: list[dict[str, object]] = [
        {"text": f"您好 {TEXT}", "stream": "notice"},
        {"template": "notice", "params": {"order": PARAM}, "stream": "notice"},
        {"text": f"大促销 {TEXT}", "stream": "marketing", "account": "chuangxin"},
        {"text": f"以后 {TEXT}", "send_at": later},
    ]
    wanted = [
        {"to": each, "idempotency_key": f"{at}-{each}", **form}
        for at, form in enumerate(forms)
        for each in NUMBERS
    ]
    return stack.client.send_many(wanted)


def command(stack: Stack, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "producers", "--config", str(stack.config), *words],
        capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip
    return done.stdout + done.stderr


def in_redis(raw: "redis.Redis") -> Iterator[tuple[str, str]]:
    """Names of keys, events, and the messages of Celery's queues; no other value."""
    yield "names of keys", "\n".join(each.decode("latin-1") for each in raw.scan_iter("*"))
    yield "events", repr(raw.xrange(keys.EVENTS))
    for name in raw.scan_iter("*"):
        if not name.startswith(keys.PREFIX.encode()):
            kind = raw.type(name)
            if kind == b"list":
                yield f"queue {name!r}", repr(raw.lrange(name, 0, -1))
            elif kind == b"hash":
                yield f"hash {name!r}", repr(raw.hgetall(name))
            elif kind == b"set":
                yield f"set {name!r}", repr(raw.smembers(name))
    for kind in (keys.WEBHOOK_HELD, keys.HEARTBEAT, keys.STATE):
        for name in raw.scan_iter(kind + "*"):
            yield name.decode(), repr(raw.hgetall(name))


def in_reprs(stack: Stack, ids: list[str]) -> Iterator[tuple[str, str]]:
    found = reading.load(stack.config)
    record = stack.records(ids[-1:])[0]
    message = Message(NUMBERS[0], TEXT, params=None)
    client = Client(config=stack.config, redis_url=stack.url)
    says = Content(text=TEXT, params={"order": PARAM})
    things = (found, record, says, message, client, client.explain(ids[0]))
    for each in (*things, client.status(ids[0]), stack.store, client._intake.entry(message)):
        yield f"repr of {type(each).__name__}", f"{each!r} {each!s}"
    client.close()


def in_flower(url: str) -> Iterator[tuple[str, str]]:
    names = json.loads(page(f"{url}/api/workers?refresh=1") or "{}")
    tasks = json.loads(page(f"{url}/api/tasks") or "{}")
    assert names, "Flower knows no worker"
    for path in (
        *("/workers", "/tasks", "/broker", "/metrics", "/api/workers", "/api/tasks"),
        *(f"/worker/{each}" for each in names),
        *(f"/task/{each}" for each in list(tasks)[:20]),
    ):
        yield f"Flower {path}", page(url + path)


def in_commands(stack: Stack, ids: list[str]) -> Iterator[tuple[str, str]]:
    for words in (
        *(["doctor"], ["vendors"], ["balances"], ["dead", "list"], ["inbound"]),
        *(["status", ids[0]], ["explain", ids[0]], ["webhooks", "list"]),
        *(["doctor", "--json"], ["explain", ids[0], "--json"], ["dead", "list", "--json"]),
    ):
        yield f"xinshi {' '.join(words)}", command(stack, *words)


@pytest.mark.system
@pytest.mark.timeout(900)
def test_nothing_that_is_to_stay_inside_is_seen_outside(stack: Stack, book: Book) -> None:
    raw = redis.Redis.from_url(stack.server.url)
    ids = send(stack)
    seen: Seen = {f"before: {name}": said for name, said in in_redis(raw)}
    flower = f"http://127.0.0.1:{free_port()}"
    gateway = stack.gateway.removeprefix("http://")
    stack.ask("/_sandbox/settings", method="PUT", body={"callback": stack.gateway})
    stack.start("flower", FLOWER_PORT=flower.rpartition(":")[2], FLOWER_UNAUTHENTICATED_API="true")
    for name in ("worker", "worker-otp", "beat"):
        stack.start(name)
    stack.start("gateway", GATEWAY_LISTEN=gateway)
    stack.until("the gateway is ready", lambda: page(f"{stack.gateway}/readyz") != "")
    stack.until("what can be is settled", _settled(stack, ids), 300)
    _reply(stack)
    stack.until("there is a dead letter", lambda: raw.zcard(keys.DEAD) > 0, 300)
    stack.until("a reply is there", lambda: raw.xlen(keys.INBOUND) > 0)
    stack.until("Flower is there", lambda: page(f"{flower}/workers") != "")

    for found in (in_redis(raw), in_reprs(stack, ids), in_flower(flower), in_commands(stack, ids)):
        seen |= dict(found)
    seen["metrics of the gateway"] = page(f"{stack.gateway}/metrics")
    seen["metrics of a worker"] = page(f"http://{_listening(stack)}/metrics")
    for path in (f"/v1/messages/{ids[0]}", "/v1/vendors", "/openapi.json", "/healthz"):
        seen[path] = page(stack.gateway + path, API_KEY)
    for log in sorted(stack.folder.glob("*.log")):
        seen[log.name] = log.read_text(errors="replace")
    seen["webhooks"] = repr(book.bodies)
    stored = everything(raw).decode("latin-1")
    raw.close()

    assert [name for name, said in seen.items() if not said] == [], "something was not seen"
    assert {"events", "before: queue b'sms.notice'"} <= seen.keys()
    assert book.bodies, "no webhook was heard"
    assert sum(MASKED in said for said in seen.values()) >= 5, "numbers are shown, masked"
    assert [*_leaks(seen)] == []
    assert NUMBERS[0] in stored, "the values were read"
    assert re.findall(f"{TEXT}|{PARAM}|{REPLY}|{TEXT_KEY}", stored) == []


def _settled(stack: Stack, ids: list[str]) -> Callable[[], bool]:
    now = ids[: 3 * len(NUMBERS)]  # the others are for later

    def look() -> bool:
        waits = [each for each in stack.records(now) if each.status not in SETTLED]
        return all(each.attempts for each in waits) and len(waits) < len(now) / 2

    return look


def _reply(stack: Stack) -> None:
    body = [
        {"number": NUMBERS[at], "text": text, "vendor": account, "account": account}
        for account in ("chuangrui", "tencent")
        for at, text in enumerate((REPLY, "T"))
    ]
    stack.ask("/_sandbox/mo", method="POST", body=body)


def _listening(stack: Stack) -> str:
    listen = reading.load(stack.config).metrics.listen
    assert listen is not None
    return f"{listen[0]}:{listen[1]}"


def _leaks(seen: Seen) -> Iterator[str]:
    """Say what is where it is not to be; the replies are what ``inbound`` shows."""
    secrets = "|".join(re.escape(each) for each in sorted(SECRETS))
    hidden = re.compile(rf"{secrets}|{TEXT}|{PARAM}|{REPLY}|{'|'.join(NUMBERS)}")
    for name, said in seen.items():
        for found in hidden.finditer(said):
            if name == "xinshi inbound" and found[0] == REPLY:
                continue
            begin, end = max(0, found.start() - 60), found.end() + 20
            yield f"{name}: {found[0]} in {said[begin:end]!r}"
            break
