"""One signed post to one endpoint, and what its answers mean."""

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.worker.conftest import Listening, Serve
from worker import __version__
from worker.contract.webhooks import Webhook
from worker.notify.posting import Answer, Poster, payload

from .endpoints import OTHER, SECRET, App, running, says

NOW = 1_763_611_200.9
BODY = payload("delivered", "2025-11-20T04:00:00.000Z", {"id": "m1", "tag": "信"})


@asynccontextmanager
async def poster(webhook: Webhook, **seams: Any) -> AsyncIterator[Poster]:
    found = Poster(webhook, **seams)
    found.open()
    try:
        yield found
    finally:
        await found.close()


async def post(app: App, seams: dict[str, Any] | None = None, **settings: Any) -> Answer:
    async with poster(app.settings(**settings), **(seams or {})) as one:
        return await one.post("1763611200000-0", BODY)


async def test_a_post_is_signed_as_standard_webhooks_has_it() -> None:
    async with running() as app:
        assert await post(app, {"now": lambda: NOW}) == Answer(status=204)

    (came,) = app.came
    headers = {name.lower(): value for name, value in came.headers.items()}
    assert (came.method, came.path, came.body) == ("POST", "/sms?token=hidden", BODY)
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == f"Xinshi/{__version__}"
    assert headers["webhook-id"] == "evt_1763611200000-0"
    assert headers["webhook-timestamp"] == "1763611200"
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    content = b"evt_1763611200000-0.1763611200." + came.body
    digest = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"


async def test_the_body_says_type_time_and_data() -> None:
    async with running() as app:
        await post(app)

    assert json.loads(app.came[0].body) == {
        "type": "delivered",
        "timestamp": "2025-11-20T04:00:00.000Z",
        "data": {"id": "m1", "tag": "信"},
    }


async def test_a_receiver_can_verify_it() -> None:
    async with running() as app:
        await post(app)

    found = app.came[0].verified()
    assert (found.id, found.type, found.data["id"]) == ("evt_1763611200000-0", "delivered", "m1")


async def test_while_secrets_change_over_both_sign() -> None:
    async with running() as app:
        await post(app, secret=OTHER, previous_secret=SECRET)

    (came,) = app.came
    assert came.headers["webhook-signature"].count("v1,") == 2
    assert came.verified(OTHER) == came.verified(SECRET)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_takes_it(status: int) -> None:
    async with running(says(status)) as app:
        assert await post(app) == Answer(status=status)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 500, 502, 503, 504])
async def test_any_other_answer_does_not(status: int) -> None:
    async with running(says(status)) as app:
        assert await post(app) == Answer(status=status, reason=f"HTTP {status}")


async def test_410_says_that_it_wants_no_more() -> None:
    async with running(says(410)) as app:
        assert await post(app) == Answer(status=410, reason="HTTP 410", gone=True)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with running() as elsewhere, running(says(status, Location=elsewhere.url)) as app:
        answer = await post(app)

    assert answer == Answer(status=status, reason=f"HTTP {status}; redirects are not followed")
    assert (len(app.came), elsewhere.came) == (1, [])


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("120", 120.0),
        ("Thu, 20 Nov 2025 04:02:00 GMT", 119.1),
        ("86400", 3600.0),
        ("-5", 0.0),
        ("nan", 0.0),
        ("inf", 0.0),
        ("soon", 0.0),
        ("", 0.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_retry_after_is_heeded_up_to_an_hour(status: int, said: str, asked: float) -> None:
    async with running(says(status, Retry_After=said)) as app:
        answer = await post(app, {"now": lambda: NOW})

    assert answer.asked == pytest.approx(asked)


async def test_an_endpoint_that_does_not_answer_is_not_waited_for() -> None:
    async with running() as app:
        app.script = app.silent
        assert await post(app, timeout="200ms") == Answer(reason="no answer in time")


async def test_nobody_listening_is_an_answer_too() -> None:
    async with running() as app:
        pass

    assert await post(app) == Answer(reason="no connection")


async def test_what_an_endpoint_says_at_length_is_not_read(serve: Serve) -> None:
    """It would fill our memory, or last for ever; its status is all that counts."""
    sent = 0

    async def endless(
        seen: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal sent
        await seen.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while sent < 50_000_000 and not writer.transport.is_closing():
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent += 65536
            await writer.drain()

    server = await serve(endless)
    app = App(port=server.port)

    assert await post(app) == Answer(status=200)
    assert sent < 50_000_000


async def test_a_status_counts_whatever_becomes_of_the_body(serve: Serve) -> None:
    async def halting(
        seen: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await seen.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        await asyncio.sleep(60)

    server = await serve(halting)

    assert await post(App(port=server.port), timeout="500ms") == Answer(status=200)


async def test_what_is_no_http_is_no_answer(serve: Serve) -> None:
    async def babble(
        seen: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await seen.request(reader)
        writer.write(b"hello, who is there?\r\n\r\n")
        await writer.drain()

    server = await serve(babble)

    answer = await post(App(port=server.port))
    assert answer.status == 0
    assert answer.reason == "the answer is no HTTP"


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    server = await serve(_silent, tls=tls)
    app = App(port=server.port)

    answer = await post(app, url=f"https://127.0.0.1:{server.port}/")

    assert answer == Answer(reason="the certificate is not valid")
    assert server.heads == []


async def _silent(
    seen: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await seen.request(reader)


class Resolver(AbstractResolver):
    """Says one address after the other; the last one for ever."""

    def __init__(self, *hosts: str) -> None:
        self._hosts = list(hosts)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = self._hosts.pop(0) if len(self._hosts) > 1 else self._hosts[0]
        family = socket.AF_INET6 if ":" in found else socket.AF_INET
        return [
            ResolveResult(hostname=host, host=found, port=port, family=family, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Nothing is open."""


REFUSED = Answer(reason="no public address; allow_private = true allows it")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "100.100.100.200", "::1", "::ffff:127.0.0.1"],
)
async def test_a_name_that_stands_for_a_private_address_is_refused(address: str) -> None:
    async with running() as app:
        answer = await post(
            app,
            {"resolver": Resolver(address)},
            url=f"https://app.example.com:{app.port}/",
            allow_private=False,
        )

    assert (answer, app.came) == (REFUSED, [])


async def test_a_name_that_stands_for_another_address_a_moment_later_does_not_help() -> None:
    """What was looked up before does not count: the connection's own address does."""
    async with running() as app:
        webhook = app.settings(url="https://app.example.com/", allow_private=False, timeout="1s")
        async with poster(webhook, resolver=Resolver("192.0.2.1", "127.0.0.1")) as one:
            one._session._connector._use_dns_cache = False  # type: ignore[union-attr]
            found = [await one.post("1-0", BODY) for _ in range(2)]

    assert found == [REFUSED, REFUSED]
    assert app.came == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "localhost"])
async def test_an_address_in_the_url_itself_is_refused_too(host: str) -> None:
    """Whatever form it is written in; the settings refuse the plain ones before."""
    async with running() as app:
        webhook = Webhook(url=f"http://{host}:{app.port}/", secret=SECRET)
        async with poster(webhook) as one:
            answer = await one.post("1-0", BODY)

    assert app.came == []
    assert answer in (REFUSED, Answer(reason="the address is not valid"))


async def test_with_leave_a_private_address_is_posted_to() -> None:
    async with running() as app:
        answer = await post(
            app,
            {"resolver": Resolver("127.0.0.1")},
            url=f"http://app.internal:{app.port}/",
        )

    assert answer == Answer(status=204)


async def test_connections_are_used_again_while_they_are_young(serve: Serve) -> None:
    async def polite(
        seen: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await seen.request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()

    server = await serve(polite)
    async with poster(App(port=server.port).settings()) as one:
        for number in range(20):
            assert await one.post(f"{number}-0", BODY) == Answer(status=200)

    assert server.connections < 20
