"""What counts as too low and too old, as the settings say it."""

import tomllib
from decimal import Decimal

import pytest

from worker.contract.errors import SettingsError
from worker.contract.settings import Alarms, Settings, load, parse

ONE = '[vendors.a]\nadapter = "x"\n'


def read(text: str) -> Settings:
    return parse(tomllib.loads(text))


def test_by_default_three_days_one_day_six_hours_and_five_minutes() -> None:
    found = read(ONE)

    assert found.alarms == Alarms(runway=(72, 24, 6), poll_age=300)
    assert found.vendors["a"].balance_every == 300
    assert found.vendors["a"].balance_low is None


def test_thresholds_are_read_in_any_order_each_once_the_most_first() -> None:
    found = read('[alarms]\nrunway = ["6h", "7d", 86400, "24h"]\npoll_age = "90s"').alarms

    assert found == Alarms(runway=(168, 24, 6), poll_age=90)


@pytest.mark.parametrize("never", ['""', '"0"', "0"])
def test_nothing_is_never(never: str) -> None:
    found = read(f"{ONE}balance_every = {never}\n[alarms]\nrunway = []\npoll_age = {never}")

    assert found.alarms == Alarms(runway=(), poll_age=0)
    assert found.vendors["a"].balance_every == 0


@pytest.mark.parametrize(
    ("said", "amount"),
    [("500", 500), ("0", 0), ("-200000.5", "-200000.5"), ('"12.30"', "12.30"), ('"-1"', -1)],
)
def test_an_amount_may_be_below_nothing_for_some_pay_afterwards(
    said: str, amount: str | int
) -> None:
    account = read(f"{ONE}balance_low = {said}").vendors["a"]

    assert account.balance_low == Decimal(amount)
    assert account.options == {}


def test_the_environment_may_say_both() -> None:
    found = load(
        environment={
            "XINSHI_VENDORS__A__ADAPTER": "x",
            "XINSHI_VENDORS__A__BALANCE_EVERY": "1h",
            "XINSHI_VENDORS__A__BALANCE_LOW": "5",
        }
    ).vendors["a"]

    assert (found.balance_every, found.balance_low) == (3600, Decimal(5))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[alarms]\nrunway = "72h"', "alarms.runway"),
        ('[alarms]\nrunway = ["soon"]', "alarms.runway"),
        ('[alarms]\nrunway = ["90m"]', "alarms.runway"),
        ("[alarms]\nrunway = [0]", "alarms.runway"),
        ("[alarms]\npoll_age = false", "alarms.poll_age"),
        ("[alarms]\npoll_age = -1", "alarms.poll_age"),
        ("[alarms]\nloud = true", "alarms.loud"),
        *(
            (f"{ONE}balance_every = {value}", "vendors.a.balance_every")
            for value in ('"often"', "-5", "true", "[]")
        ),
        *(
            (f"{ONE}balance_low = {value}", "vendors.a.balance_low")
            for value in ('"much"', "true", "nan", "inf", "[]", '"1e99"')
        ),
    ],
)
def test_a_mistake_names_its_key(text: str, key: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read(text)

    assert raised.value.key == key
