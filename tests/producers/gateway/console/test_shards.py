"""The console before two servers: what lives on either is found, counted and changed there."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import redis

from producers import Client
from tests.producers.conftest import Work
from tests.producers.gateway.conftest import Open, problem
from tests.producers.gateway.console.conftest import Operator, counted, summed, until, watched
from worker.contract import keys
from worker.contract.settings import Settings
from worker.contract.shards import Shard
from worker.store import care, presence
from worker.store.client import Store
from worker.store.embedded import free_port
from worker.store.inbox import Letter
from worker.store.presence import Vitals

NAMES = ("north", "south")
NUMBERS = [f"139{place:08d}" for place in range(30)]
QUEUES = ("sms.otp", "sms.notice", "sms.marketing", "sms.ticks")


def of(*urls: str) -> Settings:
    named = tuple(Shard(*each) for each in zip(NAMES, urls, strict=True))
    return replace(watched(urls[0]), shards=named)


@pytest.fixture
def settings(urls: list[str]) -> Settings:
    return of(*urls)


@pytest.fixture
def numbers(settings: Settings) -> tuple[str, str]:
    """A number that lives on each."""
    homes = {settings.placing.of(each): each for each in NUMBERS}
    return homes[0], homes[1]


@pytest.fixture
def works(settings: Settings) -> Iterator[list[Work]]:
    """What a worker of each would do."""
    stores = [Store(each.url, timeout=10.0) for each in settings.cells]
    yield [Work(settings, each) for each in stores]
    for each in stores:
        each.close()


@pytest.fixture
async def operator(open_gateway: Open, settings: Settings) -> Operator:
    """Somebody who is signed in at a gateway that knows both."""
    return await signed_in(open_gateway, settings)


@pytest.fixture
async def half(open_gateway: Open, urls: list[str]) -> Operator:
    """... at one whose second server is down."""
    return await signed_in(open_gateway, of(urls[0], f"redis://127.0.0.1:{free_port()}/0"))


async def signed_in(open_gateway: Open, settings: Settings) -> Operator:
    found = Operator(await open_gateway(settings))
    assert (await found.sign_in()).status == 200
    return found


def send(settings: Settings, to: str, **fields: Any) -> str:
    with closing(Client(config=settings)) as client:
        return client.send(to, "您好", **fields)


def kill(work: Work, to: str, code: str = "106") -> str:
    """Make a dead letter at the number's home; returns its id."""
    message_id = send(work.settings, to)
    assert work.claim() == [message_id]
    work.settle(message_id, "rejected", code=code, reason="no such number")
    return message_id


def letters(urls: list[str]) -> None:
    """Put five replies, in turns at both."""
    for place in range(5):
        letter = Letter(account="tencent", sender="+8613800138000", extension=str(place))
        with redis.Redis.from_url(urls[place % 2]) as raw:
            raw.xadd(keys.INBOUND, {"letter": msgspec.json.encode(letter)}, id=f"{1000 + place}-0")


async def asked(operator: Operator, path: str, **query: str) -> Any:
    answer = await operator.get(path, params=query)
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def posted(operator: Operator, path: str, body: Any) -> Any:
    answer = await operator.post(path, body)
    assert answer.status == 200, await answer.text()
    return await answer.json()


@pytest.mark.usefixtures("swift")
async def test_what_lies_and_happens_on_both_is_counted_together(
    operator: Operator, settings: Settings, numbers: tuple[str, str], works: list[Work]
) -> None:
    kill(works[1], numbers[1])
    for to in numbers:
        for _ in range(3):
            send(settings, to, stream="otp")
        send(settings, to, send_at=datetime.now(UTC) + timedelta(hours=1))

    async with operator.live() as events:
        now = await until(events, "now")
        slots = await counted(events, "accepted", 7)

    assert (now["redis"], now["waiting"], now["dead"]) == (None, 2, 1)
    assert (now["streams"]["otp"]["ready"], now["streams"]["otp"]["rings"]) == (6, 2)
    assert (summed(slots, "accepted"), summed(slots, "scheduled")) == (7, 2)


async def test_an_account_does_as_badly_as_at_the_worse_of_both(
    operator: Operator, works: list[Work]
) -> None:
    works[1].run(care.trip("zhenzi", 60, 900, "no money", code="110"))
    for place, work in enumerate(works):
        queues = QUEUES if place == 0 else QUEUES[:1]
        work.run(presence.beat("worker@host:7", Vitals(queues=queues)))

    async with operator.live() as events:
        told = await until(events, "accounts")

    (account,) = (each for each in told["accounts"] if each["name"] == "zhenzi")
    assert account["state"] == "left_alone"
    assert told["shards"] == list(NAMES)
    workers = {each["shard"]: (each["name"], each["queues"]) for each in told["workers"]}
    assert workers == {
        "north": ("worker@host:7", list(QUEUES)),
        "south": ("worker@host:7", list(QUEUES[:1])),
    }


@pytest.mark.parametrize("home", [0, 1])
async def test_a_message_of_either_is_found_by_id_and_number_and_explained(
    operator: Operator, settings: Settings, numbers: tuple[str, str], works: list[Work], home: int
) -> None:
    dead = kill(works[home], numbers[home])
    ready = send(settings, numbers[home])
    send(settings, numbers[1 - home])

    by_number = await posted(operator, "search", {"find": numbers[home]})
    by_id = await posted(operator, "search", {"find": dead})
    life = await asked(operator, f"messages/{dead}")

    assert {each["id"] for each in by_number["messages"]} == {dead, ready}
    assert (by_number["complete"], by_number["away"]) == (True, [])
    assert [each["id"] for each in by_id["messages"]] == [dead]
    assert life["status"] == "rejected"


async def test_dead_letters_of_both_are_listed_filtered_and_sent_again_where_they_are(
    operator: Operator, settings: Settings, numbers: tuple[str, str], works: list[Work]
) -> None:
    ids = [kill(works[home], numbers[home], code=f"10{home}") for home in (0, 1, 0)]

    found = await asked(operator, "dead")
    assert [each["id"] for each in found["messages"]] == ids[::-1]
    assert found["away"] == []
    found = await asked(operator, "dead", reason="101")
    assert [each["id"] for each in found["messages"]] == ids[1:2]

    done = (await posted(operator, "dead/replay", {"ids": ids[:2]}))["replayed"]
    for home in range(2):
        fresh = done[home]["replayed_as"]
        assert settings.placing.of_id(fresh) == home
        assert works[home].claim() == [fresh]
    assert [each["id"] for each in (await asked(operator, "dead"))["messages"]] == ids[2:]


async def test_replies_of_both_are_read_on_the_newest_first(
    operator: Operator, urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producers.gateway.console.lists.SHOWN", 2)
    letters(urls)
    seen, before = [], ""
    while True:
        page = await asked(operator, "inbound", before=before)
        seen += page["messages"]
        if not (before := page["next"] or ""):
            break

    assert [each["extension"] for each in seen] == ["4", "3", "2", "1", "0"]
    assert len({each["id"] for each in seen}) == 5


async def test_a_number_is_suppressed_where_it_lives(
    operator: Operator, numbers: tuple[str, str], urls: list[str]
) -> None:
    for home, number in enumerate(numbers):
        body = {"act": "add", "number": number, "scope": "all"}
        assert (await posted(operator, "suppression", body))["changed"] is True
        with redis.Redis.from_url(urls[home]) as raw:
            assert raw.smembers(f"{keys.SUPPRESSED}all") == {number.encode()}
    with redis.Redis.from_url(urls[1]) as raw:  # as a reply would, under its signature
        raw.sadd(keys.SIGNATURES, "信使")
        raw.sadd(f"{keys.SUPPRESSED}sign:信使", numbers[1])

    found = await asked(operator, "suppression")
    assert {each["scope"]: each["count"] for each in found["scopes"]}["all"] == 2
    assert len(found["numbers"]) == 2
    check = await posted(operator, "suppression", {"act": "check", "number": numbers[1]})
    assert check["scopes"] == ["all", "sign:信使"]
    for scope in check["scopes"]:
        body = {"act": "remove", "number": numbers[1], "scope": scope}
        assert (await posted(operator, "suppression", body))["changed"] is True
    check = await posted(operator, "suppression", {"act": "check", "number": numbers[1]})
    assert check["scopes"] == []


async def test_where_one_is_down_the_other_is_shown_and_the_trouble_has_its_name(
    half: Operator, numbers: tuple[str, str], works: list[Work]
) -> None:
    kill(works[0], numbers[0])
    works[0].run(presence.beat("w", Vitals(queues=QUEUES)))

    async with half.live() as events:
        history = await until(events, "history")
        now = await until(events, "now")
        told = await until(events, "accounts")

    assert now["redis"].startswith("shard south: Redis")
    assert now["dead"] == 1
    assert len(history["steps"]) == 300
    assert told["shards"] == ["north"]
    assert [each["shard"] for each in told["workers"]] == ["north"]
    assert len(told["accounts"]) == 5


async def test_where_the_first_is_down_the_accounts_have_no_balance(
    open_gateway: Open, urls: list[str]
) -> None:
    dead = f"redis://127.0.0.1:{free_port()}/0"
    operator = await signed_in(open_gateway, of(dead, urls[1]))

    async with operator.live() as events:
        told = await until(events, "accounts")

    assert told["shards"] == ["south"]
    assert [each["balance"] for each in told["accounts"]] == [None] * 5
    assert told["polls"] == []


async def test_where_one_is_down_lists_and_searches_say_what_they_lack(
    half: Operator, numbers: tuple[str, str], works: list[Work], urls: list[str]
) -> None:
    dead = kill(works[0], numbers[0])
    elsewhere = send(works[1].settings, numbers[1])
    letters(urls)

    found = await posted(half, "search", {"find": numbers[0]})
    assert [each["id"] for each in found["messages"]] == [dead]
    assert found["complete"] is False
    for path, count in (("dead", 1), ("inbound", 3)):
        page = await asked(half, path)
        assert len(page["messages"]) == count
        assert [each[:12] for each in page["away"]] == ["shard south:"]
    answer = await half.post("search", {"find": elsewhere})
    said = await problem(answer, 503, "store-unavailable")
    assert said["detail"].startswith("shard south: ")


async def test_where_one_is_down_the_numbers_of_the_other_are_suppressed(
    half: Operator, numbers: tuple[str, str]
) -> None:
    for scope in ("all", "tencent"):
        body = {"act": "add", "number": numbers[0], "scope": scope}
        assert (await posted(half, "suppression", body))["changed"] is True
    check = await posted(half, "suppression", {"act": "check", "number": numbers[0]})
    assert check["scopes"] == ["all", "tencent"]

    answer = await half.post("suppression", {"act": "add", "number": numbers[1], "scope": "all"})
    await problem(answer, 503, "store-unavailable")


async def test_where_both_are_down_that_is_told(open_gateway: Open) -> None:
    gone = [f"redis://127.0.0.1:{free_port()}/0" for _ in NAMES]
    operator = await signed_in(open_gateway, of(*gone))

    async with operator.live() as events:
        now = await until(events, "now")

    assert now.keys() == {"redis"}
    assert now["redis"].startswith("shard north: ")
    for path in ("dead", "inbound", "suppression"):
        await problem(await operator.get(path), 503, "store-unavailable")
