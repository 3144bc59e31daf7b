"""Tencent's API gateway: the HMAC, its clock window, and what it says when it refuses."""

from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]
Headers = Callable[[], dict[str, str]]

VECTOR = {
    "X-Source": "market",
    "X-Date": "Mon, 19 Mar 2018 12:08:40 GMT",
    "Authorization": (
        'hmac id="testSecretId", algorithm="hmac-sha1", headers="x-date x-source", '
        'signature="Wwx+V2ioHz0CK2Adq9vbnYzg+kE="'
    ),
}
BALANCE = {"account": "ours", "password": "pw", "action": "balance", "rt": "json"}


async def refused(client: Client, headers: dict[str, str]) -> str:
    async with client.post("/release/smsoverage", data=BALANCE, headers=headers) as answer:
        assert answer.status == 401
        assert list(await answer.json()) == ["message"]
        return str((await answer.json())["message"])


async def test_the_published_vector_is_let_in(client: Client) -> None:
    async with client.post("/release/smsoverage", data=BALANCE, headers=VECTOR) as answer:
        assert (await answer.json())["status"] == 0


@pytest.mark.parametrize("shift", [-900.0, 900.0])
async def test_a_date_at_the_edge_of_the_window_is_let_in(
    client: Client, now: list[float], shift: float
) -> None:
    now[0] += shift

    async with client.post("/release/smsoverage", data=BALANCE, headers=VECTOR) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("shift", [-901.0, 901.0])
async def test_a_date_out_of_the_window_is_refused(
    client: Client, now: list[float], shift: float
) -> None:
    now[0] += shift

    assert "the x-date header is out of date" in await refused(client, VECTOR)


async def test_blanks_around_equals_signs_and_missing_quotes_are_taken(client: Client) -> None:
    written = VECTOR["Authorization"].replace("=", " = ", 3)
    written = written.replace('signature="Wwx', "signature = Wwx").rstrip('"')

    headers = VECTOR | {"Authorization": written}

    async with client.post("/release/smsoverage", data=BALANCE, headers=headers) as answer:
        assert answer.status == 200


async def test_the_order_of_the_named_headers_is_part_of_what_is_signed(client: Client) -> None:
    written = VECTOR["Authorization"].replace("x-date x-source", "x-source x-date")

    assert await refused(client, VECTOR | {"Authorization": written}) == (
        "HMAC signature does not match"
    )


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("Bearer x", "HMAC authorization format error"),
        ('hmac id="testSecretId", algorithm="hmac-sha1"', "HMAC id or signature missing"),
        ('hmac id="testSecretId", algorithm="md5", signature="x"', "HMAC algorithm md5 not sup"),
        (
            'hmac id="testSecretId", algorithm="hmac-sha1", signature="x"',
            "HMAC authorization headers is invalidate",
        ),
        (
            'hmac id="testSecretId", algorithm="hmac-sha1", headers="x-date x-tea", signature="x"',
            "a valid x-tea header is required",
        ),
        (
            'hmac id="nobody", algorithm="hmac-sha1", headers="x-date", signature="x"',
            "HMAC signature cannot be verified",
        ),
        (
            'hmac id="testSecretId", algorithm="hmac-sha1", headers="x-date", signature="x"',
            "HMAC signature does not match",
        ),
    ],
)
async def test_each_flaw_of_the_header_has_its_message(
    client: Client, written: str, message: str
) -> None:
    assert message in await refused(client, VECTOR | {"Authorization": written})


async def test_without_authorization_or_date_the_gateway_says_which_is_missing(
    client: Client,
) -> None:
    bare = {"X-Source": "market"}
    undated = {key: value for key, value in VECTOR.items() if key != "X-Date"}
    unnamed = VECTOR["Authorization"].replace("x-date ", "")
    mangled = VECTOR | {"X-Date": "yesterday"}

    assert "a validate authorization header is required" in await refused(client, bare)
    assert "a valid x-date header is required" in await refused(client, undated)
    assert "a valid x-date header is required" in await refused(client, mangled)
    assert "a valid date or x-date header is required" in await refused(
        client, undated | {"Authorization": unnamed}
    )


async def test_another_method_or_content_type_does_not_pass(
    client: Client, authorized: Headers
) -> None:
    async with client.get("/release/smsoverage", headers=authorized()) as got:
        assert (got.status, list(await got.json())) == (405, ["message"])

    async with client.post("/release/smsoverage", json={}, headers=authorized()) as posted:
        assert posted.status == 403
        assert "x-www-form-urlencoded" in (await posted.json())["message"]


async def test_an_unknown_path_is_the_gateways_404(client: Client) -> None:
    async with client.post("/release/smsnothing") as answer:
        assert answer.status == 404
        assert "There is no api match host" in (await answer.json())["message"]


@pytest.mark.parametrize("prefix", ["", "/release", "/tencent/release", "/a/b"])
async def test_the_calls_are_found_under_any_prefix(
    client: Client, authorized: Headers, prefix: str
) -> None:
    form = {"account": "sandbox", "password": "sandbox-password", "rt": "json"}

    async with client.post(f"{prefix}/smsreport", data=form, headers=authorized()) as answer:
        assert (await answer.json())["status"] == "0"
