"""Totals: several shards as one; one alone stays as it is."""

from dataclasses import replace
from typing import Any

from worker.contract.status import Stream
from worker.store import totals
from worker.store.care import AccountState, States
from worker.store.gauges import Depths, Pile, depths
from worker.store.presence import Worker, Workers
from worker.store.webhooks import Condition

from .conftest import Lab


def pile(ready: int, since: int) -> Pile:
    return Pile(ready=ready, since=since, rings=1)


def test_depths_are_added_and_the_oldest_counts(lab: Lab) -> None:
    empty = lab.run(depths())
    streams = {stream: pile(3, 500) for stream in Stream}
    one = replace(empty, now=1000, waiting=5, due=0, dead=1, streams=streams)
    other = replace(
        empty, now=2000, waiting=7, due=900, spool=4, streams=dict.fromkeys(Stream, pile(4, 0))
    )

    found = totals.depths([one, other])

    assert (found.now, found.waiting, found.due, found.dead, found.spool) == (2000, 12, 900, 1, 4)
    assert found.streams[Stream.OTP] == Pile(ready=7, since=500, rings=2)
    assert totals.depths([one]) is one
    assert isinstance(found, Depths)


def account(**rules: Any) -> AccountState:
    return AccountState("a", **({"open": 0} | rules))


def test_an_account_does_as_badly_as_where_it_does_worst() -> None:
    well = account(open=3, drift={"102": 1}, drifted=5)
    down = account(open=4, down=9000, why="failing", drift={"102": 2, "9": 1}, suspended="5\nno")

    (found,) = totals.states([States(1, [well]), States(2, [down])]).accounts

    assert (found.open, found.down, found.why) == (7, 9000, "failing")
    assert found.drift == {"102": 3, "9": 1}
    assert (found.drifted, found.suspended) == (5, "5\nno")
    assert totals.states([States(1, [well])]).accounts == [well]


def test_the_bound_of_an_accounts_calls_is_the_one_learned_last() -> None:
    over, holds = account(bound=25, bounded=100, down=9000), account(bound=50, bounded=900)

    (found,) = totals.states([States(500, [over]), States(500, [holds])]).accounts

    assert (found.bound, found.bounded, found.down) == (50, 900, 9000)


def test_workers_of_all_come_latest_first() -> None:
    one, other = Worker("one", 3.0, None), Worker("other", 1.0, None)

    assert totals.workers([Workers(1, [one]), Workers(2, [other])]) == Workers(2, [other, one])


def test_an_endpoint_does_as_badly_as_where_it_does_worst() -> None:
    well = Condition(known=True, served=True, waiting=2, delivered=10, oldest=0)
    rests = Condition(
        known=True, served=True, waiting=3, delivered=5, rest=99, reason="HTTP 500", oldest=7
    )

    found = totals.endpoint([well, rests])

    assert (found.waiting, found.delivered, found.rest, found.reason) == (5, 15, 99, "HTTP 500")
    assert (found.oldest, found.served) == (7, True)
    assert not totals.endpoint([well, replace(rests, served=False)]).served
    assert totals.endpoint([well]) is well
