"""Real concurrency: threads, event loops and processes on one server; each round has one truth."""

import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import worker
from worker.contract import keys
from worker.contract.status import Status
from worker.store import acts
from worker.store.client import AsyncStore, Store

from .conftest import (
    HOUR,
    MINUTE,
    NUMBER,
    Lab,
    Ticket,
    accept,
    account,
    claim,
    deferred,
    entry,
    settle,
    settled,
)

ROUNDS = 150


class Pair:
    """Two threads, each with connections of its own, let loose at the same moment."""

    def __init__(self, url: str) -> None:
        self.stores = [Store(url, timeout=10.0) for _ in range(2)]
        self._pool = ThreadPoolExecutor(2)

    def run(self, one: Callable[[Store], Any], other: Callable[[Store], Any]) -> tuple[Any, Any]:
        barrier = threading.Barrier(2)

        def go(act: Callable[[Store], Any], store: Store) -> Any:
            barrier.wait(10)
            return act(store)

        futures = [
            self._pool.submit(go, act, store)
            for act, store in zip((one, other), self.stores, strict=True)
        ]
        first, second = (each.result(10) for each in futures)
        return first, second

    def close(self) -> None:
        self._pool.shutdown()
        for store in self.stores:
            store.close()


@pytest.fixture
def pair(redis_url: str) -> Iterator[Pair]:
    two = Pair(redis_url)
    yield two
    two.close()


def test_two_accepts_with_one_key_store_one_message(lab: Lab, pair: Pair) -> None:
    winners: Counter[str] = Counter()
    for count in range(ROUNDS):
        batches = [[entry(f"{side}{count}", key=f"k{count}")] for side in "ab"]

        found = pair.run(
            lambda store, batch=batches[0]: store.run(accept(batch)),  # type: ignore[misc]
            lambda store, batch=batches[1]: store.run(accept(batch)),  # type: ignore[misc]
        )

        states = sorted(each[0].state for each in found)
        assert states == ["duplicate", "stored"]
        assert found[0][0].id == found[1][0].id
        winners[found[0][0].id[0]] += 1
    assert len(lab.ready()) == ROUNDS
    lab.check()


def test_two_claims_of_one_list_share_it(lab: Lab, pair: Pair) -> None:
    for _ in range(ROUNDS):
        ids = lab.put(5)

        found = pair.run(
            lambda store: store.run(claim(most=3)), lambda store: store.run(claim(most=3))
        )

        claimed = [message_id for each in found for message_id, _ in each.messages]
        assert sorted(claimed) == ids
    assert {lab.record(each).attempt for each in lab.open()} == {1}


def test_two_claims_take_no_more_than_the_windows_allow(lab: Lab, pair: Pair) -> None:
    rules = account(windows=[[1, MINUTE]], concurrency=1000)
    for count in range(ROUNDS):
        lab.put(4, to=f"+86137{count:08d}", validity=10_000)

        found = pair.run(
            lambda store: store.run(claim(rules, most=2)),
            lambda store: store.run(claim(rules, most=2)),
        )

        opened = [each for both in found for _, each in both.messages if each.deadline]
        assert len(opened) == 1


def test_a_claim_and_a_cancel_never_both_succeed(lab: Lab, pair: Pair) -> None:
    won: Counter[str] = Counter()
    for _ in range(ROUNDS):
        message_id = lab.put_one()

        found, (cancelled, status) = pair.run(
            lambda store: store.run(claim()),
            lambda store, i=message_id: store.run(acts.cancel(i)),  # type: ignore[misc]
        )

        claimed = [each for each, _ in found.messages] == [message_id]
        assert claimed != cancelled
        assert status == ("cancelled" if cancelled else "submitting") == lab.status(message_id)
        won["cancel" if cancelled else "claim"] += 1
    lab.check()


def test_an_answer_and_the_sweep_leave_it_submitted_whoever_comes_first(
    lab: Lab, pair: Pair
) -> None:
    for _ in range(ROUNDS):
        message_id = lab.put_one()
        lab.claim()
        lab.raw.zadd(keys.OPEN + "a", {message_id: 1})  # long past its deadline
        item = settled(message_id, vendor_message_id="v")

        answers, swept = pair.run(
            lambda store, i=item: store.run(settle(i)),  # type: ignore[misc]
            lambda store: store.run(acts.sweep(100)),
        )

        assert answers == [True]
        assert [each for each, _ in swept.lost] in ([], [message_id])
        assert lab.status(message_id) == "submitted"
    assert lab.open() == {}


def test_two_verdicts_on_one_attempt_leave_the_first(lab: Lab, pair: Pair) -> None:
    for _ in range(ROUNDS):
        message_id = lab.put_one()
        lab.claim()
        item = settled(message_id, vendor_message_id="v")
        back = deferred(message_id, wait="60000")

        settled_, deferred_ = pair.run(
            lambda store, i=item: store.run(settle(i)),  # type: ignore[misc]
            lambda store, i=back: store.run(acts.defer([i])),  # type: ignore[misc]
        )

        assert (settled_, deferred_) in (([True], [""]), ([False], ["scheduled"]))
        assert lab.status(message_id) == ("submitted" if settled_ == [True] else "scheduled")
    lab.check()


def test_two_releases_release_once(lab: Lab, pair: Pair) -> None:
    for _ in range(ROUNDS // 3):
        due = lab.now() + HOUR
        ids = lab.put(30, due=due)
        lab.raw.zadd(keys.WAITING, dict.fromkeys(ids, 1))

        found = pair.run(
            lambda store: store.run(acts.release(20)), lambda store: store.run(acts.release(20))
        )

        assert sum(each.released for each in found) == 30
        assert sorted(lab.ready()) == ids
        lab.raw.delete(keys.ready("notice"))


def test_a_claim_and_a_release_of_the_same_messages(lab: Lab, pair: Pair) -> None:
    for _ in range(ROUNDS // 3):
        ids = lab.put(10, due=lab.now() + HOUR)
        lab.raw.zadd(keys.WAITING, dict.fromkeys(ids, 1))

        found, _ = pair.run(
            lambda store: store.run(claim()), lambda store: store.run(acts.release(100))
        )
        rest = lab.claim()

        claimed = [each for both in (found, rest) for each, _ in both.messages]
        assert sorted(claimed) == ids


async def _pump(url: str, name: str, sent: list[str]) -> None:
    """Claim until nothing is left; every other answer is lost and asked for again."""
    store, ticket = AsyncStore(url, timeout=10.0), Ticket(name)
    turn = 0
    while True:
        turn += 1
        act = claim(most=7, ticket=ticket)
        if turn % 3 == 0:
            await store.redis.eval(act.script.source, 0, *act.args)
            continue
        found = await store.run(act)
        ids = [i for i, each in found.messages if each.status is Status.SUBMITTING]
        sent += ids
        if not found.messages:
            break
        await asyncio.gather(*(store.run(settle(settled(each, n))) for each, n in _numbers(found)))
    await store.close()


def _numbers(found: acts.Claimed) -> list[tuple[str, int]]:
    return [(message_id, each.attempt) for message_id, each in found.messages]


def test_pumps_on_several_loops_send_everything_once(lab: Lab, redis_url: str) -> None:
    ids = lab.put(600)
    sent: list[list[str]] = [[] for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        runs = [
            pool.submit(asyncio.run, _pump(redis_url, f"pump{at}", sent[at])) for at in range(4)
        ]
        for each in runs:
            each.result(60)

    assert sorted(each for some in sent for each in some) == ids
    assert {lab.status(each) for each in ids} == {"submitted"}
    assert lab.open() == {}
    lab.check()


_CLAIMER = """
import json, sys
import msgspec
from worker.contract.status import Stream
from worker.store import acts
from worker.store.client import Store
store, accounts, sent = Store(sys.argv[1]), bytes.fromhex(sys.argv[2]), []
print("up", flush=True)
sys.stdin.readline()
while True:
    found = store.run(acts.claim(Stream.NOTICE, 5, accounts))
    if not found.messages:
        break
    sent += [message_id for message_id, _ in found.messages]
print(json.dumps(sent))
"""


def test_processes_share_one_list(lab: Lab, redis_url: str) -> None:
    ids = lab.put(1000)
    packed = claim().args[3]
    assert isinstance(packed, bytes)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _CLAIMER, redis_url, packed.hex()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(worker.__file__).parents[1],
        )
        for _ in range(3)
    ]

    for each in processes:
        assert each.stdout is not None
        assert each.stdout.readline() == "up\n"
    outputs = [each.communicate("go\n", timeout=60)[0] for each in processes]

    assert sorted(one for each in outputs for one in json.loads(each)) == ids


def test_everything_at_once(lab: Lab, redis_url: str) -> None:
    """Producers, pumps, ticks and answers together; then every message is in its place."""
    errors: list[BaseException] = []
    rules = account(windows=[[2, 50]], concurrency=20, life=30)

    def produce(side: int) -> None:
        store = Store(redis_url, timeout=10.0)
        for count in range(60):
            ids = [f"p{side}-{count}-{at}" for at in range(5)]
            store.run(accept(entry(i, to=NUMBER[:-1] + str(side), key=f"k-{i}") for i in ids))
            store.run(acts.cancel(ids[0]))
        store.close()

    def pump(side: int) -> None:
        store, ticket = Store(redis_url, timeout=10.0), Ticket(f"pump{side}")
        for count in range(80):
            found = store.run(claim(rules, most=10, ticket=ticket, evade=True))
            for at, (i, each) in enumerate(found.messages):
                if each.deadline and (at + count) % 3 == 0:
                    store.run(settle(settled(i, each.attempt, vendor_message_id=f"v{i}")))
                elif each.deadline and (at + count) % 3 == 1:
                    store.run(acts.defer([deferred(i, each.attempt, wait=str(at % 2 * 20))]))
        store.close()

    def tick() -> None:
        store = Store(redis_url, timeout=10.0)
        for _ in range(80):
            store.run(acts.release(100))
            store.run(acts.sweep(100))
        store.close()

    def guard(run: Callable[..., None], *args: int) -> None:
        try:
            run(*args)
        except BaseException as error:  # noqa: BLE001 - told below, by the test itself
            errors.append(error)

    threads = [
        *(threading.Thread(target=guard, args=(produce, side)) for side in range(2)),
        *(threading.Thread(target=guard, args=(pump, side)) for side in range(2)),
        threading.Thread(target=guard, args=(tick,)),
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)

    assert errors == []
    assert lab.raw.dbsize() > 600
    lab.check()
