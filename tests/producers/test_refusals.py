"""A message that breaks a rule: the error names the field, and nothing of it is stored."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from producers import BatchError, ConflictError, Message, MessageError
from worker.contract.settings import Settings, parse

NUMBER = "13800138000"
OTP = {"template": "otp", "params": {"code": "123456", "minutes": "5"}}

WRONG: list[tuple[str, dict[str, Any]]] = [
    ("to", {"to": "12800138000", "text": "您好"}),
    ("to", {"to": "1380013800", "text": "您好"}),
    ("to", {"to": "138001380001", "text": "您好"}),
    ("to", {"to": "+15005550006", "text": "您好"}),
    ("to", {"to": "+852 5123 4567", "text": "您好"}),
    ("to", {"to": "01013800138000", "text": "您好"}),
    ("to", {"to": "1380013８000", "text": "您好"}),
    ("to", {"to": "", "text": "您好"}),
    ("to", {"to": 13800138000, "text": "您好"}),
    ("to", {"to": None, "text": "您好"}),
    ("to", {"text": "您好"}),
    ("text", {"to": NUMBER, "text": ""}),
    ("text", {"to": NUMBER, "text": " \n\u3000"}),
    ("text", {"to": NUMBER, "text": 5}),
    ("text", {"to": NUMBER, "text": "\ud800"}),
    ("text", {"to": NUMBER, "text": "好" * 501}),
    ("text", {"to": NUMBER, "text": "好" * 497}),  # 【信使】 makes it 501
    ("text", {"to": NUMBER}),
    ("text", {"to": NUMBER, "text": "您好", **OTP}),
    ("template", {"to": NUMBER, "template": "nothing"}),
    ("template", {"to": NUMBER, "template": ""}),
    ("template", {"to": NUMBER, "template": 5}),
    ("params.code", {"to": NUMBER, "template": "otp", "params": {"minutes": "5"}}),
    ("params.code", {"to": NUMBER, "template": "otp"}),
    ("params.name", {"to": NUMBER, "template": "otp", "params": {**OTP["params"], "name": "x"}}),  # type: ignore[dict-item]
    ("params.code", {"to": NUMBER, "template": "otp", "params": {"code": None, "minutes": "5"}}),
    ("params", {"to": NUMBER, "template": "otp", "params": ["1", "5"]}),
    ("params", {"to": NUMBER, "template": "otp", "params": {"\ud800": "1"}}),
    ("params", {"to": NUMBER, "text": "您好", "params": {"code": "1"}}),
    ("stream", {"to": NUMBER, "text": "您好", "stream": "fax"}),
    ("stream", {"to": NUMBER, "text": "您好", "stream": None}),
    ("account", {"to": NUMBER, "text": "您好", "account": "nobody"}),
    ("account", {"to": NUMBER, "text": "您好", "account": ""}),
    ("signature", {"to": NUMBER, "text": "您好", "signature": ""}),
    ("signature", {"to": NUMBER, "text": "您好", "signature": "a】【b"}),
    ("send_at", {"to": NUMBER, "text": "您好", "send_at": "2020-01-01T00:00+08:00"}),
    ("send_at", {"to": NUMBER, "text": "您好", "send_at": datetime(2020, 1, 1, tzinfo=UTC)}),
    ("send_at", {"to": NUMBER, "text": "您好", "send_at": "tomorrow"}),
    ("send_at", {"to": NUMBER, "text": "您好", "send_at": 1800000000}),
    ("send_at", {"to": NUMBER, "text": "您好", "send_at": "9999-12-31T23:59:59+00:00"}),
    ("send_at", {"to": NUMBER, "text": "您好", "send_at": datetime.max.replace(tzinfo=UTC)}),
    ("validity", {"to": NUMBER, "text": "您好", "validity": "soon"}),
    ("validity", {"to": NUMBER, "text": "您好", "validity": 0}),
    ("validity", {"to": NUMBER, "text": "您好", "validity": -1}),
    ("validity", {"to": NUMBER, "text": "您好", "validity": float("nan")}),
    ("validity", {"to": NUMBER, "text": "您好", "validity": True}),
    ("validity", {"to": NUMBER, "text": "您好", "validity": 10**400}),
    ("validity", {"to": NUMBER, "text": "您好", "validity": "99999999999d"}),
    ("validity", {"to": NUMBER, "text": "您好", "validity": timedelta(0)}),
    ("idempotency_key", {"to": NUMBER, "text": "您好", "idempotency_key": ""}),
    ("idempotency_key", {"to": NUMBER, "text": "您好", "idempotency_key": "k" * 201}),
    ("tag", {"to": NUMBER, "text": "您好", "tag": "t" * 65}),
    ("colour", {"to": NUMBER, "text": "您好", "colour": "red"}),
]
CALLABLE = [each for each in WRONG if "to" in each[1] and each[0] != "colour"]


@pytest.mark.parametrize(("field", "fields"), CALLABLE)
async def test_a_wrong_message_is_refused_and_nothing_is_stored(
    client: Any, raw: redis.Redis, field: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(MessageError) as caught:
        await client.send(**fields)

    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")
    assert raw.dbsize() == 0


@pytest.mark.parametrize(("field", "fields"), WRONG)
async def test_in_a_batch_the_others_are_stored(
    client: Any, raw: redis.Redis, field: str, fields: dict[str, Any]
) -> None:
    good = {"to": NUMBER, "text": "您好"}

    with pytest.raises(BatchError) as caught:
        await client.send_many([good, fields, Message(NUMBER, "再见")])

    first, refused, last = caught.value.ids
    assert refused is None
    assert list(caught.value.errors) == [1]
    assert caught.value.errors[1].field == field
    assert raw.exists(f"xinshi:m:{first}", f"xinshi:m:{last}") == 2
    assert raw.llen("xinshi:ready:notice") == 2


async def test_a_batch_of_something_else_names_the_place(client: Any, raw: redis.Redis) -> None:
    with pytest.raises(BatchError) as caught:
        await client.send_many(["13800138000"])

    assert caught.value.errors[0].field == "message"
    assert caught.value.ids == [None]
    assert raw.dbsize() == 0


async def test_a_text_that_no_vendor_takes_is_refused_without_accounts_too(
    connect: Any, redis_url: str, raw: redis.Redis
) -> None:
    client = connect(redis_url)

    with pytest.raises(MessageError, match="text: at most 10000 characters"):
        await client.send(NUMBER, "好" * 10_001)

    assert raw.dbsize() == 0


async def test_no_error_repeats_the_number_or_the_text(client: Any) -> None:
    for fields in ({"to": "19912345678901", "text": "秘密"}, {"to": NUMBER, "text": "秘密" * 300}):
        with pytest.raises(MessageError) as caught:
            await client.send(**fields)

        assert "199123" not in repr(caught.value)
        assert "13800138000" not in repr(caught.value)
        assert "秘密" not in repr(caught.value)


async def test_a_text_fits_to_the_last_character(client: Any) -> None:
    assert await client.send(NUMBER, "好" * 496)  # and 【信使】


async def test_a_stroke_in_a_largesms_parameter_is_refused(client: Any, raw: redis.Redis) -> None:
    with pytest.raises(MessageError, match=r"params\.code"):
        await client.send(
            NUMBER, template="otp", params={"code": "12|34", "minutes": "5"}, stream="otp"
        )

    assert raw.dbsize() == 0


async def test_a_stroke_passes_where_another_account_can_carry_it(client: Any) -> None:
    assert await client.send(
        NUMBER, template="otp", params={"code": "12|34", "minutes": "5"}, stream="notice"
    )


async def test_a_free_text_is_refused_where_only_templates_go(
    client: Any, raw: redis.Redis
) -> None:
    with pytest.raises(MessageError, match="templates only") as caught:
        await client.send(NUMBER, "您好", stream="otp")

    assert caught.value.field == "text"
    assert raw.dbsize() == 0


async def test_a_text_without_any_signature_is_refused_where_one_is_needed(
    connect: Any, redis_url: str, raw: redis.Redis
) -> None:
    unsigned: Settings = parse({"vendors": {"main": {"adapter": "chuangxin", "appcode": "x"}}})
    client = connect(redis_url, unsigned)

    with pytest.raises(MessageError, match="signature"):
        await client.send(NUMBER, "您好")

    assert raw.dbsize() == 0
    assert await client.send(NUMBER, "【信使】您好")


async def test_the_same_key_and_message_send_once(client: Any, raw: redis.Redis) -> None:
    first = await client.send(NUMBER, "您好", idempotency_key="order 1/支付")

    again = await client.send("+86 138 0013 8000", "您好", idempotency_key="order 1/支付")

    assert again == first
    assert raw.llen("xinshi:ready:notice") == 1
    assert len(list(raw.scan_iter("xinshi:m:*"))) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"to": "13900139000", "text": "您好"},
        {"to": NUMBER, "text": "再见"},
        {"to": NUMBER, "text": "您好", "signature": "别家"},
        {"to": NUMBER, "text": "您好", "stream": "marketing"},
        {"to": NUMBER, "text": "您好", "account": "main"},
        {"to": NUMBER, **OTP},
    ],
)
async def test_the_same_key_for_another_message_is_a_conflict(
    client: Any, raw: redis.Redis, other: dict[str, Any]
) -> None:
    first = await client.send(NUMBER, "您好", idempotency_key="order-1")

    with pytest.raises(ConflictError) as caught:
        await client.send(**other, idempotency_key="order-1")

    assert caught.value.id == first
    assert caught.value.field == "idempotency_key"
    assert len(list(raw.scan_iter("xinshi:m:*"))) == 1


async def test_the_order_of_parameters_is_no_other_message(client: Any) -> None:
    first = await client.send(
        NUMBER, template="otp", params={"code": "1", "minutes": 5}, idempotency_key="k"
    )

    again = await client.send(
        NUMBER, template="otp", params={"minutes": "5", "code": "1"}, idempotency_key="k"
    )

    assert again == first


async def test_keys_work_within_a_batch_too(client: Any, raw: redis.Redis) -> None:
    same = {"to": NUMBER, "text": "您好", "idempotency_key": "k"}

    with pytest.raises(BatchError) as caught:
        await client.send_many([same, same, {**same, "text": "再见"}])

    first, second, third = caught.value.ids
    assert first == second
    assert third is None
    assert isinstance(caught.value.errors[2], ConflictError)
    assert raw.llen("xinshi:ready:notice") == 1


async def test_without_a_key_the_same_message_goes_twice(client: Any) -> None:
    assert await client.send(NUMBER, "您好") != await client.send(NUMBER, "您好")
