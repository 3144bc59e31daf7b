"""What people and programs are told of an account's money."""

from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from producers import funds
from producers.commands import money
from producers.funds import Funds
from worker.contract.runway import Point, Runway
from worker.contract.settings import Settings, parse
from worker.store import balances
from worker.store.balances import Stored
from worker.store.client import Store
from worker.vendors.base import Balance

Xinshi = Callable[..., Any]
HOUR = 3_600_000
NOW = 1_700_000_000_000


def settings(**account: object) -> Settings:
    return parse({"vendors": {"a": {"adapter": "x", **account}}})


def stored(amount: str, *, lasts: float | None = None, postpaid: bool = False) -> Stored:
    """A balance that falls so that it lasts so many hours."""
    left = Decimal(amount)
    used = Decimal(0) if lasts is None else left / Decimal(lasts)
    points = tuple(Point(NOW - back * HOUR, left + used * back) for back in (24, 12, 1, 0))
    return Stored("a", left, "yuan", postpaid=postpaid, at=NOW, points=points)


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (None, ""),
        (0.0, "lasts 0 h"),
        (1.26, "lasts 1.26 h"),
        (71.6, "lasts 71.6 h"),
        (480.0, "lasts 20 d"),
    ],
)
def test_how_long_it_lasts_in_plain_words(hours: float | None, said: str) -> None:
    assert Funds(runway=Runway(hours)).lasts == said


@pytest.mark.parametrize(
    ("per_day", "said"),
    [
        (None, ""),
        (0.0, "uses 0 a day"),
        (12.34, "uses 12.3 a day"),
        (123456.7, "uses 123457 a day"),
    ],
)
def test_what_it_uses_in_plain_words(per_day: float | None, said: str) -> None:
    assert Funds(runway=Runway(None, per_day)).pace == said


def test_of_nothing_known_nothing_is_said() -> None:
    found = funds.known(Stored("a"))

    assert (found.text, found.lasts, found.pace) == ("", "", "")
    assert set(found.to_dict().values()) == {None, False}


def test_a_hint_is_marked_and_has_no_runway() -> None:
    found = funds.known(Stored("a", hint=Decimal(7), hint_unit="messages", hint_at=NOW))

    assert found.text == "7 messages, a hint"
    said = found.to_dict()
    assert (said["hint"], said["postpaid"], said["runway_hours"]) == (True, None, None)
    assert said["stored_at"] is None
    assert said["at"] is not None


def test_what_an_account_says_now_outweighs_what_is_stored() -> None:
    found = funds.asked(stored("100", lasts=10), Balance(Decimal(50), "yuan"), NOW + HOUR)

    assert (found.amount, found.at, found.stored_at) == (Decimal(50), NOW + HOUR, NOW)
    assert found.runway.hours == pytest.approx(5)


def test_an_account_that_pays_afterwards_has_a_pace_and_no_end() -> None:
    found = funds.known(stored("-100.50", postpaid=True))

    assert found.text == "-100.50 yuan, postpaid"
    assert found.lasts == ""
    assert found.to_dict()["postpaid"] is True


@pytest.mark.parametrize(
    ("lasts", "low", "verdict"),
    [
        (100, "", "ok"),
        (71, "", "warning"),
        (7, "", "warning"),
        (5, "", "error"),
        (None, "", "ok"),
        (None, 99, "ok"),
        (None, 100, "warning"),
    ],
)
def test_the_doctor_judges_by_the_thresholds(
    lasts: float | None, low: object, verdict: str
) -> None:
    found = money.judge(settings(balance_low=low), stored("100", lasts=lasts))

    assert (found.check, found.verdict) == ("balance a", verdict)
    assert found.found.startswith("100 yuan")
    assert bool(found.advice) == (verdict != "ok")


def test_the_list_of_accounts_tells_what_they_have_left(
    bare: Xinshi, tmp_path: Path, redis_url: str
) -> None:
    path = tmp_path / "xinshi.toml"
    account = 'adapter = "zhenzi"\napp_id = "a"\napp_secret = "hidden"\n'
    path.write_text(
        f'redis_url = "{redis_url}"\n[vendors.z]\n{account}[vendors.y]\n{account}', "utf-8"
    )
    with closing(Store(redis_url)) as store:
        store.run(balances.keep("z", Decimal(0), "messages"))

    plain, rows = bare("vendors"), bare("vendors", "--json")

    assert "0 messages, lasts 0 h" in plain.out
    (told,) = rows.lines
    found = {each["name"]: each["balance"] for each in told}
    assert (found["z"]["amount"], found["z"]["runway_hours"]) == ("0", 0.0)
    assert found["y"] is None


def test_without_redis_the_accounts_are_listed_without_a_balance(
    bare: Xinshi, tmp_path: Path
) -> None:
    path = tmp_path / "xinshi.toml"
    path.write_text(
        'redis_url = "redis://127.0.0.1:1/0"\n'
        '[vendors.z]\nadapter = "zhenzi"\napp_id = "a"\napp_secret = "b"\n',
        "utf-8",
    )

    ran = bare("vendors", "--json")

    assert ran.code == 0
    assert [each["balance"] for each in ran.lines[0]] == [None]
