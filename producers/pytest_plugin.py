"""The pytest fixtures of Xinshi; pytest finds them by the entry point ``pytest11``.

def test_login_sends_a_code(client, xinshi_outbox):
    client.post("/login", {"phone": "13800138000"})
    assert xinshi_outbox.last.template == "otp"
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from producers.testing import Outbox
    from worker.contract.settings import Settings


@pytest.fixture
def xinshi_config() -> "str | Path | Settings | None":
    """The settings of ``xinshi_outbox`` itself; override it to name a file of your own.

    The clients that your app makes keep the settings it gives them.
    """
    return None


@pytest.fixture
def xinshi_outbox(xinshi_config: "str | Path | Settings | None") -> "Iterator[Outbox]":
    """An empty outbox that catches what every client of this process sends, without Redis."""
    from producers.testing import Outbox  # noqa: PLC0415 - who doesn't use it doesn't pay for it

    with Outbox(xinshi_config) as outbox, outbox.catching():
        yield outbox
