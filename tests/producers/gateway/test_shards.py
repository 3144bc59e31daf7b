"""A gateway before two shards: what is asked of one finds it, what is asked of all adds up."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
import redis

from worker.contract import keys
from worker.contract.settings import Settings
from worker.contract.shards import Shard
from worker.store.embedded import free_port
from worker.store.inbox import Letter

from .conftest import Caller, Open, beat, configured, problem

NUMBERS = [f"139{place:08d}" for place in range(30)]


def of(*urls: str, **more: Any) -> Settings:
    named = tuple(Shard(str(place), url) for place, url in enumerate(urls))
    return replace(configured(urls[0]), shards=named, **more)


@pytest.fixture
async def gateway(open_gateway: Open, urls: list[str]) -> Caller:
    return await open_gateway(of(*urls))


@pytest.fixture
async def half(open_gateway: Open, urls: list[str]) -> Caller:
    """One whose second server is down."""
    return await open_gateway(of(urls[0], f"redis://127.0.0.1:{free_port()}/0"))


async def send(gateway: Caller, numbers: list[str]) -> Any:
    messages = [{"to": each, "text": "您好", "idempotency_key": f"k-{each}"} for each in numbers]
    return await gateway.post("/v1/messages", {"messages": messages})


async def test_messages_go_to_both_and_each_is_found(gateway: Caller, urls: list[str]) -> None:
    answer = await send(gateway, NUMBERS)
    assert answer.status == 202
    for row in (await answer.json())["messages"]:
        found = await gateway.get(f"/v1/messages/{row['id']}")
        assert (await found.json())["status"] == "accepted"

    for url in urls:
        with redis.Redis.from_url(url) as raw:
            assert raw.llen(keys.ready("notice"))


async def test_where_one_is_down_the_answer_says_what_is_stored(half: Caller) -> None:
    placing = of("redis://a", "redis://b").placing
    found = await problem(await send(half, ["nobody", *NUMBERS]), 503, "store-unavailable")

    stored = [message_id is not None for message_id in found["ids"]]
    assert stored == [False, *(placing.of(each) == 0 for each in NUMBERS)]


async def test_it_is_ready_while_one_of_them_is(half: Caller, urls: list[str]) -> None:
    beat(urls[0])
    answer = await half.get("/readyz", key=None)
    assert answer.status == 200
    assert (await answer.json())["redis"].startswith("shard 1: ")


async def test_it_is_not_ready_where_none_is(open_gateway: Open) -> None:
    dead = await open_gateway(of(*[f"redis://127.0.0.1:{free_port()}/0" for _ in range(2)]))

    assert (await dead.get("/readyz", key=None)).status == 503


async def test_workers_and_depths_of_both_are_counted(gateway: Caller, urls: list[str]) -> None:
    for place, url in enumerate(urls):
        beat(url, f"w@host:{place}")
    await send(gateway, NUMBERS)

    assert (await (await gateway.get("/readyz", key=None)).json())["worker"]["alive"] == 2
    page = await (await gateway.get("/metrics", key=None)).text()
    assert f'xinshi_ready_messages{{stream="notice"}} {len(NUMBERS)}.0' in page
    assert (await gateway.get("/v1/vendors")).status == 200


async def test_metrics_name_the_server_that_is_down_and_tell_of_the_other(
    half: Caller, urls: list[str]
) -> None:
    beat(urls[0])
    answer = await half.get("/metrics", key=None)
    lines = (await answer.text()).splitlines()

    assert answer.status == 200
    for line in (
        'xinshi_redis_up{shard="0"} 1.0',
        'xinshi_redis_up{shard="1"} 0.0',
        'xinshi_workers{queue="sms.otp",shard="0"} 1.0',
        'xinshi_ready_messages{stream="notice"} 0.0',
    ):
        assert line in lines
    assert not [line for line in lines if 'queue="sms.otp",shard="1"' in line]


async def test_letters_are_read_on_from_where_both_were_left(
    gateway: Caller, urls: list[str]
) -> None:
    for place in range(6):
        letter = Letter(account="main", sender="+8613800138000", text=str(place))
        with redis.Redis.from_url(urls[place % 2]) as raw:
            raw.xadd(keys.INBOUND, {"letter": msgspec.json.encode(letter)}, id=f"{1000 + place}-0")
    seen, after = [], ""
    for _ in range(4):
        page = await (await gateway.get(f"/v1/inbound?limit=2&after={after}")).json()
        seen += [each["text"] for each in page["messages"]]
        after = page["next"]

    assert seen == ["0", "1", "2", "3", "4", "5"]
    answer = await gateway.get("/v1/inbound?after=1000-0~nowhere")
    await problem(answer, 422, "invalid-parameter")


async def test_letters_of_a_server_that_is_down_are_read_when_it_is_back(
    half: Caller, open_gateway: Open, urls: list[str]
) -> None:
    packed = msgspec.json.encode(Letter(account="main", sender="+8613800138000", text="hello"))
    for url in urls:
        with redis.Redis.from_url(url) as raw:
            raw.xadd(keys.INBOUND, {"letter": packed}, id="1000-0")
    first = await (await half.get("/v1/inbound")).json()
    assert [each["id"] for each in first["messages"]] == ["1000-0"]

    whole = await open_gateway(of(*urls))
    rest = await (await whole.get(f"/v1/inbound?after={first['next']}")).json()
    assert [each["id"] for each in rest["messages"]] == ["1000-0.1"]
