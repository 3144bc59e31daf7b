"""largesms: GET, AppCode, templates, the codes in their order, the windows of a number."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from worker.sandbox import Sandbox

Client = TestClient[web.Request, web.Application]

HEADERS = {"Authorization": "APPCODE sandbox-appcode"}
GOOD = {"param": "1234|5", "phone": "13800138000", "sign": "123", "skin": "1"}


@pytest.fixture
def send(client: Client) -> Callable[..., Any]:
    async def get(**query: str) -> Any:
        async with client.get("/largesms", params={**GOOD, **query}, headers=HEADERS) as answer:
            assert answer.status == 200
            return await answer.json()

    return get


async def test_a_template_is_rendered_for_the_handset(
    send: Callable[..., Any], sandbox: Sandbox
) -> None:
    answer = await send()

    assert answer == {"Message": "发送成功", "Code": "OK"}
    assert sandbox.state.ledger.entries[0].text == "【信使】您的验证码是1234，5分钟内有效"


async def test_without_a_sign_the_vendors_own_signature_stands(
    send: Callable[..., Any], sandbox: Sandbox
) -> None:
    await send(sign="")

    assert sandbox.state.ledger.entries[0].text.startswith("【涪擎】")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"param": "", "phone": "1"}, "1002"),
        ({"phone": ""}, "1002"),
        ({"skin": ""}, "1002"),
        ({"phone": "1380013", "sign": "0"}, "101"),
        ({"phone": "13800138000,13800138001"}, "101"),
        ({"phone": "13800139200", "sign": "0"}, "103"),
        ({"sign": "0", "skin": "77"}, "104"),
        ({"skin": "77"}, "105"),
        ({"param": "1234"}, "105"),
        ({"param": "字" * 200 + "|5"}, "1009"),
        ({"phone": "13800139300"}, "102"),
        ({"phone": "13800139103"}, "106"),
        ({"phone": "13800139104"}, "107"),
        ({"phone": "13800139105"}, "199"),
    ],
)
async def test_each_code_is_a_string_and_comes_in_its_order(
    send: Callable[..., Any], sandbox: Sandbox, query: dict[str, str], code: str
) -> None:
    answer = await send(**query)

    assert answer["Code"] == code
    assert not sandbox.state.ledger.entries


async def test_105_is_worded_differently_for_a_misfit_and_for_an_unknown_template(
    send: Callable[..., Any],
) -> None:
    assert (await send(param="1"))["Message"] == "参数与模板不对应!"
    assert (await send(skin="77"))["Message"] == "模板编号错误!"


async def test_a_number_waits_a_minute_between_messages(
    send: Callable[..., Any], now: list[float]
) -> None:
    assert (await send())["Code"] == "OK"
    now[0] += 59.9
    assert (await send())["Code"] == "102"
    assert (await send(phone="13800138001"))["Code"] == "OK"
    now[0] += 0.1
    assert (await send())["Code"] == "OK"


async def test_a_number_gets_fifteen_a_day_and_the_day_is_shanghais(
    send: Callable[..., Any], now: list[float]
) -> None:
    codes = []
    for _ in range(16):
        codes.append((await send())["Code"])
        now[0] += 60

    assert codes == ["OK"] * 15 + ["102"]
    # It is 20:24 in Shanghai; midnight there is 16:00 GMT.
    now[0] = 1521475200.0 - 1
    assert (await send())["Code"] == "102"
    now[0] += 1
    assert (await send())["Code"] == "OK"


async def test_the_windows_can_be_switched_off(
    send: Callable[..., Any], client: Client, sandbox: Sandbox
) -> None:
    await client.put("/_sandbox/settings", json={"largesms": {"interval": 0, "daily": 0}})

    assert {(await send())["Code"] for _ in range(20)} == {"OK"}


async def test_gateway_errors_have_empty_bodies_and_speak_in_headers(client: Client) -> None:
    for headers, status, message, code in (
        ({}, 403, "Unauthorized", None),
        ({"Authorization": "sandbox-appcode"}, 403, "Unauthorized", None),
        ({"Authorization": "APPCODE x"}, 400, "Invalid AppCode `not exists`", "A400AC"),
    ):
        async with client.get("/largesms", params=GOOD, headers=headers) as answer:
            assert (answer.status, await answer.read()) == (status, b"")
            assert answer.headers["X-Ca-Error-Message"] == message
            assert answer.headers.get("X-Ca-Error-Code") == code
            assert answer.headers["X-Ca-Request-Id"]


async def test_a_post_is_refused_by_the_gateway(client: Client) -> None:
    async with client.post("/largesms", params=GOOD, headers=HEADERS) as answer:
        assert answer.headers["X-Ca-Error-Message"] == "Invalid HttpMethod"


async def test_each_answer_with_200_is_billed_and_a_used_up_package_is_the_gateways_403(
    send: Callable[..., Any], client: Client
) -> None:
    await client.put("/_sandbox/settings", json={"balances": {"largesms": 2}})

    await send()
    await send(phone="1")

    async with client.get("/largesms", params=GOOD, headers=HEADERS) as answer:
        assert answer.status == 403
        assert answer.headers["X-Ca-Error-Code"] == "B403MQ"
        assert "quota exhausted" in answer.headers["X-Ca-Error-Message"]


@pytest.mark.parametrize(
    ("tail", "status", "code"), [("9301", 429, "T429PA"), ("9107", 403, "B403MQ")]
)
async def test_fates_the_product_has_no_code_for_are_the_gateways(
    client: Client, tail: str, status: int, code: str
) -> None:
    query = GOOD | {"phone": f"1380013{tail}"}

    async with client.get("/largesms", params=query, headers=HEADERS) as answer:
        assert (answer.status, answer.headers["X-Ca-Error-Code"]) == (status, code)
