"""Both clients and the command with two servers: each number lives at one, and who asks finds all."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest
import redis

from producers import AsyncClient, BatchError, NotFoundError, StoreError
from producers.following import follow
from producers.ids import new_id
from producers.listening import Listening
from worker.contract import keys
from worker.contract.settings import Settings, parse
from worker.contract.status import Stream
from worker.delivery.limits import pack
from worker.store.acts import claim
from worker.store.client import Store
from worker.store.embedded import free_port
from worker.store.feed import emit
from worker.store.inbox import Letter
from worker.store.shards import AsyncShards, Shards
from worker.store.suppression import EVERYWHERE, Suppression, Suppressions

from .conftest import NUMBER, Connect, Either

MANY = 40
NUMBERS = [f"139{place:08d}" for place in range(MANY)]
HERE = {"signature": "信使"}


def of(urls: list[str], **more: Any) -> Settings:
    return parse({"redis_urls": urls, "defaults": HERE, **more})


@pytest.fixture
def settings(urls: list[str]) -> Settings:
    return of(urls)


@pytest.fixture
def raws(urls: list[str]) -> Iterator[list[Any]]:
    """Plain clients of both servers."""
    found = [redis.Redis.from_url(url) for url in urls]
    yield found
    for each in found:
        each.close()


@pytest.fixture
def shards(settings: Settings) -> Iterator[Shards]:
    with closing(Shards(settings)) as found:
        yield found


@pytest.fixture
def client(connect: Connect, settings: Settings) -> Either:
    return connect(None, settings)


def at_one(numbers: list[str], settings: Settings, place: int) -> list[str]:
    return [each for each in numbers if settings.placing.of(each) == place]


async def test_each_message_is_at_the_shard_of_its_number_and_its_id_says_so(
    client: Either, settings: Settings, raws: list[Any]
) -> None:
    ids = [await client.send(number, "您好") for number in NUMBERS]

    for number, message_id in zip(NUMBERS, ids, strict=True):
        home = settings.placing.of(number)
        assert settings.placing.of_id(message_id) == home
        found = [raw.exists(keys.message(message_id)) for raw in raws]
        assert found == [place == home for place in range(2)]
    assert {settings.placing.of(number) for number in NUMBERS} == {0, 1}


async def test_each_shard_rings_for_its_own(client: Either, raws: list[Any]) -> None:
    await client.send_many([{"to": number, "text": "您好"} for number in NUMBERS])

    for raw in raws:
        assert 0 < raw.llen(keys.ready("notice")) < MANY
        assert raw.llen("sms.notice") == 1
    assert sum(raw.llen(keys.ready("notice")) for raw in raws) == MANY


async def test_ids_of_many_come_in_their_order_whatever_their_shards(
    client: Either, shards: Shards
) -> None:
    ids = await client.send_many([{"to": number, "text": "您好"} for number in NUMBERS])

    records = shards.find(ids)
    assert [each.to for each in records if each] == [f"+86{number}" for number in NUMBERS]


async def test_a_message_is_found_explained_and_cancelled_wherever_it_is(client: Either) -> None:
    for message_id in [await client.send(number, "您好") for number in NUMBERS[:6]]:
        assert (await client.status(message_id)).status == "accepted"
        assert (await client.explain(message_id)).snapshot.id == message_id
        assert await client.cancel(message_id)
        assert (await client.status(message_id)).status == "cancelled"


async def test_what_was_accepted_before_there_were_shards_is_found(
    connect: Connect, urls: list[str], client: Either
) -> None:
    """Its id tells any shard, as chance had it."""
    alone = connect(urls[1])
    for message_id in [await alone.send(number, "您好", signature="信使") for number in NUMBERS]:
        assert (await client.status(message_id)).status == "accepted"
        assert await client.cancel(message_id)


async def test_an_unknown_id_is_unknown_everywhere(client: Either) -> None:
    for ask in (client.status, client.explain, client.cancel):
        with pytest.raises(NotFoundError):
            await ask(new_id())


async def test_a_key_sends_once_at_the_shard_of_its_number(client: Either) -> None:
    for number in NUMBERS[:6]:
        first = await client.send(number, "您好", idempotency_key=f"key-{number}")

        assert await client.send(number, "您好", idempotency_key=f"key-{number}") == first


async def test_what_is_refused_keeps_none_of_the_others_back(client: Either) -> None:
    messages: list[Any] = [{"to": number, "text": "您好"} for number in NUMBERS]
    messages[7] = {"to": "nobody", "text": "您好"}

    with pytest.raises(BatchError) as caught:
        await client.send_many(messages)

    assert [place for place, each in enumerate(caught.value.ids) if each is None] == [7]
    assert list(caught.value.errors) == [7]


async def test_a_shard_that_is_down_keeps_the_other_from_nothing_and_a_retry_doubles_nothing(
    connect: Connect, urls: list[str], settings: Settings, raws: list[Any], shards: Shards
) -> None:
    broken = of([urls[0], f"redis://127.0.0.1:{free_port()}/0"], store={"timeout": 0.5})
    messages: list[Any] = [
        {"to": number, "text": "您好", "idempotency_key": f"once-{number}"} for number in NUMBERS
    ]
    down = connect(None, broken)

    with pytest.raises(StoreError, match="shard 1: Redis cannot be reached") as caught:
        await down.send_many(messages)

    ids, there = caught.value.ids, set(at_one(NUMBERS, settings, 0))
    assert [each is not None for each in ids] == [number in there for number in NUMBERS]
    assert f"{len(there)} of {MANY} messages are stored" in str(caught.value)
    assert raws[0].llen(keys.ready("notice")) == len(there)

    again = await connect(None, settings).send_many(messages)
    assert [one for one, first in zip(again, ids, strict=True) if first] == [
        each for each in ids if each
    ]
    assert sum(raw.llen(keys.ready("notice")) for raw in raws) == MANY


async def test_a_single_message_to_a_shard_that_is_down_names_it(
    connect: Connect, urls: list[str], settings: Settings
) -> None:
    broken = of([urls[0], f"redis://127.0.0.1:{free_port()}/0"], store={"timeout": 0.5})
    down = connect(None, broken)

    with pytest.raises(StoreError, match=r"^shard 1: "):
        await down.send(at_one(NUMBERS, settings, 1)[0], "您好")
    message_id = await down.send(at_one(NUMBERS, settings, 0)[0], "您好")
    assert (await down.status(message_id)).status == "accepted"
    with pytest.raises(StoreError):  # it may be there
        await down.status(new_id()[:10] + "1" + new_id()[11:])


async def test_an_address_given_to_the_client_is_the_only_server(
    connect: Connect, settings: Settings, urls: list[str]
) -> None:
    alone = connect(urls[1], settings)
    message_ids = [await alone.send(number, "您好") for number in NUMBERS]

    with closing(Store(urls[1])) as store:
        assert store.redis.llen(keys.ready("notice")) == len(message_ids)


def tell(store: Store, *kinds: str) -> None:
    for kind in kinds:
        store.run(emit(kind, {"account": "main"}))


def listening(**more: Any) -> list[Listening]:
    plain: dict[str, Any] = {"types": None, "start": "oldest", "wait": 1.0, "timeout": 5.0}
    return [Listening("app", shards=2, **(plain | more)) for _ in range(2)]


def test_events_of_both_come_and_no_two_have_one_id(shards: Shards) -> None:
    for store in shards.all:
        tell(store, *["inbound"] * 30)
    ids = [each.id for each in follow(shards, listening())]

    assert len(ids) == len(set(ids)) == 60
    assert sum(each.endswith(".1") for each in ids) == 30
    assert list(follow(shards, listening(wait=0.1))) == [], "each is done with"


def test_events_that_come_while_one_waits_are_told_whichever_shard_has_them(
    shards: Shards,
) -> None:
    list(follow(shards, listening(wait=0.0)))
    found = follow(shards, listening(wait=None))
    for store in (shards.all[1], shards.all[0], shards.all[1]):
        later = threading.Timer(0.3, tell, (store, "opt_out"))
        later.start()
        assert next(found).type == "opt_out"
        later.join()
    found.close()  # type: ignore[attr-defined]


def test_a_shard_that_is_down_keeps_no_events_of_the_other_back(urls: list[str]) -> None:
    """That it is down is told in the end, when the wait is over."""
    broken = of([f"redis://127.0.0.1:{free_port()}/0", urls[1]], store={"timeout": 0.5})
    with closing(Shards(broken)) as shards:
        tell(shards.all[1], "inbound", "opt_out")
        found = follow(shards, listening(wait=0.5, timeout=0.5))

        assert [next(found).type, next(found).type] == ["inbound", "opt_out"]
        with pytest.raises(StoreError, match=r"^shard 0: "):
            next(found)


def test_both_down_is_told_at_once() -> None:
    broken = of([f"redis://127.0.0.1:{free_port()}/{place}" for place in range(2)])
    with closing(Shards(broken)) as shards, pytest.raises(StoreError):
        next(follow(shards, listening(wait=None)))


async def test_the_clients_tell_events_of_all_shards(client: Either, shards: Shards) -> None:
    for store in shards.all:
        tell(store, "inbound", "opt_out")
    if isinstance(client.client, AsyncClient):
        types = [each.type async for each in client.client.events(wait=0.5)]
    else:
        types = [each.type for each in client.client.events(wait=0.5)]

    assert sorted(types) == ["inbound", "inbound", "opt_out", "opt_out"]


Run = Callable[..., Any]


@pytest.fixture
def ran(bare: Run, urls: list[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, with both servers from the environment."""
    monkeypatch.setenv("XINSHI_REDIS_URLS", ",".join(urls))
    return bare


def test_the_command_sends_tells_explains_and_cancels(ran: Run, raws: list[Any]) -> None:
    sent = ran("send", *NUMBERS[:10], "--text", "您好", "--signature", "信使", "--json")
    ids = [each["id"] for each in sent.lines]

    assert sent.code == 0
    assert all(raw.llen(keys.ready("notice")) > 0 for raw in raws)
    assert {each["status"] for each in sent.lines} == {"accepted"}
    for message_id in ids:
        assert ran("status", message_id, "--json").lines[0]["status"] == "accepted"
        assert ran("explain", message_id).code == 0
        assert ran("cancel", message_id).code == 0


def test_events_are_shown_in_their_order_over_all_shards(ran: Run) -> None:
    ran("send", *NUMBERS[:10], "--text", "您好", "--signature", "信使")
    found = ran("events", "--last", "6", "--json").lines

    assert len(found) == 6
    assert [each["at"] for each in found] == sorted(each["at"] for each in found)
    assert len(ran("events", "--last", "99", "--json").lines) == 10


def test_dead_letters_of_both_are_listed_and_replayed_where_they_are(
    ran: Run, shards: Shards, settings: Settings
) -> None:
    fields = ("--text", "您好", "--signature", "信使", "--json")
    ids = [each["id"] for each in ran("send", *NUMBERS[:12], *fields).lines]
    for store in shards.all:
        _end_ready(store)
    listed = [each["id"] for each in ran("dead", "list", "--json").lines]
    assert sorted(listed) == sorted(ids)

    replayed = ran("dead", "replay", *ids, "--json")
    assert replayed.code == 0
    for each in replayed.lines:
        old, fresh = each["id"], each["replayed_as"]
        assert settings.placing.of_id(old) == settings.placing.of_id(fresh)
        assert ran("status", fresh, "--json").lines[0]["status"] == "accepted"


def _end_ready(store: Store) -> None:
    """Claim until nothing is ready: what no account can carry ends."""
    plan = pack(Stream.NOTICE, Settings(), {})
    while store.redis.llen(keys.ready("notice")):
        store.run(claim(Stream.NOTICE, 100, plan))


def test_a_suppressed_number_stands_where_it_lives(
    ran: Run, shards: Shards, settings: Settings
) -> None:
    assert ran("suppression", "add", *NUMBERS).code == 0
    held = [set(Suppression(store).numbers()) for store in shards.all]

    for place in range(2):
        assert held[place] == {f"+86{each}" for each in at_one(NUMBERS, settings, place)}
    listed = ran("suppression", "list", "--reveal", "--json").lines
    assert sorted(each["number"] for each in listed) == sorted(f"+86{each}" for each in NUMBERS)
    gone = ran("suppression", "remove", *NUMBERS, "--json").lines[0]
    assert gone["removed"] == MANY
    assert Suppressions(shards).sizes(())[EVERYWHERE] == 0


def test_suppressed_numbers_come_home_when_a_shard_is_added(
    ran: Run, shards: Shards, settings: Settings
) -> None:
    """Before there was a second one, the first had them all."""
    Suppression(shards.first).add([f"+86{each}" for each in NUMBERS])
    moved = at_one(NUMBERS, settings, 1)

    told = ran("shards", "move", "--json")
    assert told.lines == [{"suppressed": len(moved)}]
    assert ran("shards", "move", "--json").lines == [{"suppressed": 0}]
    assert set(Suppression(shards.all[1]).numbers()) == {f"+86{each}" for each in moved}
    assert len(ran("suppression", "list", "--json").lines) == MANY, "none is told twice"
    assert ran("suppression", "remove", *NUMBERS, "--json").lines[0]["removed"] == MANY
    assert ran("suppression", "list", "--json").lines == []


def letter(raw: Any, text: str, at: int) -> None:
    packed = msgspec.json.encode(Letter(account="main", sender=f"+86{NUMBER}", text=text))
    raw.xadd(keys.INBOUND, {"letter": packed}, id=f"{at}-0")


def texts(ran: Run, *more: str) -> tuple[list[str], str]:
    """What handsets said, and where to read on."""
    found = ran("inbound", "--text", *more)
    after = found.err.strip().rpartition("--after ")[2]
    return [line.split()[-1] for line in found.out.splitlines()], after


def test_letters_of_both_are_read_in_their_order_and_none_is_lost_between(
    ran: Run, raws: list[Any]
) -> None:
    for place in range(6):
        letter(raws[place % 2], f"t{place}", 1_000 + place)
    first, after = texts(ran, "--limit", "3")
    letter(raws[1], "late", 1_006)  # its clock is behind: what was read before is not read again
    letter(raws[0], "new", 1_009)
    rest, _ = texts(ran, "--limit", "50", "--after", after)

    assert first == ["t0", "t1", "t2"]
    assert rest == ["t3", "t4", "t5", "late", "new"]


def test_a_letter_that_a_slow_clock_dates_before_the_last_one_read_is_not_passed_over(
    ran: Run, raws: list[Any]
) -> None:
    letter(raws[0], "one", 2_000)
    _, after = texts(ran, "--limit", "1")
    letter(raws[1], "two", 1_500)

    assert texts(ran, "--after", after)[0] == ["two"]


def test_doctor_looks_at_each_server_and_tells_when_they_changed_places(
    ran: Run, raws: list[Any], urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, raw in enumerate(raws):
        raw.set(keys.SHARD, place)
    checks = {each["check"]: each for each in ran("doctor", "--json").lines[0]["checks"]}
    assert checks["0: redis"]["verdict"] == checks["1: redis"]["verdict"] == "ok"
    assert checks["0: shard"]["verdict"] == checks["1: shard"]["verdict"] == "ok"
    assert "0: spool" in checks
    assert "1: spool" not in checks

    monkeypatch.setenv("XINSHI_REDIS_URLS", ",".join(reversed(urls)))
    checks = {each["check"]: each for each in ran("doctor", "--json").lines[0]["checks"]}
    assert checks["0: shard"]["verdict"] == checks["1: shard"]["verdict"] == "error"


def test_doctor_names_the_server_that_is_down_and_looks_at_the_other(
    ran: Run, urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = f"redis://127.0.0.1:{free_port()}/0"
    monkeypatch.setenv("XINSHI_REDIS_URLS", f"{urls[0]},{dead}")
    checks = {each["check"]: each["verdict"] for each in ran("doctor", "--json").lines[0]["checks"]}

    assert checks["1: redis"] == "error"
    assert checks["0: redis"] == "ok"


async def test_a_bug_is_no_shard_that_is_away(settings: Settings) -> None:
    shards = AsyncShards(settings)

    async def look(place: int) -> int:
        if place == 1:
            raise ValueError("a bug")
        raise StoreError("away")

    with pytest.raises(ValueError, match="a bug"):
        await shards.reach(look)
    await shards.close()
