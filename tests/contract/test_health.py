"""``[health]``: what it may say, and how a mistake is named."""

import pytest

from worker.contract.errors import SettingsError
from worker.contract.settings import parse


@pytest.mark.parametrize(
    ("said", "seconds"),
    [({}, 600.0), ({"prompt": "2m"}, 120.0), ({"prompt": ""}, 0.0), ({"prompt": 0}, 0.0)],
)
def test_when_a_report_is_prompt(said: dict[str, object], seconds: float) -> None:
    assert parse({"health": said}).health.prompt == seconds


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"prompt": "2h"}, r"health\.prompt: must be at most an hour"),
        ({"prompt": "soon"}, r"health\.prompt: a duration is"),
        ({"promt": "5m"}, r"health\.promt: unknown key"),
    ],
)
def test_a_mistake_is_named(said: dict[str, object], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        parse({"health": said})
