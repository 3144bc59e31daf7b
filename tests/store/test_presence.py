"""Presence: a process that beats is alive, one that is silent is not, and one that ends is gone."""

import pytest

from worker.contract import keys
from worker.store import presence
from worker.store.presence import EVERY, FORGOTTEN, LIFE, Vitals, Workers

from .conftest import Lab

VITALS = Vitals(version="1", started=5, in_flight=3, queues=("sms.otp", "sms.ticks"))


def beat(lab: Lab, name: str = "w@host:1", vitals: Vitals = VITALS) -> None:
    lab.run(presence.beat(name, vitals))


def silent(lab: Lab, seconds: float, name: str = "w@host:1") -> None:
    """Let a process have been silent for so long."""
    lab.raw.zincrby(keys.WORKERS, -seconds * 1000, name)
    lab.raw.pexpire(keys.HEARTBEAT + name, int((LIFE - seconds) * 1000))


def found(lab: Lab) -> Workers:
    return lab.run(presence.workers())


def test_nobody_is_alive_where_nobody_beats(lab: Lab) -> None:
    assert found(lab).all == []


def test_a_beat_says_who_is_alive_and_how_it_does(lab: Lab) -> None:
    beat(lab)
    beat(lab, "w@other:1", Vitals())

    workers = found(lab)

    assert {each.name: each.vitals for each in workers.alive} == {
        "w@host:1": VITALS,
        "w@other:1": Vitals(),
    }
    assert all(0 <= each.age < EVERY for each in workers.alive)
    assert abs(workers.now - lab.now()) < 5000
    assert 0 < lab.raw.pttl(f"{keys.HEARTBEAT}w@host:1") <= LIFE * 1000


def test_the_next_beat_takes_the_place_of_the_last(lab: Lab) -> None:
    beat(lab)
    silent(lab, EVERY)
    assert found(lab).all[0].age == pytest.approx(EVERY, abs=3)

    beat(lab, vitals=Vitals(version="1", in_flight=4))

    (worker,) = found(lab).all
    assert worker.age < EVERY
    assert worker.vitals == Vitals(version="1", in_flight=4)


def test_who_is_silent_is_not_alive_and_is_named_for_a_while(lab: Lab) -> None:
    beat(lab)
    beat(lab, "w@other:1")
    silent(lab, LIFE + 1)

    workers = found(lab)

    assert [each.name for each in workers.alive] == ["w@other:1"]
    assert [each.name for each in workers.all] == ["w@other:1", "w@host:1"]
    assert workers.all[1].vitals is None


def test_who_is_silent_for_long_is_forgotten(lab: Lab) -> None:
    beat(lab)
    silent(lab, FORGOTTEN)

    beat(lab, "w@other:1")

    assert [each.name for each in found(lab).all] == ["w@other:1"]
    assert 0 < lab.raw.pttl(keys.WORKERS) <= FORGOTTEN * 1000


def test_who_ends_is_gone_at_once(lab: Lab) -> None:
    beat(lab)

    lab.run(presence.leave("w@host:1"))
    lab.run(presence.leave("w@host:1"))

    assert found(lab).all == []
    assert not lab.raw.exists(f"{keys.HEARTBEAT}w@host:1")
