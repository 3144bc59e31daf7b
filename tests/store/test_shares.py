"""Shares: among several shards an account's rate is never more than the whole, whatever is lost."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.contract import keys
from worker.contract.status import Stream
from worker.store import shares
from worker.store.client import Store
from worker.store.shares import Grant, Needs, Wish

from .conftest import Lab, account

NAME = "a"
FLOOR = 0.05  # of an account of two shards
WHOLE = 1.002  # what is next to nothing counts as nothing
LASTS = 60_000  # ms that a grant holds


@dataclass
class Cell:
    """One shard: its store, and its rounds in their three steps."""

    place: int
    many: int
    store: Store
    first: Store

    def look(self) -> Needs:
        return self.store.run(shares.need({NAME: [Stream.NOTICE]}))

    def ask(self, found: Needs, need: float, used: float = 0.0) -> Grant:
        share = found.loads[NAME].share or 1 / self.many
        wish = Wish(NAME, need, 0.1 / self.many, share, used)
        return self.first.run(shares.grant(self.place, self.many, found.version, [wish]))

    def keep(self, found: Needs, granted: Grant) -> bool:
        return self.store.run(shares.keep(granted, found.now + LASTS))

    def round(self, need: float, used: float = 0.0) -> float:
        """One whole round; returns the share that is in force then."""
        found = self.look()
        self.keep(found, self.ask(found, need, used))
        return self.in_force()

    def in_force(self) -> float:
        """As the claim reads it."""
        until, part = self.store.redis.hmget(keys.SHARES, ["until", f"part:{NAME}"])
        share = float(part) if part else 1 / self.many
        return share if until and int(until) > self.look().now else min(share, 1 / self.many)

    def age(self, ms: int) -> None:
        """Let time go by since the last grant."""
        until = self.store.redis.hget(keys.SHARES, "until")
        if until:
            self.store.redis.hset(keys.SHARES, "until", str(int(until) - ms))


def grow_old(first: Store, ms: int, *places: int) -> None:
    """Let time go by since some shards asked last."""
    for place in places:
        packed = first.redis.hget(keys.LEDGER, str(place))
        assert isinstance(packed, bytes)
        entry = msgspec.msgpack.decode(packed)
        entry["heard"] -= ms
        first.redis.hset(keys.LEDGER, str(place), msgspec.msgpack.encode(entry))


def open_cells(redis_url: str, many: int) -> Iterator[list[Cell]]:
    """So many shards, as databases of one server."""
    stores = [Store(f"{redis_url[:-1]}{place}", timeout=10.0) for place in range(many)]
    yield [Cell(place, many, store, stores[0]) for place, store in enumerate(stores)]
    for store in stores:
        store.close()


@pytest.fixture
def two(redis_url: str) -> Iterator[list[Cell]]:
    yield from open_cells(redis_url, 2)


@pytest.fixture
def three(redis_url: str) -> Iterator[list[Cell]]:
    yield from open_cells(redis_url, 3)


def rounds(cells: list[Cell], *needs: float, times: int = 4) -> list[float]:
    for _ in range(times):
        for cell, need in zip(cells, needs, strict=True):
            cell.round(need)
            assert sum(each.in_force() for each in cells) <= WHOLE
    return [round(cell.in_force(), 2) for cell in cells]


def test_without_a_word_each_has_an_equal_part(three: list[Cell]) -> None:
    assert [each.in_force() for each in three] == [pytest.approx(1 / 3)] * 3


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ((0.0, 0.0), [0.5, 0.5]),
        ((1.0, 1.0), [0.5, 0.5]),
        ((1.0, 0.0), [0.95, 0.05]),
        ((0.0, 1.0), [0.05, 0.95]),
        ((1.0, 0.3), [0.7, 0.3]),
        ((0.6, 0.3), [0.65, 0.35]),
    ],
)
def test_who_needs_more_gets_what_the_others_leave(
    two: list[Cell], needs: tuple[float, float], expected: list[float]
) -> None:
    assert rounds(two, *needs) == pytest.approx(expected, abs=0.021)


def test_of_three_none_lacks_what_another_has_in_excess(three: list[Cell]) -> None:
    assert rounds(three, 1.0, 0.2, 1.0) == pytest.approx([0.4, 0.2, 0.4], abs=0.021)


def test_shares_follow_the_work(two: list[Cell]) -> None:
    rounds(two, 1.0, 0.0)

    assert rounds(two, 0.0, 1.0) == pytest.approx([0.05, 0.95], abs=0.021)


def test_what_one_gives_up_is_given_on_only_when_the_smaller_share_is_in_force(
    two: list[Cell],
) -> None:
    rounds(two, 1.0, 0.0)
    hot, idle = two
    found = hot.look()
    late = hot.ask(found, 0.0)  # granted less, and not yet in force
    hot.ask(found, 0.0)  # another of its workers, as well

    assert [idle.round(1.0) for _ in range(5)] == pytest.approx([FLOOR] * 5, abs=0.021)
    hot.keep(found, late)
    assert idle.round(1.0) == pytest.approx(FLOOR, abs=0.021), "it is in force; nobody was told"
    hot.round(0.0)
    assert idle.round(1.0) > 0.4


def test_slots_in_use_are_not_given_on(two: list[Cell]) -> None:
    hot, idle = two
    rounds(two, 1.0, 0.0)
    for _ in range(4):
        hot.round(0.0, used=0.8)

    assert idle.round(1.0) == pytest.approx(0.2, abs=0.021)
    hot.round(0.0, used=0.1)
    assert idle.round(1.0) > 0.4


def test_a_grant_that_comes_late_does_not_undo_a_newer_one(two: list[Cell]) -> None:
    rounds(two, 1.0, 0.0)
    hot = two[0]
    found = hot.look()
    old = hot.ask(found, 1.0)
    hot.round(0.0)
    share = hot.in_force()

    assert not hot.keep(found, Grant(old.version - 1, old.shares))
    assert hot.in_force() == share


def test_where_the_first_shard_is_away_shares_stay_for_a_minute_and_then_are_equal_at_most(
    two: list[Cell],
) -> None:
    hot, idle = two
    rounds(two, 1.0, 0.0)
    share = hot.in_force()
    for each in two:
        each.age(LASTS - 10_000)
    assert hot.in_force() == share
    assert idle.in_force() == pytest.approx(FLOOR, abs=0.021)

    for each in two:
        each.age(20_000)
    assert hot.in_force() == 0.5
    assert idle.in_force() == pytest.approx(FLOOR, abs=0.021), "never more than the last"


def test_a_dead_shard_keeps_an_equal_part_and_the_others_get_the_rest(two: list[Cell]) -> None:
    alive, dead = two
    rounds(two, 0.0, 1.0)
    assert alive.round(1.0) == pytest.approx(FLOOR, abs=0.021)

    grow_old(alive.first, LASTS + 5_000, 1)
    assert alive.round(1.0) == pytest.approx(FLOOR, abs=0.021), "it may still use all of it"
    grow_old(alive.first, 6_000, 1)
    assert alive.round(1.0) == pytest.approx(0.5, abs=0.021)

    dead.age(LASTS + 11_000)  # it comes back; what it had before is another's now
    assert dead.in_force() == 0.5
    found = dead.look()
    dead.keep(found, dead.ask(found, 1.0))
    assert dead.in_force() <= 0.5


def test_a_first_shard_that_forgot_everything_learns_it_again(two: list[Cell]) -> None:
    rounds(two, 1.0, 0.0)
    two[0].store.redis.delete(keys.LEDGER)

    assert rounds(two, 1.0, 0.0)[0] == pytest.approx(0.95, abs=0.021)


def test_a_ledger_of_before_grants_nothing_that_is_in_use(two: list[Cell]) -> None:
    hot, idle = two
    rounds(two, 0.0, 1.0)
    old = hot.store.redis.hgetall(keys.LEDGER)
    assert isinstance(old, dict)
    rounds(two, 1.0, 0.0)
    for place, packed in old.items():  # a copy is brought back
        hot.store.redis.hset(keys.LEDGER, place, packed)
    hot.ask(hot.look(), 0.0)  # and its answer is lost

    assert hot.in_force() + idle.round(1.0) <= WHOLE


def test_one_more_shard_gets_its_part(redis_url: str, two: list[Cell]) -> None:
    rounds(two, 1.0, 1.0)
    for three in open_cells(redis_url, 3):
        for _ in range(4):
            for each in three:
                each.round(1.0)

        assert sum(each.in_force() for each in three) <= WHOLE
        assert [each.in_force() for each in three] == pytest.approx([1 / 3] * 3, abs=0.03)


class Storm:
    """Rounds of several shards, in any order, with answers that come late or never."""

    def __init__(self, cells: list[Cell]) -> None:
        self.cells = cells
        self.looks: list[tuple[Cell, Needs]] = []
        self.grants: list[tuple[Cell, Needs, Grant]] = []

    def step(self, kind: int, place: int, need: float) -> None:
        if kind == 0 or (kind == 1 and not self.looks):
            cell = self.cells[place % len(self.cells)]
            self.looks.append((cell, cell.look()))
        elif kind == 1:
            cell, found = self.looks.pop(place % len(self.looks))
            self.grants.append((cell, found, cell.ask(found, need)))
        elif kind == 2 and self.grants:
            cell, found, granted = self.grants.pop(place % len(self.grants))
            cell.keep(found, granted)
        elif self.grants:
            self.grants.pop()  # lost on the way


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from([0, 0, 1, 1, 2, 2, 3]), st.integers(0, 5), st.floats(0.0, 1.0)),
        min_size=40,
        max_size=120,
    )
)
def test_in_any_order_and_whatever_is_lost_the_whole_is_never_exceeded(
    redis_url: str, steps: list[tuple[int, int, float]]
) -> None:
    with redis.Redis.from_url(redis_url) as raw:
        raw.flushall()
    for cells in open_cells(redis_url, 3):
        storm = Storm(cells)
        for step in steps:
            storm.step(*step)
            assert sum(each.in_force() for each in cells) <= WHOLE


def share(lab: Lab, part: float, *, over: bool = False) -> None:
    """Let a share of the account be in force, or its time be over."""
    now = lab.now()
    until = now - 1 if over else now + 600_000
    lab.raw.hset(keys.SHARES, mapping={"until": until, f"part:{NAME}": part})


def taken(lab: Lab, **limits: object) -> int:
    """How many of the messages one claim opens, in a moment that stands still."""
    return len(lab.claimed(account(NAME, **limits), shards=2))


@pytest.mark.parametrize(
    ("part", "expected"), [(1.0, 40), (0.5, 20), (0.1, 4), (0.01, 1), (0.001, 1)]
)
def test_a_claim_opens_no_more_than_its_share_of_the_slots(
    lab: Lab, part: float, expected: int
) -> None:
    lab.put(50)
    share(lab, part)

    assert taken(lab, concurrency=40) == expected


def test_a_claim_without_a_share_has_an_equal_part(lab: Lab) -> None:
    lab.put(50)

    assert taken(lab, concurrency=40) == 20


def test_a_claim_whose_share_is_over_has_an_equal_part_at_most(lab: Lab) -> None:
    lab.put(50)
    share(lab, 0.9, over=True)

    assert taken(lab, concurrency=40) == 20


def test_a_claim_takes_its_share_of_the_rate(lab: Lab) -> None:
    lab.put(100)
    share(lab, 0.25)
    limits = {"interval": 10.0, "burst": 200.0}

    assert 5 <= taken(lab, **limits) <= 8, "a quarter of twenty, and the one that begins"


def test_a_share_that_grows_is_not_held_up_by_what_was_taken_at_the_smaller_one(lab: Lab) -> None:
    lab.put(100)
    share(lab, 0.01)
    assert taken(lab, interval=100.0) == 1
    tat = float(lab.raw.hget(keys.STATE + NAME, "tat") or 0)
    assert tat > lab.now() + 5_000, "ten seconds, at its pace"

    share(lab, 1.0)
    assert taken(lab, interval=100.0, burst=200.0) > 0
    tat = float(lab.raw.hget(keys.STATE + NAME, "tat") or 0)
    assert tat < lab.now() + 1_000
