"""Control input that makes no sense: a 422 that names the field, and nothing is changed."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]


async def read(client: Client, path: str) -> Any:
    async with client.get(f"/_sandbox{path}") as answer:
        assert answer.status == 200
        return await answer.json()


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("settings", {"latency": -1}, "latency"),
        ("settings", {"latency": "slow"}, "latency"),
        ("settings", {"colour": 1}, "colour"),
        ("settings", {"tencent": {"colour": 1}}, "tencent.colour"),
        ("settings", {"tencent": {"numbers": 0}}, "tencent.numbers"),
        ("settings", {"tencent": {"charge_type": "x"}}, "tencent.charge_type"),
        ("settings", {"tencent": 5}, "tencent"),
        ("settings", {"balances": {"nobody": 1}}, "balances.nobody"),
        ("settings", {"balances": {"zhenzi": "x"}}, "balances[...]"),
        ("settings", [], "body"),
        ("faults", {"kind": "sulk"}, "faults[0].kind"),
        ("faults", {"vendor": "zhenzi"}, "faults[0].kind"),
        ("faults", [{"kind": "500"}, {"kind": "500", "count": 0}], "faults[1].count"),
        ("faults", {"kind": "500", "probability": 2}, "faults[0].probability"),
        ("faults", {"kind": "500", "vendor": "x"}, "faults[0].vendor"),
        ("faults", {"kind": "500", "colour": 1}, "faults[0].colour"),
        ("faults", {"kind": "code"}, "faults[0].code"),
        ("faults", {"kind": "throttle", "reason": "balance"}, "faults[0].reason"),
        ("faults", 5, "faults"),
    ],
)
async def test_input_that_makes_no_sense_is_a_422_that_names_the_field(
    client: Client, path: str, body: Any, field: str
) -> None:
    before = await read(client, f"/{path}")

    async with client.put(f"/_sandbox/{path}", json=body) as answer:
        assert answer.status == 422
        error = await answer.json()

    assert (error["field"], bool(error["error"])) == (field, True)
    assert await read(client, f"/{path}") == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"number": "1", "text": "T", "vendor": "tencent"}, "number"),
        ({"number": "13800138000", "text": "T", "vendor": "x"}, "vendor"),
        ({"number": "13800138000", "text": "T", "vendor": "zhenzi"}, "vendor"),
        ({"number": "13800138000", "vendor": "tencent"}, "text"),
        ([{"number": "1", "text": "T", "vendor": "tencent"}], "[0].number"),
        ({"number": "13800138000", "text": "T", "vendor": "tencent", "account": "x"}, "account"),
    ],
)
async def test_a_reply_that_makes_no_sense_is_a_422(client: Client, body: Any, field: str) -> None:
    async with client.post("/_sandbox/mo", json=body) as answer:
        assert answer.status == 422
        assert (await answer.json())["field"] == field


async def test_a_body_that_is_no_json_is_a_422(client: Client) -> None:
    async with client.put("/_sandbox/faults", data=b"{") as answer:
        assert answer.status == 422
        assert (await answer.json())["field"] == "body"
