"""What a web app may rely on holds for both clients and for the outbox of its tests alike."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from producers import (
    AsyncClient,
    BatchError,
    Client,
    ConflictError,
    Message,
    MessageError,
    NotFoundError,
    Status,
)
from producers.testing import Outbox
from worker.contract.settings import Settings, parse

NUMBER = "13800138000"
OTP: dict[str, Any] = {"template": "otp", "params": {"code": "123456", "minutes": "5"}}
Open = Callable[..., Any]


class Awaited:
    """Any of the four; every call is awaited."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **fields: Any) -> Any:
            answer = getattr(self._client, name)(*args, **fields)
            return await answer if inspect.isawaitable(answer) else answer

        return call


@pytest.fixture(params=["Client", "AsyncClient", "Outbox", "Outbox.aio", "caught", "caught aio"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server_url(kind: str, request: pytest.FixtureRequest) -> str:
    """A real server for the clients; for an outbox, an address where nobody answers."""
    if kind in ("Client", "AsyncClient"):
        return str(request.getfixturevalue("redis_url"))
    return "redis://127.0.0.1:1/0"


@pytest.fixture
def open_one(kind: str, server_url: str, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Make what is under test, with given settings and seams."""

    def make(config: Settings, **seams: Any) -> Any:
        if kind.startswith("Outbox"):
            outbox = Outbox(config, **seams)
            return outbox.aio if kind.endswith("aio") else outbox
        is_async = kind in ("AsyncClient", "caught aio")
        return (AsyncClient if is_async else Client)(server_url, config, **seams)

    if kind.startswith("caught"):
        with Outbox(parse({})).catching():
            yield make
    else:
        yield make


@pytest.fixture
async def anyone(open_one: Open, table: Settings) -> Any:
    made = Awaited(open_one(table))
    yield made
    await made.close()


async def test_an_accepted_message_reads_the_same(anyone: Any) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    message_id = await anyone.send(NUMBER, **OTP, stream="otp", tag="login", account="forms")

    found = (await anyone.status(message_id)).to_dict()

    created, updated = found.pop("created_at"), found.pop("updated_at")
    expires = found.pop("expires_at")
    assert found == {
        "id": message_id,
        "status": "accepted",
        "reason": "",
        "stream": "otp",
        "to": "+86138****8000",
        "account": "",
        "vendor_message_id": "",
        "code": "",
        "template": "otp",
        "segments": 1,
        "attempts": 0,
        "waits": 0,
        "text_kept": True,
        "tag": "login",
        "send_at": None,
    }
    assert created == updated
    assert before < datetime.fromisoformat(created) < before + timedelta(hours=1)
    lasts = datetime.fromisoformat(expires) - datetime.fromisoformat(created)
    assert lasts == timedelta(minutes=5)


async def test_ids_sort_by_the_time_they_were_given(anyone: Any) -> None:
    ids = [await anyone.send(NUMBER, f"第{place}条") for place in range(3)]

    assert len(set(ids)) == 3
    assert all(len(each) == 26 for each in ids)
    assert [each[:10] for each in ids] == sorted(each[:10] for each in ids)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("to", {"to": "12800138000", "text": "您好"}),
        ("text", {"to": NUMBER, "text": " "}),
        ("text", {"to": NUMBER, "text": "好" * 497}),
        ("text", {"to": NUMBER}),
        ("template", {"to": NUMBER, "template": "nothing"}),
        ("params.code", {"to": NUMBER, "template": "otp", "params": {"minutes": "5"}}),
        ("params.name", {"to": NUMBER, **OTP, "params": {**OTP["params"], "name": "x"}}),
        ("stream", {"to": NUMBER, "text": "您好", "stream": "fax"}),
        ("account", {"to": NUMBER, "text": "您好", "account": "nobody"}),
        ("signature", {"to": NUMBER, "text": "您好", "signature": "【】"}),
        ("send_at", {"to": NUMBER, "text": "您好", "send_at": "yesterday"}),
        ("send_at", {"to": NUMBER, "text": "您好", "send_at": "2001-01-01T00:00Z"}),
        ("validity", {"to": NUMBER, "text": "您好", "validity": "-5m"}),
        ("idempotency_key", {"to": NUMBER, "text": "您好", "idempotency_key": ""}),
        ("tag", {"to": NUMBER, "text": "您好", "tag": "t" * 65}),
    ],
)
async def test_a_wrong_message_is_refused_alike(
    anyone: Any, field: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(MessageError) as caught:
        await anyone.send(**fields)
    with pytest.raises(BatchError) as batch:
        await anyone.send_many([{"to": NUMBER, "text": "您好"}, fields])

    assert caught.value.field == field
    assert str(batch.value.errors[1]) == str(caught.value)
    first, refused = batch.value.ids
    assert refused is None
    assert (await anyone.status(first)).status is Status.ACCEPTED


async def test_the_same_key_and_content_is_the_same_message(anyone: Any) -> None:
    first = await anyone.send(NUMBER, **OTP, idempotency_key="login-7")
    other_form = {"minutes": 5, "code": "123456"}

    again = await anyone.send(
        "+86 138-0013-8000", template="otp", params=other_form, idempotency_key="login-7"
    )
    other_key = await anyone.send(NUMBER, **OTP, idempotency_key="login-8")

    assert again == first
    assert other_key != first


@pytest.mark.parametrize(
    "changed", [{"text": "再见"}, {"to": "13900139000"}, {"stream": "marketing"}]
)
async def test_the_same_key_with_another_content_is_a_conflict(
    anyone: Any, changed: dict[str, str]
) -> None:
    message = {"to": NUMBER, "text": "您好", "idempotency_key": "k"}
    first = await anyone.send(**message)

    with pytest.raises(ConflictError) as caught:
        await anyone.send(**{**message, **changed})

    assert caught.value.id == first


async def test_keys_hold_within_one_batch(anyone: Any) -> None:
    same = Message(NUMBER, "您好", idempotency_key="k")

    first, again = await anyone.send_many([same, same])
    with pytest.raises(BatchError) as caught:
        await anyone.send_many([same, Message(NUMBER, "再见", idempotency_key="k")])

    assert first == again
    assert caught.value.ids == [first, None]
    assert isinstance(caught.value.errors[1], ConflictError)


async def test_a_key_is_free_again_after_its_message_was_refused(anyone: Any) -> None:
    with pytest.raises(MessageError):
        await anyone.send(NUMBER, "", idempotency_key="k")

    assert await anyone.send(NUMBER, "您好", idempotency_key="k")


async def test_many_messages_keep_their_order(anyone: Any) -> None:
    texts = ["短", "好" * 100, "好" * 200] * 400  # more than two round trips

    ids = await anyone.send_many([{"to": NUMBER, "text": text} for text in texts])

    found = [(await anyone.status(each)).segments for each in (*ids[:3], *ids[-3:])]
    assert len(set(ids)) == 1200
    assert found == [1, 2, 4, 1, 2, 4]
    assert await anyone.send_many([]) == []


async def test_a_later_message_is_scheduled(anyone: Any) -> None:
    when = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)

    message_id = await anyone.send(NUMBER, "明天见", send_at=when.isoformat(), validity="5m")
    found = await anyone.status(message_id)
    now = await anyone.send(NUMBER, "现在", send_at=datetime.now(UTC) - timedelta(seconds=2))

    assert found.status is Status.SCHEDULED
    assert (found.send_at, found.expires_at) == (when, when + timedelta(minutes=5))
    assert (await anyone.status(now)).status is Status.ACCEPTED


@pytest.mark.parametrize("days", [0, 1])
async def test_a_message_is_taken_back_once(anyone: Any, days: int) -> None:
    when = datetime.now(UTC) + timedelta(days=days)
    message_id = await anyone.send(NUMBER, "您的包裹已到", send_at=when)

    assert await anyone.cancel(message_id) is True
    assert await anyone.cancel(message_id) is False
    found = await anyone.status(message_id)
    assert found.status is Status.CANCELLED
    assert found.final
    assert found.reason == "by the producer"


async def test_a_message_can_be_explained(anyone: Any) -> None:
    message_id = await anyone.send(NUMBER, "您的包裹已到")
    waiting = (await anyone.explain(message_id)).to_dict()
    await anyone.cancel(message_id)
    taken_back = (await anyone.explain(message_id)).to_dict()

    assert [each["event"] for each in waiting["steps"]] == ["accepted"]
    assert waiting["next"]["event"] == "submit"
    assert [each["event"] for each in taken_back["steps"]] == ["accepted", "cancelled"]
    assert taken_back["next"]["event"] == "nothing"


@pytest.mark.parametrize("message_id", ["01jd4m8x7v3k9q2r5t6w8y0z1a", "", "nö"])
@pytest.mark.parametrize("what", ["status", "cancel", "explain"])
async def test_an_unknown_id_is_not_found(anyone: Any, what: str, message_id: str) -> None:
    with pytest.raises(NotFoundError):
        await getattr(anyone, what)(message_id)


async def test_without_settings_a_text_goes_and_a_template_does_not(open_one: Open) -> None:
    bare = Awaited(open_one(parse({})))

    message_id = await bare.send(NUMBER, "您好", signature="信使")
    with pytest.raises(MessageError, match="template: unknown; there are none in the settings"):
        await bare.send(NUMBER, **OTP)

    assert (await bare.status(message_id)).status is Status.ACCEPTED
    await bare.close()


async def test_ids_can_be_handed_in(open_one: Open, table: Settings) -> None:
    ids = iter(["one", "two"])
    client = Awaited(open_one(table, new_id=lambda: next(ids)))

    assert await client.send_many([{"to": NUMBER, "text": "您好"}] * 2) == ["one", "two"]
    await client.close()


async def test_one_key_sent_by_many_at_once_is_one_message(anyone: Any) -> None:
    sends = [anyone.send(NUMBER, "您好", idempotency_key="k") for _ in range(20)]

    assert len(set(await asyncio.gather(*sends))) == 1
