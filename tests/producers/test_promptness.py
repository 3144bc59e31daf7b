"""Whether the reports come as soon as usual, as ``xinshi vendors`` and the doctor show it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from producers.promptness import Prompt
from worker.contract.promptness import Promptness

from ..store.conftest import report_as  # noqa: TID252 - the suite is no installed package

Xinshi = Callable[..., Any]
REPORTING = """
[vendors.one]
adapter = "zhenzi"
app_id = "1"
app_secret = "secret"

[vendors.two]
adapter = "zhenzi"
app_id = "2"
app_secret = "secret"
"""


@pytest.fixture
def rules(config: Path) -> Callable[[str], None]:
    """``rules("...")`` adds to the suite's settings, in which nobody reports."""

    def add(said: str) -> None:
        text = config.read_text("utf-8").replace("[routes]", f"{said}\n[routes]")
        config.write_text(text, "utf-8")

    return add


@pytest.fixture
def reporting(raw: "redis.Redis") -> Callable[..., None]:
    """``reporting(one=0.5)``: of late half of its reports came in time, and nearly all before."""
    return partial(report_as, raw)


def checks(xinshi: Xinshi) -> dict[str, dict[str, str]]:
    """What the doctor says of reports."""
    (ran,) = xinshi("doctor", "--json").lines
    return {each["check"]: each for each in ran["checks"] if each["check"].startswith("reports")}


def test_vendors_shows_the_share_of_late_and_the_usual_one(
    xinshi: Xinshi, rules: Callable[[str], None], reporting: Callable[..., None]
) -> None:
    rules(REPORTING)
    reporting(one=0.62)

    main, _, one, two = xinshi("vendors", "--json").lines[0]

    assert main["prompt"] is None, "it sends none"
    calm = {"within_seconds": 600, "slow": False, "steps_back": False}
    assert one["prompt"] == {"share": 0.62, "usual": 0.97, **calm}
    assert two["prompt"] == {"share": None, "usual": None, **calm}
    assert "ok, reports 62 % within 10 min, usually 97 %" in xinshi("vendors").out


def test_an_account_steps_back_for_what_it_lost_beyond_the_others(
    xinshi: Xinshi, rules: Callable[[str], None], reporting: Callable[..., None]
) -> None:
    rules(REPORTING)

    def said() -> list[tuple[bool, bool]]:
        rows = xinshi("vendors", "--json").lines[0]
        return [(each["prompt"]["slow"], each["prompt"]["steps_back"]) for each in rows[2:]]

    reporting(one=0.1, two=0.97)
    assert said() == [(True, True), (False, False)]
    reporting(one=0.55, two=0.97)
    assert said() == [(True, False), (False, False)]
    reporting(one=0.1, two=0.1)
    assert said() == [(True, False), (True, False)]


def test_vendors_says_nothing_where_nobody_counts(
    xinshi: Xinshi, rules: Callable[[str], None], reporting: Callable[..., None]
) -> None:
    rules(f'{REPORTING}[health]\nprompt = ""')
    reporting(one=0.62)

    found = xinshi("vendors", "--json").lines[0]

    assert [each["prompt"] for each in found] == [None] * 4
    assert " within " not in xinshi("vendors").out
    assert checks(xinshi) == {}


def test_the_doctor_warns_of_an_account_whose_reports_stay_away(
    xinshi: Xinshi, rules: Callable[[str], None], reporting: Callable[..., None]
) -> None:
    rules(REPORTING)
    reporting(one=0.1, two=0.97)

    (found,) = checks(xinshi).values()

    assert (found["check"], found["verdict"]) == ("reports one", "warning")
    assert found["found"] == "reports 10 % within 10 min, usually 97 %"
    assert "go by the others" in found["advice"]


def test_the_doctor_doubts_us_where_all_stay_away(
    xinshi: Xinshi, rules: Callable[[str], None], reporting: Callable[..., None]
) -> None:
    rules(REPORTING)
    reporting(one=0.0, two=0.1)

    (found,) = checks(xinshi).values()

    assert (found["check"], found["verdict"]) == ("reports", "warning")
    assert found["found"].startswith("they stay away everywhere: one: reports 0 % within")
    assert "our intake" in found["advice"]


@pytest.mark.parametrize(
    ("shares", "said"),
    [({"one": 0.97}, "they come as soon as usual"), ({}, "too few of late to judge them")],
)
def test_the_doctor_is_content_where_nothing_stands_out(
    xinshi: Xinshi,
    rules: Callable[[str], None],
    reporting: Callable[..., None],
    shares: dict[str, float],
    said: str,
) -> None:
    rules(REPORTING)
    reporting(**shares)

    assert checks(xinshi)["reports"]["verdict"] == "ok"
    assert checks(xinshi)["reports"]["found"] == said


def test_an_account_with_wrong_settings_spoils_nothing_for_the_others(
    xinshi: Xinshi, rules: Callable[[str], None], reporting: Callable[..., None]
) -> None:
    rules(REPORTING + '\n[vendors.three]\nadapter = "zhenzi"')
    reporting(one=0.1, two=0.97)

    assert list(checks(xinshi)) == ["reports one"]


def test_no_account_reports_and_nothing_is_said(xinshi: Xinshi) -> None:
    assert checks(xinshi) == {}


@pytest.mark.parametrize(
    ("found", "within", "text"),
    [
        (Promptness(), 600.0, ""),
        (Promptness(usual=0.9), 600.0, ""),
        (Promptness(share=0.5), 90.0, "reports 50 % within 1.5 min"),
        (Promptness(share=1.0, usual=0.004), 30.0, "reports 100 % within 30 s, usually 0 %"),
    ],
)
def test_it_is_said_in_plain_words(found: Promptness, within: float, text: str) -> None:
    assert Prompt(found, within).text == text
