"""A message that is in order: what is stored of it, and how it is found and taken back."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import redis
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from producers import AsyncClient, Client, Message, NotFoundError, Status
from producers.ids import new_id
from worker.contract import jobs, keys, record
from worker.contract.errors import SettingsError
from worker.contract.recipient import parse
from worker.contract.settings import Settings

NUMBER = "13800138000"
Find = Callable[[str], record.Record]


@pytest.mark.parametrize(
    "number",
    [
        "13800138000",
        "8613800138000",
        "+8613800138000",
        "008613800138000",
        "138 0013 8000",
        "138-0013-8000",
        "+86 138-0013 8000",
    ],
)
async def test_every_usual_form_of_a_number_is_kept_as_one(
    client: Any, find: Find, number: str
) -> None:
    message_id = await client.send(number, "您的包裹已到")

    assert find(message_id).to == "+8613800138000"


async def test_a_message_is_ready_and_the_doorbell_rings(
    client: Any, raw: redis.Redis, find: Find
) -> None:
    message_id = await client.send(NUMBER, "您的包裹已到", tag="parcel")

    stored = find(message_id)
    assert stored.status is Status.ACCEPTED
    assert record.content(stored).text == "您的包裹已到"
    assert record.content(stored).signature == "信使"
    assert raw.lrange(keys.ready("notice"), 0, -1) == [message_id.encode()]
    assert raw.llen(jobs.queue("notice")) == 1


async def test_a_snapshot_says_what_is_known_and_hides_the_number(client: Any) -> None:
    message_id = await client.send(NUMBER, "好" * 70, tag="parcel")

    found = await client.status(message_id)

    assert found.id == message_id
    assert found.status is Status.ACCEPTED
    assert not found.final
    assert found.to == "+86138****8000"
    assert found.segments == 2  # the signature counts
    assert found["tag"] == "parcel"
    assert found.to_dict()["created_at"].endswith("+08:00")
    with pytest.raises(KeyError):
        found["text"]


async def test_a_template_is_stored_with_its_parameters_and_signature(
    client: Any, find: Find
) -> None:
    message_id = await client.send(
        NUMBER, template="otp", params={"code": "123456", "minutes": "5"}, stream="otp"
    )

    content = record.content(find(message_id))
    assert content.template == "otp"
    assert content.params == {"code": "123456", "minutes": "5"}
    assert content.signature == "验证"


async def test_the_signature_of_the_message_wins(client: Any, find: Find) -> None:
    message_id = await client.send(
        NUMBER, template="otp", params={"code": "1", "minutes": "5"}, signature="【别家】"
    )

    assert record.content(find(message_id)).signature == "别家"


async def test_a_later_message_waits_for_its_time(client: Any, raw: redis.Redis) -> None:
    when = datetime.now(UTC) + timedelta(hours=1)

    message_id = await client.send(NUMBER, "明天见", send_at=when, validity="5m")

    found = await client.status(message_id)
    assert found.status is Status.SCHEDULED
    assert abs(found.send_at - when) < timedelta(milliseconds=2)
    assert abs(found.expires_at - when - timedelta(minutes=5)) < timedelta(milliseconds=2)
    assert raw.zscore(keys.WAITING, message_id) == int(when.timestamp() * 1000)
    assert raw.llen(keys.ready("notice")) == 0
    assert raw.llen(jobs.queue("notice")) == 0


async def test_a_time_without_a_zone_is_beijings(client: Any) -> None:
    when = (datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(days=1)).replace(microsecond=0)

    message_id = await client.send(NUMBER, "明天见", send_at=when.replace(tzinfo=None).isoformat())

    assert (await client.status(message_id)).send_at == when


async def test_a_time_just_past_means_now(client: Any) -> None:
    message_id = await client.send(NUMBER, "现在", send_at=datetime.now(UTC) - timedelta(seconds=2))

    assert (await client.status(message_id)).status is Status.ACCEPTED


async def test_a_waiting_message_can_be_taken_back_once(client: Any) -> None:
    message_id = await client.send(NUMBER, "您的包裹已到")

    assert await client.cancel(message_id) is True
    assert await client.cancel(message_id) is False
    found = await client.status(message_id)
    assert found.status is Status.CANCELLED
    assert found.final


@pytest.mark.parametrize("message_id", ["01jd4m8x7v3k9q2r5t6w8y0z1a", "", "nö", "x" * 5000])
async def test_an_unknown_id_is_not_found(client: Any, message_id: str) -> None:
    with pytest.raises(NotFoundError):
        await client.status(message_id)
    with pytest.raises(NotFoundError):
        await client.cancel(message_id)


async def test_many_messages_keep_their_order(client: Any, raw: redis.Redis, find: Find) -> None:
    messages = [
        Message(NUMBER, f"第{place}条") if place % 2 else {"to": NUMBER, "text": f"第{place}条"}
        for place in range(1203)  # more than two round trips
    ]

    ids = await client.send_many(messages)

    texts = [record.content(find(message_id)).text for message_id in ids]
    assert texts == [f"第{place}条" for place in range(1203)]
    assert raw.lrange(keys.ready("notice"), 0, -1) == [each.encode() for each in ids]


async def test_no_messages_are_no_error(client: Any, raw: redis.Redis) -> None:
    assert await client.send_many([]) == []
    assert raw.dbsize() == 0


async def test_a_producer_needs_no_accounts(connect: Any, redis_url: str) -> None:
    client = connect(redis_url)

    assert (await client.status(await client.send(NUMBER, "您好"))).status is Status.ACCEPTED


async def test_a_pinned_account_is_kept(client: Any, find: Find) -> None:
    message_id = await client.send(NUMBER, "您好", account="main")

    assert find(message_id).pin == "main"


async def test_clock_and_ids_can_be_handed_in(connect: Any, redis_url: str) -> None:
    then = datetime(2020, 1, 1, tzinfo=UTC)
    client = connect(redis_url, clock=lambda: then, new_id=lambda: "the-id")

    assert await client.send(NUMBER, "您好", send_at=then) == "the-id"


async def test_one_client_serves_many_tasks_or_threads(redis_url: str, table: Settings) -> None:
    with Client(redis_url, table) as client:
        sync = await asyncio.gather(
            *(asyncio.to_thread(client.send, NUMBER, f"{place}") for place in range(40))
        )
    async with AsyncClient(redis_url, table) as other:
        not_sync = await asyncio.gather(*(other.send(NUMBER, f"{place}") for place in range(40)))

    assert len({*sync, *not_sync}) == 80


def test_an_address_that_cannot_be_read_is_a_setting_at_fault() -> None:
    with pytest.raises(SettingsError, match="redis_url") as caught:
        Client("redis://:hidden@host:port/0")

    assert "hidden" not in str(caught.value)


def test_ids_are_unique_and_sort_by_their_time() -> None:
    ids = [new_id() for _ in range(20_000)]

    assert len(set(ids)) == len(ids)
    assert all(len(each) == 26 and each.isalnum() and each == each.lower() for each in ids)
    assert [each[:10] for each in ids] == sorted(each[:10] for each in ids)


@budget(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(min_size=1, max_size=120).filter(lambda text: bool(text.strip())))
def test_every_text_comes_back_as_it_was(redis_url: str, find: Find, text: str) -> None:
    with Client(redis_url) as client:
        message_id = client.send(NUMBER, text)

    assert record.content(find(message_id)).text == text


@given(
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.sampled_from(["", "+86", "86", "0086"]),
    st.lists(st.tuples(st.integers(0, 15), st.sampled_from([" ", "-", "\t", "\u3000"]))),
)
def test_separators_and_prefixes_change_no_number(
    digits: str, prefix: str, separators: list[tuple[int, str]]
) -> None:
    written = prefix + digits
    for place, separator in separators:
        written = written[:place] + separator + written[place:]

    assert parse(written) == f"+86{digits}"
