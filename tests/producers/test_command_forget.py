"""``xinshi forget``: after it, nothing in the store has the number, but what is said to stay."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from producers import Client
from tests.dump import everything
from worker import vendors
from worker.contract import keys
from worker.contract import settings as reading
from worker.contract.privacy import PLAIN
from worker.contract.settings import Settings
from worker.contract.status import Status, Stream
from worker.delivery import limits
from worker.store import acts, arrivals
from worker.store.acts import Settled
from worker.store.arrivals import Heard, Report
from worker.store.client import Store
from worker.store.inbox import Letter
from worker.store.suppression import Suppression

Xinshi = Callable[..., Any]
NUMBER, OTHER = "13800138000", "13900139000"


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    with closing(Store(redis_url, timeout=10.0)) as store:
        yield store


@pytest.fixture
def settings(config: Path) -> Settings:
    return reading.load(config, environment={})


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    with closing(Client(config=settings)) as client:
        yield client


@pytest.fixture
def full(client: Client, store: Store, settings: Settings) -> list[str]:
    """A store that knows two numbers in every way it can; returns the first one's messages."""
    ids = {
        number: [client.send(number, "机密", account="main", idempotency_key=f"{number}{at}") for at in range(3)]
        for number in (NUMBER, OTHER)
    }  # fmt: skip
    plan = limits.pack(Stream.NOTICE, settings, vendors.load_all(settings))
    store.run(acts.claim(Stream.NOTICE, 100, plan))
    for number, (taken, rejected, unknown) in ids.items():
        verdicts = [
            Settled(
                id=taken, attempt=1, status=Status.SUBMITTED, vendor_message_id=f"v{number[:3]}"
            ),
            Settled(id=rejected, attempt=1, status=Status.REJECTED, code="1"),
            Settled(id=unknown, attempt=1, status=Status.UNKNOWN),
        ]
        store.run(acts.settle(verdicts, reports=600))
        letter = Letter(account="main", sender=f"+86{number}", text="谢谢")
        store.run(arrivals.inbound([Heard(mark=number[:3], letter=letter)], memory=600))
        store.run(arrivals.report([_stray(number)], memory=600))
    Suppression(store).add([f"+86{NUMBER}", f"+86{OTHER}"])
    Suppression(store).add([f"+86{NUMBER}"], "main")
    return ids[NUMBER]


def _stray(number: str) -> Report:
    """A report about no message of ours, which throttles the number."""
    return Report(
        account="forms",
        vendor_message_id="stray",
        to=f"+86{number}",
        status=Status.DELIVERED,
        code="c",
        reason="",
        blocked="60000",
    )


def test_a_number_with_a_message_on_its_way_is_not_forgotten(
    xinshi: Xinshi, full: list[str], raw: redis.Redis
) -> None:
    before = everything(raw)

    ran = xinshi("forget", NUMBER, "--yes")

    assert ran.code == 1
    assert "1 message to it may be submitted yet" in ran.err
    assert everything(raw) == before


def test_everything_of_it_is_gone_but_the_suppression_and_the_other_number_stays(
    xinshi: Xinshi, full: list[str], raw: redis.Redis
) -> None:
    ran = xinshi("forget", f"+86 {NUMBER}", "--yes", "--force", "--json")

    (told,) = ran.lines
    assert ran.code == 0
    assert told == {
        "to": "+86138****8000",
        "messages": 3,
        "on_their_way": 0,
        "replies": 1,
        "memories": told["memories"],
        "suppressed": 0,
        "pages": 0,
    }
    assert told["memories"] >= 3, "the last message there, the lost one, the early report"
    left = everything(raw)
    assert PLAIN.number(NUMBER).encode() not in left
    assert left.count(NUMBER.encode()) == 2, "the two lists of the suppression"
    assert not raw.exists(*(keys.MESSAGE + each for each in full))
    assert PLAIN.number(OTHER).encode() in left
    assert len(list(raw.scan_iter(f"{keys.MESSAGE}*"))) == 3
    assert raw.xlen(keys.INBOUND) == 1


def test_its_suppression_goes_where_that_is_wanted(
    xinshi: Xinshi, full: list[str], raw: redis.Redis
) -> None:
    ran = xinshi("forget", NUMBER, "--yes", "--force", "--suppression")

    assert "2 suppression lists" in ran.out
    assert NUMBER.encode() not in everything(raw)
    assert raw.sismember(f"{keys.SUPPRESSED}all", OTHER)


def test_a_worker_goes_on_where_its_message_was_forgotten(
    xinshi: Xinshi, client: Client, store: Store, settings: Settings
) -> None:
    gone, stays = client.send(NUMBER, "一"), client.send(OTHER, "二")
    plan = limits.pack(Stream.NOTICE, settings, vendors.load_all(settings))

    assert xinshi("forget", NUMBER, "--yes", "--force").code == 0

    found = store.run(acts.claim(Stream.NOTICE, 100, plan))
    assert [message_id for message_id, _ in found.messages] == [stays]
    late = Settled(id=gone, attempt=1, status=Status.SUBMITTED, vendor_message_id="v")
    assert store.run(acts.settle([late], reports=600)) == [False]


def test_raw_pages_that_hold_it_stay_and_are_told(xinshi: Xinshi, raw: redis.Redis) -> None:
    raw.xadd(keys.UNREADABLE, {"page": msgspec.msgpack.encode(["x", f"mobile={NUMBER}"])})

    ran = xinshi("forget", NUMBER, "--yes")

    assert ran.code == 0
    assert "1 raw pages of vendors hold it" in ran.out


def test_without_a_terminal_somebody_must_have_agreed(
    xinshi: Xinshi, full: list[str], raw: redis.Redis
) -> None:
    before = everything(raw)

    ran = xinshi("forget", NUMBER, "--force")

    assert ran.code == 2
    assert "give --yes" in ran.err
    assert everything(raw) == before


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"y\n", 0)])
def test_on_a_terminal_it_asks(
    config: Path, full: list[str], raw: redis.Redis, answer: bytes, code: int
) -> None:
    before = everything(raw)
    ours, theirs = os.openpty()
    words = [
        sys.executable,
        "-m",
        "producers",
        "--config",
        str(config),
        "forget",
        NUMBER,
        "--force",
    ]
    asking = subprocess.Popen(words, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.write(ours, answer)
    out, _ = asking.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)

    assert asking.returncode == code
    assert b"Erase what is stored of +86138****8000 for good?" in out
    assert (everything(raw) == before) == (code == 1)


def test_what_is_no_number_is_refused(xinshi: Xinshi) -> None:
    ran = xinshi("forget", "12345", "--yes")

    assert ran.code == 2
    assert "NUMBER" in ran.err
