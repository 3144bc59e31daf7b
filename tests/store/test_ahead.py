"""Ahead: an act that is under way while its caller does something else."""

import os
import signal
from collections.abc import Iterator

import pytest
import redis

from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.settings import Durability
from worker.store import acts
from worker.store.client import Store
from worker.store.embedded import Server

from .conftest import accept, entry, until

TIMEOUT = 0.5


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    made = Store(redis_url, timeout=10.0, connections=1)
    yield made
    made.close()


def stored(raw: "redis.Redis") -> int:
    return len(raw.keys(f"{keys.MESSAGE}*"))


def cut(raw: "redis.Redis") -> None:
    """Cut every connection but this one."""
    mine = raw.client_id()
    for each in raw.client_list():
        if int(each["id"]) != mine:
            raw.client_kill_filter(_id=each["id"])


def test_the_server_works_while_the_caller_does_something_else(
    store: Store, raw: "redis.Redis"
) -> None:
    store.run(accept([entry("known")]))
    under_way = store.begin(accept([entry("a"), entry("b")]))

    until(lambda: stored(raw) == 3, "both are stored, though nobody asked for the answer yet")

    assert [each.id for each in under_way.result()] == ["a", "b"]


def test_a_server_that_does_not_know_the_script_is_told(store: Store, raw: "redis.Redis") -> None:
    raw.script_flush()

    (answer,) = store.begin(accept([entry("a")])).result()

    assert (answer.id, answer.state) == ("a", "stored")


def test_a_connection_that_breaks_on_the_way_costs_nothing(
    store: Store, raw: "redis.Redis"
) -> None:
    store.run(accept([entry("known")]))
    under_way = store.begin(accept([entry("a")]))
    cut(raw)

    (answer,) = under_way.result()

    assert (answer.state, stored(raw)) == ("stored", 2)


def test_a_connection_that_broke_before_costs_nothing(store: Store, raw: "redis.Redis") -> None:
    store.run(accept([entry("known")]))
    cut(raw)

    (answer,) = store.begin(accept([entry("a")])).result()

    assert (answer.state, stored(raw)) == ("stored", 2)


def test_what_is_dropped_leaves_its_connection_to_others(store: Store) -> None:
    store.begin(accept([entry("a")])).drop()

    (answer,) = store.run(accept([entry("b")]))

    assert answer.id == "b"


def test_a_refusal_says_why(store: Store, raw: "redis.Redis") -> None:
    raw.set(keys.NUMBER_KEY, "another")
    act = acts.accept([entry("a")], retention=60, idempotency=60, number_key="mine")

    with pytest.raises(StoreError, match="number_key"):
        store.begin(act).result()


def test_a_server_that_stands_still_is_an_error_in_time() -> None:
    with Server() as server:
        store = Store(server.url, timeout=TIMEOUT)
        store.run(accept([entry("known")]))
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(StoreError, match="in time"):
                store.begin(accept([entry("a")])).result()
        finally:
            os.kill(server.pid, signal.SIGCONT)
            store.close()


def test_a_server_that_is_away_is_an_error() -> None:
    store = Store("redis://127.0.0.1:1/0", timeout=TIMEOUT)

    with pytest.raises(StoreError, match="cannot be reached"):
        store.begin(accept([entry("a")])).result()


def test_what_must_be_durable_is_not_acknowledged_by_one_command(redis_url: str) -> None:
    """This server has no replica: what waits for one is refused, however it is sent."""
    store = Store(redis_url, timeout=5.0, durability=Durability.REPLICA)

    with pytest.raises(StoreError, match="durable"):
        store.begin(accept([entry("a")])).result()
    store.close()
