"""Flower beside a running system: what it shows of streams and counts, and what it must not show."""

import base64
import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from worker.contract.jobs import Task
from worker.store.embedded import free_port

from .conftest import Stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

LOGIN = "admin:of-flower-alone"
PASSWORD = "P4ssw0rd-of-Redis"
TEXT = "机密：密码 hunter2"
PAGES = ("/", "/workers", "/tasks", "/broker", "/metrics", "/api/queues/length", "/api/task/types")


_CREDENTIALS = {"secret_key", "password", "pwd", "app_secret", "appcode", "callback_pwd"}


class Flower:
    """One Flower, asked as a person would."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path: str, login: str = LOGIN) -> str:
        request = urllib.request.Request(self.url + path)
        if login:
            known = base64.b64encode(login.encode()).decode()
            request.add_header("Authorization", f"Basic {known}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            text: str = answer.read().decode()
        return text

    def tasks(self, name: str) -> dict[str, dict[str, Any]]:
        """Tasks of a name that ended well, by their ids."""
        found: dict[str, dict[str, Any]] = json.loads(self.get(f"/api/tasks?taskname={name}"))
        return {each: task for each, task in found.items() if task["state"] == "SUCCESS"}

    def workers(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("/api/workers?refresh=1"))
        return found

    def answers(self) -> bool:
        try:
            self.get("/healthcheck")
        except OSError:
            return False
        return True


def _credentials(stack: Stack) -> set[str]:
    accounts = stack.client.settings.vendors.values()
    return {
        str(account.options[key])
        for account in accounts
        for key in _CREDENTIALS & account.options.keys()
    }


def test_flower_shows_streams_and_counts_and_nothing_that_is_secret(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    # Its server asks for no password, and takes any: this one is in everybody's settings.
    stack.url = stack.server.url.replace("redis://", f"redis://default:{PASSWORD}@")
    flower = Flower(free_port())
    stack.start("flower", FLOWER_PORT=flower.url.rpartition(":")[2], FLOWER_BASIC_AUTH=LOGIN)
    stack.until("Flower answers", flower.answers)
    for name in ("worker-otp", "worker", "beat"):
        stack.start(name)
    stack.until("Flower knows both workers", lambda: len(flower.workers()) == 2)

    ids = stack.send(5, text=TEXT)
    code = {"code": "482913", "minutes": "5"}
    ids += stack.send(3, first=100, text=None, template="otp", params=code, stream="otp")
    stack.until("all are submitted", stack.submitted(ids))

    def counted() -> Counter[str]:
        found: Counter[str] = Counter()
        for task in flower.tasks(Task.SUBMIT).values():
            found[task["args"]] += int(task["result"])
        return found

    stack.until("Flower counts notices", lambda: counted()["('notice',)"] == 5)
    # Whoever hears the bell takes the codes, and that is no task: the ring may find nothing left.
    stack.until("Flower sees the codes' ring", lambda: "('otp',)" in counted())
    assert counted()["('otp',)"] <= 3
    stack.until("beat's ticks are seen", lambda: bool(flower.tasks(Task.SWEEP)))

    rings = flower.tasks(Task.SUBMIT)
    workers = flower.workers()
    paths = [*PAGES, "/api/tasks", "/api/workers", *(f"/worker/{name}" for name in workers)]
    paths += [f"/task/{each}" for each in rings] + [f"/api/task/info/{each}" for each in rings]
    shown = {path: flower.get(path) for path in paths}
    secrets = {PASSWORD, "hunter2", "机密", "482913", *ids, *_credentials(stack)}
    for record in stack.records(ids):
        secrets.add(record.to.removeprefix("+86"))
    for path, text in shown.items():
        assert not [each for each in secrets if each in text or json.dumps(each)[1:-1] in text], (
            path
        )
    assert "********" in shown["/api/workers"], "the address of the server, without its password"

    for path in ("/", "/api/tasks"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            flower.get(path, login="")
        with refused.value as answer:
            assert answer.code == 401
