"""What the Python on a page takes for granted, and what is looked at after it ran."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from producers import Client
from producers.testing import Outbox
from worker.contract import signing
from worker.store.client import Store
from worker.store.feed import emit

SECRET = "whsec_c2V0IG1lOiAyNCB0byA2NCByYW5kb20gYnl0ZXM="
Names = dict[str, Any]


class Enough(Exception):  # noqa: N818 - it is no error: a sample that goes on for ever did its part
    """Ends a sample that never ends by itself."""


@dataclass
class Stage:
    """``names``: there before the first sample; ``after``: called with all names after the last."""

    names: Names = field(default_factory=dict)
    after: Callable[[Names], None] = lambda _: None


def events(folder: Path, redis_url: str) -> Stage:
    """One event waits for each of the page's loops, which end with the first."""
    del folder
    seen: list[str] = []
    store = Store(redis_url)
    store.run(emit("delivered", {"id": "m-1", "status": "delivered"}))
    store.close()

    def record(message_id: str, kind: str, at: int) -> None:
        assert at > 0
        seen.append(f"{message_id} {kind}")
        raise Enough

    def check(names: Names) -> None:
        del names
        assert seen == ["m-1 delivered"] * 2

    return Stage({"record": record}, check)


def webhooks(folder: Path, redis_url: str) -> Stage:
    """The receiver is called with a genuine request, and with one that is not."""
    del folder, redis_url
    queued: list[tuple[str, Mapping[str, Any]]] = []
    names: Names = {
        "SECRET": SECRET,
        "Response": SimpleNamespace,
        "first_time": lambda _: True,
        "queue": lambda kind, data: queued.append((kind, data)),
    }

    def check(names: Names) -> None:
        body = b'{"type":"delivered","timestamp":"2025-11-20T04:00:00.250Z","data":{"id":"m-1"}}'
        at = str(int(datetime.now(UTC).timestamp()))
        headers = {
            signing.ID: "evt_1",
            signing.TIMESTAMP: at,
            signing.SIGNATURE: signing.sign(signing.key(SECRET), "evt_1", at, body),
        }
        genuine = SimpleNamespace(body=body, headers=headers)
        forged = SimpleNamespace(body=body + b" ", headers=headers)
        assert names["sms_events"](genuine).status == 204
        assert names["sms_events"](forged).status == 401
        assert queued == [("delivered", {"id": "m-1"})]

    return Stage(names, check)


def web_apps(folder: Path, redis_url: str) -> Stage:
    """Django's client is made, and the page's test is run with a small app."""
    del redis_url
    settings = SimpleNamespace()
    names: Names = {"BASE_DIR": folder, "cache": cache, "Client": Client, "settings": settings}

    def check(names: Names) -> None:
        settings.XINSHI = names["XINSHI"]
        with names["client"]() as client, Outbox() as outbox, outbox.catching():
            names["test_a_login_sends_a_code"](_App(client), outbox)

    return Stage(names, check)


class _App:
    """A web app's test client, as the page's test uses it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def post(self, path: str, given: Mapping[str, str]) -> None:
        assert path == "/codes"
        params = {"code": "482913", "minutes": "5"}
        self._client.send(given["phone"], template="otp", params=params, stream="otp")

    def get(self, path: str) -> Any:
        status = str(self._client.status(path.removeprefix("/codes/")).status)
        return SimpleNamespace(json=lambda: {"status": status})


STAGES: Mapping[str, Callable[[Path, str], Stage]] = {
    "docs/events.md": events,
    "docs/webhooks.md": webhooks,
    "docs/web-apps.md": web_apps,
    "docs/zh/events.md": events,
    "docs/zh/webhooks.md": webhooks,
    "docs/zh/web-apps.md": web_apps,
}
