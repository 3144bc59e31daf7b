"""The three example apps behind one face, each asked by its framework's own test client."""

import base64
import importlib
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Protocol

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SECRET = "whsec_" + base64.b64encode(b"for the tests of the examples").decode()


@dataclass(frozen=True)
class Said:
    status: int
    json: Any


class Site(Protocol):
    """One app: what a login page, a browser and Xinshi ask of it."""

    def login(self, **fields: str) -> Said: ...

    def get(self, path: str) -> Said: ...

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Said: ...


@dataclass(frozen=True)
class Flask:
    client: Any

    def login(self, **fields: str) -> Said:
        answer = self.client.post("/codes", data=fields)
        return Said(answer.status_code, answer.get_json(silent=True))

    def get(self, path: str) -> Said:
        answer = self.client.get(path)
        return Said(answer.status_code, answer.get_json(silent=True))

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Said:
        answer = self.client.post(path, data=body, headers=dict(headers))
        return Said(answer.status_code, answer.get_json(silent=True))


@dataclass(frozen=True)
class FastAPI:
    client: Any

    def login(self, **fields: str) -> Said:
        return self._said(self.client.post("/codes", json=fields))

    def get(self, path: str) -> Said:
        return self._said(self.client.get(path))

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Said:
        return self._said(self.client.post(path, content=body, headers=dict(headers)))

    def _said(self, answer: Any) -> Said:
        return Said(answer.status_code, answer.json() if answer.content else None)


@dataclass(frozen=True)
class Django:
    client: Any

    def login(self, **fields: str) -> Said:
        return self._said(self.client.post("/codes", fields))

    def get(self, path: str) -> Said:
        return self._said(self.client.get(path))

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Said:
        kind = headers["Content-Type"]
        return self._said(
            self.client.post(path, data=body, content_type=kind, headers=dict(headers))
        )

    def _said(self, answer: Any) -> Said:
        return Said(answer.status_code, answer.json() if answer.content else None)


def _loaded(name: str) -> Any:
    """Load docs/examples/<name>/app.py afresh, with a client of its own."""
    spec = spec_from_file_location(f"example_{name}", EXAMPLES / name / "app.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _flask(cleanup: ExitStack) -> Site:
    module = _loaded("flask")
    cleanup.callback(module.sms.close)
    return Flask(module.app.test_client())


def _fastapi(cleanup: ExitStack) -> Site:
    with warnings.catch_warnings():  # newer ones would rather have httpx2; both do
        warnings.filterwarnings("ignore", message="Using `httpx`")
        from fastapi.testclient import TestClient

    return FastAPI(cleanup.enter_context(TestClient(_loaded("fastapi").app)))


def _django(cleanup: ExitStack) -> Site:
    """Django can be set up once a process; its client and its cache are made anew."""
    sys.path.insert(0, str(EXAMPLES / "django"))
    cleanup.callback(sys.path.remove, str(EXAMPLES / "django"))
    import django
    from django.core.cache import cache
    from django.test import Client

    django.setup()
    sms = importlib.import_module("shop.sms")
    sms.client.cache_clear()
    cache.clear()
    cleanup.callback(lambda: sms.client().close())
    return Django(Client(enforce_csrf_checks=False))


SITES = {"django": _django, "fastapi": _fastapi, "flask": _flask}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an operator sets; no server is named, so that one is not met by accident."""
    monkeypatch.delenv("XINSHI_CONFIG", raising=False)
    monkeypatch.setenv("XINSHI_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("SMS_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "shop.settings")


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest, environment: None) -> Iterator[Site]:
    """One of the apps; a test that wants a server names it before."""
    with ExitStack() as cleanup:
        yield SITES[request.param](cleanup)


@pytest.fixture
def server_named(monkeypatch: pytest.MonkeyPatch, environment: None, redis_url: str) -> str:
    monkeypatch.setenv("XINSHI_REDIS_URL", redis_url)
    return redis_url


@pytest.fixture
def secret() -> str:
    return SECRET
