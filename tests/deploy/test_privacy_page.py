"""docs/privacy.md and SECURITY.md: what they name is there."""

import re

from producers.cli import command
from worker.contract import settings as reading

from .conftest import ROOT

PRIVACY = (ROOT / "docs" / "privacy.md").read_text("utf-8")
SECURITY = (ROOT / "SECURITY.md").read_text("utf-8")


def test_every_file_and_command_that_they_name_exists() -> None:
    text = PRIVACY + SECURITY
    for path in re.findall(r"`((?:docs|deploy|tests)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    named = {*re.findall(r"(?:`|    )xinshi ([a-z]+)\b", text)}
    assert {"forget", "doctor"} <= named <= command.commands.keys()


def test_the_settings_that_it_names_are_read_as_it_says() -> None:
    found = reading.parse(
        {"store": {"keep_texts": "7d"}, "privacy": {"number_key": "sixteen letters and more"}}
    )

    assert found.store.keep_texts == 7 * 86400
    assert '`[store] keep_texts = "7d"`' in PRIVACY
    assert "XINSHI_PRIVACY__NUMBER_KEY" in PRIVACY
