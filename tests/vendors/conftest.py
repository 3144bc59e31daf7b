"""Adapters and messages made from the fixture files, with the clock pinned."""

import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from worker import vendors
from worker.contract.settings import Account
from worker.vendors.base import Outgoing, Vendor

#: Of the published vector for the HMAC: Mon, 19 Mar 2018 12:08:40 GMT.
NOW = datetime(2018, 3, 19, 12, 8, 40, tzinfo=UTC)
HERE = Path(__file__).parent

Make = Callable[..., Vendor]
Write = Callable[..., Outgoing]


@cache
def read(name: str) -> Mapping[str, Any]:
    """Return a vendor's fixture: here, or in a folder with an adapter from elsewhere."""
    (path,) = HERE.rglob(f"{name}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def make() -> Make:
    """Return a vendor's adapter with its fixture's account, options changed as told."""

    def build(name: str, /, **changes: Any) -> Vendor:
        options = {**read(name)["account"], **changes}
        base_url = options.pop("base_url", "")
        adapter = read(name).get("adapter", name)
        account = Account(adapter=adapter, base_url=base_url, options=options)
        return vendors.load(name, account, lambda: NOW)

    return build


@pytest.fixture(scope="session")
def write() -> Write:
    """Return one of a fixture's messages, changed as told."""

    def build(name: str, key: str = "one", /, **changes: Any) -> Outgoing:
        return Outgoing(**{**read(name)["messages"][key], **changes})

    return build
