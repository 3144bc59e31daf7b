"""The door: who is not signed in learns nothing, and no other page can act for who is."""

from dataclasses import replace
from typing import Any

import pytest

from producers.gateway.app import create_app
from producers.gateway.console.door import COOKIE
from producers.gateway.console.live import PATH
from producers.gateway.console.tries import MOST
from tests.producers.gateway.conftest import KEY, NUMBER, Caller, Open, configured, problem
from tests.producers.gateway.console.conftest import OPERATOR, Operator, Send, watched
from worker.contract.settings import Settings

CHANGES = [
    ("PUT", "/console/api/session"),
    ("DELETE", "/console/api/session"),
    ("POST", "/console/api/search"),
    ("POST", "/console/api/dead/replay"),
    ("POST", "/console/api/suppression"),
]
READS = [
    ("GET", "/console/live"),
    ("GET", "/console/api/messages/{id}"),
    ("GET", "/console/api/dead"),
    ("GET", "/console/api/inbound"),
    ("GET", "/console/api/suppression"),
]
OPEN = {("GET", "/console/api/session"), ("POST", "/console/api/session")}


def paths() -> set[tuple[str, str]]:
    """Return what the console answers beside its files."""
    app = create_app(watched("redis://nowhere"))
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource
        and route.method != "HEAD"
        and (
            route.resource.canonical.startswith("/console/api/") or route.resource.canonical == PATH
        )
    }


def test_every_path_is_known_to_these_tests() -> None:
    assert paths() == {*CHANGES, *READS} | OPEN


@pytest.mark.parametrize(("method", "path"), [*CHANGES, *READS])
async def test_who_is_not_signed_in_learns_nothing(
    stranger: Operator, method: str, path: str
) -> None:
    answer = await stranger.call(method, path.removeprefix("/console/").format(id="m"))

    await problem(answer, 401, "unauthorized")
    assert "/api/" not in path or answer.headers["Cache-Control"] == "no-store"


async def test_the_page_says_only_whether_an_operator_is_set_up(
    stranger: Operator, gateway: Caller
) -> None:
    assert await (await stranger.get("session")).json() == {"configured": True, "signed_in": False}
    found = await (await gateway.get("/console/api/session", key=None)).json()
    assert found == {"configured": False, "signed_in": False}


async def test_signing_in_gives_a_cookie_that_no_script_and_no_other_site_gets(
    stranger: Operator,
) -> None:
    answer = await stranger.sign_in()
    said = await answer.json()

    assert (answer.status, said["operator"], said["signed_in"]) == (200, "night", True)
    cookie = answer.cookies[COOKIE]
    assert cookie["httponly"] is True
    assert (cookie["samesite"], cookie["path"], cookie["secure"]) == ("Strict", "/console", "")
    assert int(cookie["max-age"]) <= 1800
    assert OPERATOR not in cookie.value
    assert said["proof"] not in cookie.value
    assert (await (await stranger.get("session")).json())["proof"] == said["proof"]
    assert (await stranger.get("dead")).status == 200


async def test_over_https_the_cookie_is_for_https_alone(stranger: Operator) -> None:
    stranger.origin = stranger.origin.replace("http:", "https:")

    assert (await stranger.sign_in()).cookies[COOKIE]["secure"] is True


@pytest.mark.parametrize("key", ["", "guess", KEY, f"{OPERATOR} ", OPERATOR[:-1]])
async def test_what_is_no_operators_key_opens_nothing(stranger: Operator, key: str) -> None:
    answer = await stranger.sign_in(key)

    assert answer.status in (401, 422)
    assert not answer.cookies
    assert (await stranger.get("dead")).status == 401


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b'{"key": 1}', b"{}", b"\xff", b"[" * 4000])
async def test_a_sign_in_that_cannot_be_read_is_refused(stranger: Operator, body: bytes) -> None:
    assert (await stranger.call("POST", "api/session", data=body)).status in (400, 422)


async def test_an_operators_key_sends_nothing(operator: Operator, gateway: Caller) -> None:
    headers = {"Authorization": f"Bearer {OPERATOR}"}

    for method, path in (("POST", "/v1/messages"), ("GET", "/v1/inbound")):
        answer = await operator.client.request(method, path, headers=headers)
        await problem(answer, 403, "not-allowed")


async def test_an_app_key_and_a_session_are_not_the_same(operator: Operator) -> None:
    answer = await operator.client.get("/v1/vendors")
    await problem(answer, 401, "unauthorized")


async def test_guessing_is_slow_and_does_not_lock_others_out(stranger: Operator) -> None:
    guesser = {"X-Forwarded-For": "203.0.113.7"}
    for _ in range(MOST):
        assert (await stranger.sign_in("guess", headers=guesser)).status == 401

    answer = await stranger.sign_in(headers=guesser)
    await problem(answer, 429, "too-many")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert (await stranger.sign_in(headers={"X-Forwarded-For": "203.0.113.8"})).status == 200


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"X-Console-Proof": ""},
        {"X-Console-Proof": "0" * 64},
    ],
)
async def test_no_other_page_acts_for_who_is_signed_in(
    operator: Operator, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = await operator.call(method, path.removeprefix("/console/"), headers=headers)

    await problem(answer, 403, "not-allowed")
    assert (await operator.get("session")).status == 200


async def test_no_other_page_signs_anybody_in(stranger: Operator) -> None:
    answer = await stranger.sign_in(headers={"Origin": "https://evil.example"})

    await problem(answer, 403, "not-allowed")
    assert not answer.cookies


async def test_a_proxy_that_is_trusted_says_under_which_name_we_are_known(
    stranger: Operator,
) -> None:
    headers = {"Origin": "https://sms.example", "X-Forwarded-Host": "sms.example"}

    assert (await stranger.sign_in(headers=headers)).status == 200


async def test_a_proxy_that_is_not_trusted_says_nothing(open_gateway: Open, redis_url: str) -> None:
    base = watched(redis_url).gateway
    settings = configured(redis_url, f'night = {{ key = "{OPERATOR}", role = "operator" }}')
    assert base.trusted_proxies
    found = Operator(await open_gateway(_distrusting(settings)))
    headers = {"Origin": "https://sms.example", "X-Forwarded-Host": "sms.example"}

    assert (await found.sign_in(headers=headers)).status == 403


def _distrusting(settings: Settings) -> Settings:
    return replace(settings, gateway=replace(settings.gateway, trusted_proxies=()))


async def test_who_signs_out_is_out(operator: Operator) -> None:
    cookies = {COOKIE: operator.client.session.cookie_jar.filter_cookies(operator.client.make_url("/console"))[COOKIE].value}  # fmt: skip
    assert (await operator.get("dead")).status == 200

    answer = await operator.call("DELETE", "api/session")

    assert (await answer.json())["signed_in"] is False
    assert (await operator.get("dead")).status == 401
    assert (await operator.get("dead", cookies=cookies)).status == 401  # the old one, kept


async def test_a_sign_of_life_gives_a_fresh_cookie(operator: Operator) -> None:
    answer = await operator.call("PUT", "api/session")

    assert answer.status == 200
    assert COOKIE in answer.cookies
    assert (await operator.get("dead")).status == 200


async def test_neither_key_nor_cookie_nor_number_is_logged(
    operator: Operator, kill: Send, capsys: pytest.CaptureFixture[str]
) -> None:
    await operator.sign_in("a-wrong-guess")
    await operator.sign_in()
    letter = kill(NUMBER)
    await operator.post("dead/replay", {"ids": [letter]})
    await operator.post("search", {"find": NUMBER})
    await operator.post("suppression", {"act": "add", "number": NUMBER, "scope": "all"})
    said = "".join(capsys.readouterr())

    for event in ("signed_in", "refused", "replayed", "suppression"):
        assert f"console.{event}" in said, said
    for secret in (OPERATOR, "a-wrong-guess", operator.proof, NUMBER, "机密"):
        assert secret not in said


async def test_signing_in_works_while_redis_is_away(open_gateway: Open, hung: str) -> None:
    operator: Any = Operator(await open_gateway(watched(hung)))

    assert (await operator.sign_in()).status == 200
    await problem(await operator.get("dead"), 503, "store-unavailable")
    await problem(await operator.get("inbound"), 503, "store-unavailable")
    await problem(await operator.post("search", {"find": NUMBER}), 503, "store-unavailable")
