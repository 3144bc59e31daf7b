"""Verdicts on their way to the store: gathered, kept while it is away, none thrown away."""

import asyncio
from typing import Any

import msgspec

from tests.worker.conftest import until
from worker.contract.errors import StoreError
from worker.contract.settings import StoreSettings
from worker.contract.status import Status
from worker.delivery.settling import Settling
from worker.store.acts import Act, Deferred, Settled
from worker.store.client import AsyncStore


class Ledger(AsyncStore):
    """Keeps what it is told; fails as often as asked to."""

    def __init__(self) -> None:
        super().__init__("redis://127.0.0.1:1/0")
        self.told: list[tuple[str, list[str]]] = []
        self.failures: list[Exception] = []
        self.poison = ""

    async def run(self, act: Act[Any]) -> Any:
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        ids = _ids(act)
        if self.poison and self.poison in ids:
            raise ValueError("an id that cannot be sent")
        self.told.append((act.script.name, ids))
        return []


def _ids(act: Act[Any]) -> list[str]:
    if act.script.name == "settle":
        packed = act.args[1]
        assert isinstance(packed, bytes)
        return [str(each) for each in msgspec.msgpack.decode(packed)[0]]
    return [str(each) for each in act.args[1::10]]


def settled(number: int) -> Settled:
    return Settled(id=f"m{number}", attempt=1, status=Status.SUBMITTED)


def deferred(number: int) -> Deferred:
    return Deferred(id=f"m{number}", attempt=1, wait="0", counts=True)


async def test_verdicts_of_one_moment_are_written_together() -> None:
    store = Ledger()
    settling = Settling(store, StoreSettings())

    for number in range(10):
        settling.settle(settled(number))
        settling.defer(deferred(100 + number))
    await settling.flush()

    assert store.told == [
        ("settle", [f"m{number}" for number in range(10)]),
        ("defer", [f"m{100 + number}" for number in range(10)]),
    ]


async def test_many_verdicts_are_written_two_hundred_at_a_time() -> None:
    store = Ledger()
    settling = Settling(store, StoreSettings())

    for number in range(450):
        settling.settle(settled(number))
    await settling.flush()

    assert [len(ids) for _, ids in store.told] == [200, 200, 50]


async def test_a_verdict_is_kept_until_the_store_is_back() -> None:
    store = Ledger()
    store.failures = [StoreError("away") for _ in range(2)]
    settling = Settling(store, StoreSettings())

    settling.settle(settled(1))
    settling.defer(deferred(2))
    await settling.flush()

    assert store.told == [("settle", ["m1"]), ("defer", ["m2"])]


async def test_a_verdict_that_cannot_be_written_takes_none_of_the_others_with_it() -> None:
    store = Ledger()
    store.poison = "m3"
    settling = Settling(store, StoreSettings())

    for number in range(5):
        settling.settle(settled(number))
    settling.defer(deferred(9))
    await settling.flush()

    assert sorted(each for _, ids in store.told for each in ids) == ["m0", "m1", "m2", "m4", "m9"]


async def test_it_goes_on_after_it_was_empty() -> None:
    store = Ledger()
    settling = Settling(store, StoreSettings())

    for number in range(3):
        settling.settle(settled(number))
        await settling.flush()
    settling.settle(settled(3))
    await until(lambda: len(store.told) == 4, "the last one is written without a flush")

    assert [ids for _, ids in store.told] == [["m0"], ["m1"], ["m2"], ["m3"]]


async def test_nothing_to_write_is_nothing_to_wait_for() -> None:
    store = Ledger()

    await Settling(store, StoreSettings()).flush()

    assert store.told == []
