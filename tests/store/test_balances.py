"""What the store keeps of balances, and that an alarm is raised once."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

from worker.contract import happenings, keys
from worker.store import balances, care
from worker.store.balances import Alarm, Stored
from worker.store.client import AsyncStore

from .conftest import HOUR, MINUTE, Lab, account, settled, together


def keep(lab: Lab, amount: str, name: str = "a", unit: str = "yuan", **more: Any) -> int:
    return lab.run(balances.keep(name, Decimal(amount), unit, **more))


def stored(lab: Lab, name: str = "a") -> Stored:
    return lab.run(balances.read([name])).accounts[0]


def told(lab: Lab) -> list[happenings.Event]:
    found = lab.raw.xrange(keys.EVENTS)
    return [happenings.unpack(place.decode(), row[b"e"]) for place, row in found]


def low(name: str = "24h") -> Alarm:
    return Alarm(name, happenings.pack(happenings.BALANCE_LOW, {"account": "a", "reason": name}))


def test_a_balance_is_kept_to_the_last_digit(lab: Lab) -> None:
    at = keep(lab, "-153278.040", postpaid=True)

    found = stored(lab)
    assert (found.amount, found.unit, found.postpaid) == (Decimal("-153278.040"), "yuan", True)
    assert found.at == at
    assert [each.amount for each in found.points] == [Decimal("-153278.040")]
    assert int(lab.raw.get(f"{keys.POLLED}a:balance")) == at


def test_of_what_was_never_asked_nothing_is_known(lab: Lab) -> None:
    assert stored(lab) == Stored("a")
    assert stored(lab).runway().hours is None


def test_a_hint_is_kept_beside_and_makes_no_history(lab: Lab) -> None:
    keep(lab, "7")
    keep(lab, "420842", unit="messages", hint=True)

    found = stored(lab)
    assert (found.amount, found.unit) == (Decimal(7), "yuan")
    assert (found.hint, found.hint_unit) == (Decimal(420842), "messages")
    assert found.hint_at >= found.at
    assert len(found.points) == 1


def test_a_hint_alone_has_no_runway(lab: Lab) -> None:
    keep(lab, "0", hint=True)

    found = stored(lab)
    assert (found.amount, found.at, found.runway().hours) == (None, 0, None)
    assert lab.raw.get(f"{keys.POLLED}a:balance") is None


def test_the_history_is_bounded_however_often_it_is_asked(lab: Lab) -> None:
    for left in range(40):
        keep(lab, str(1000 - left))
        lab.pass_time(MINUTE // 2)

    points = stored(lab).points
    assert len(points) <= 6
    assert points[-1].amount == Decimal(961), "the newest is always there"
    gaps = [two.at - one.at for one, two in pairwise(points)]
    assert min(gaps[:-1]) >= 4 * MINUTE


def test_the_history_holds_two_days_at_the_usual_step_and_no_more(lab: Lab) -> None:
    for left in range(620):
        keep(lab, str(1000 - left))
        lab.pass_time(5 * MINUTE)

    points = stored(lab).points
    assert len(points) == 600
    assert points[-1].at - points[0].at > 48 * HOUR
    assert 0 < lab.raw.pttl(keys.HISTORY + "a") <= 48 * HOUR


def test_a_runway_is_reckoned_from_what_is_kept(lab: Lab) -> None:
    for left in range(1000, 900, -10):
        keep(lab, str(left))
        lab.pass_time(6 * MINUTE)

    found = stored(lab)
    hours = found.runway().hours
    other = found.runway(Decimal(50)).hours
    assert hours is not None
    assert round(hours, 1) == 9.1
    assert other is not None
    assert round(other, 1) == 0.5


def test_an_alarm_is_raised_once_and_told_once(lab: Lab) -> None:
    first = lab.run(balances.alarm("a", [low("72h"), low("24h")]))
    again = lab.run(balances.alarm("a", [low("72h"), low("24h"), low("6h")]))

    assert (first, again) == (["72h", "24h"], ["6h"])
    assert [each.data["reason"] for each in told(lab)] == ["72h", "24h", "6h"]
    assert {each.type for each in told(lab)} == {"balance.low"}


def test_an_alarm_that_is_cleared_may_be_raised_again(lab: Lab) -> None:
    lab.run(balances.alarm("a", [low("72h"), low("24h")]))

    assert lab.run(balances.alarm("a", [Alarm("24h")])) == []
    assert lab.run(balances.alarm("a", [low("72h"), low("24h")])) == ["24h"]
    assert lab.run(balances.alarm("b", [low("24h")])) == ["24h"], "each account has its own"


async def test_two_that_find_it_at_once_tell_it_once(lab: Lab, astore: AsyncStore) -> None:
    del astore
    found = await together(*(lambda: lab.run(balances.alarm("a", [low()])) for _ in range(8)))

    assert sorted(found) == [[]] * 7 + [["24h"]]
    assert len(told(lab)) == 1


def test_an_empty_account_is_told_once_until_it_takes_a_message_again(lab: Lab) -> None:
    empty = [low(balances.EMPTY)]
    lab.trip()
    assert lab.run(balances.alarm("a", empty)) == ["empty"]
    lab.pass_time(61_000)
    lab.trip()
    assert lab.run(balances.alarm("a", empty)) == []

    lab.run(care.mend("a", believed=3))
    message_id = lab.put_one()
    assert lab.claimed(account()) == [message_id]
    lab.settle(settled(message_id))

    lab.trip()
    assert lab.run(balances.alarm("a", empty)) == ["empty"]
