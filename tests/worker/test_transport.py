"""The line between NotSent and Lost, held against real sockets."""

import asyncio
import gzip
import socket
import ssl
import struct
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
import pytest_asyncio

from worker.contract.settings import Timeouts
from worker.transport import MAX_BODY, Lost, NotSent, Transport
from worker.vendors.base import Call, Response, Unreadable

from .conftest import Handle, Listening, Serve, until

SHORT = Timeouts(connect=0.3, total=0.6)
PATIENT = Timeouts(connect=2.0, total=8.0)
NUMBER, TEXT, SECRET = "13800138000", "机密的验证码 4711", "app-secret-0815"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def call(url: str, method: str = "POST", **more: Any) -> Call[Response]:
    """A call that holds secrets everywhere, and returns what the adapter would see."""
    query = {"content": TEXT, "mobile": NUMBER, "key": SECRET}
    form = {"text": TEXT, "number": NUMBER, "secret": SECRET} if method == "POST" else {}
    base = Call(
        lambda response: response,
        method,
        f"{url}/send",
        query=query,
        form=form,
        headers={"Authorization": f"APPCODE {SECRET}"},
    )
    return replace(base, **more)


@pytest_asyncio.fixture
async def transport() -> AsyncIterator[Transport]:
    found = Transport()
    found.open()
    yield found
    await found.close()


def raw(answer: bytes, *, hold: bool = False, abort: bool = False) -> Handle:
    """A server that reads each request, writes some bytes, and then keeps, closes or resets."""

    async def handle(
        seen: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await seen.request(reader)
            writer.write(answer)
            await writer.drain()
            if abort:
                _reset(writer)
                return
            if not hold:
                return

    return handle


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset instead of a FIN."""
    found = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _everything(error: BaseException) -> str:
    """All that a log, a debugger or an error tracker could show of an error and those behind it."""
    seen: list[str] = []
    behind: BaseException | None = error
    while behind is not None:
        seen += [str(behind), repr(behind), *map(str, behind.args), str(vars(behind))]
        behind = behind.__cause__ or behind.__context__
    return "".join([*seen, *traceback.format_exception(error)])


# --- nothing left ---------------------------------------------------------------------------------


async def test_a_closed_port_means_not_sent(transport: Transport) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

        with pytest.raises(NotSent, match="no connection"):
            await transport.call(call(f"http://127.0.0.1:{port}"), SHORT)


@pytest.fixture
def deaf() -> Any:
    """The address of a listener whose backlog is full: a connection is never made."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    for each in (*fillers, listener):
        each.close()


@pytest.mark.parametrize(
    "timeouts",
    [SHORT, Timeouts(connect=0.5, total=0.5), Timeouts(connect=3.0, total=0.4)],
    ids=["usual", "connect and total alike", "total below connect"],
)
async def test_a_connection_not_made_in_time_means_not_sent(
    transport: Transport, deaf: str, timeouts: Timeouts
) -> None:
    with pytest.raises(NotSent, match="no connection in time"):
        await transport.call(call(deaf), timeouts)


async def test_a_host_that_does_not_exist_means_not_sent(transport: Transport) -> None:
    with pytest.raises(NotSent):
        await transport.call(call("http://nobody.invalid"), SHORT)


@pytest.mark.parametrize("url", ["http://127.0.0.1:notaport", "http://", "http://127.0.0.1:99999"])
async def test_an_address_that_is_none_means_not_sent(transport: Transport, url: str) -> None:
    with pytest.raises(NotSent):
        await transport.call(call(url), SHORT)


async def test_a_text_that_cannot_be_encoded_means_not_sent(transport: Transport) -> None:
    with pytest.raises(NotSent) as caught:
        await transport.call(call("http://127.0.0.1:1", query={"text": TEXT + "\ud800"}), SHORT)

    assert TEXT not in _everything(caught.value)


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture
def trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let aiohttp's default context, made when it was imported, trust the test's certificate."""
    context = ssl.create_default_context(cafile=str(certificate[0]))
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", context)


def _named(transport: Transport, host: str) -> None:
    """Let a host's name lead to loopback."""
    connector = transport._connector
    assert connector is not None
    family = socket.AF_INET

    async def resolve(name: str, port: int = 0, family_: int = family) -> list[dict[str, Any]]:
        assert name == host
        found = {"hostname": name, "host": "127.0.0.1", "port": port}
        return [{**found, "family": family, "proto": 0, "flags": 0}]

    async def traced(name: str, port: int, traces: Any = None) -> list[dict[str, Any]]:
        return await resolve(name, port)

    connector._resolve_host = traced  # type: ignore[assignment, method-assign]


async def test_a_certificate_that_nobody_vouches_for_means_not_sent(
    transport: Transport, serve: Serve, tls: ssl.SSLContext
) -> None:
    vendor = await serve(raw(OK), tls=tls)

    with pytest.raises(NotSent, match="the certificate is not valid"):
        await transport.call(call(vendor.url), PATIENT)

    assert vendor.heads == []


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_for_another_name_means_not_sent(
    transport: Transport, serve: Serve, tls: ssl.SSLContext
) -> None:
    vendor = await serve(raw(OK), tls=tls)
    _named(transport, "wrong.test")

    with pytest.raises(NotSent, match="the certificate is not valid"):
        await transport.call(call(f"https://wrong.test:{vendor.port}"), PATIENT)

    assert vendor.heads == []


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_that_is_right_carries_the_call(
    transport: Transport, serve: Serve, tls: ssl.SSLContext
) -> None:
    vendor = await serve(raw(OK), tls=tls)
    _named(transport, "right.test")

    answer = await transport.call(call(f"https://right.test:{vendor.port}"), PATIENT)

    assert answer.body == "{}"


async def test_a_server_that_speaks_no_tls_means_not_sent(
    transport: Transport, serve: Serve
) -> None:
    async def rude(
        _: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    vendor = await serve(rude)

    with pytest.raises(NotSent, match="TLS failed"):
        await transport.call(call(vendor.url.replace("http", "https")), PATIENT)


# --- something may have arrived -------------------------------------------------------------------

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LOSSES: dict[str, Handle] = {
    "a reset after the request": raw(b"", abort=True),
    "a close without an answer": raw(b""),
    "half a head": raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "half a body": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"),
    "half a chunk": raw(CHUNKED + b"ff\r\n{"),
    "a reset in the body": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", abort=True),
    "a chunk that is none": raw(CHUNKED + b"zz\r\n{}\r\n", hold=True),
    "a head that is none": raw(b"SSH-2.0-OpenSSH\r\n\r\n", hold=True),
    "a head without end": raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000, hold=True),
    "no gzip, though it says so": raw(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", hold=True
    ),
    "an encoding that nobody has": raw(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}", hold=True
    ),
}


@pytest.mark.parametrize("handle", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_answer_cut_or_broken_means_lost(
    transport: Transport, serve: Serve, handle: Handle, method: str
) -> None:
    vendor = await serve(handle)

    with pytest.raises(Lost):
        await transport.call(call(vendor.url, method), PATIENT)

    assert len(vendor.heads) == 1


async def test_no_answer_in_time_means_lost(transport: Transport, serve: Serve) -> None:
    vendor = await serve(raw(b"", hold=True))

    with pytest.raises(Lost, match="no answer in time"):
        await transport.call(call(vendor.url), SHORT)


async def test_an_answer_that_drips_is_lost_when_its_time_is_over(
    transport: Transport, serve: Serve
) -> None:
    async def drip(
        seen: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await seen.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    vendor = await serve(drip)

    with pytest.raises(Lost, match="no answer in time"):
        await transport.call(call(vendor.url), SHORT)


async def test_a_body_over_the_bound_means_lost(transport: Transport, serve: Serve) -> None:
    body = b"x" * (MAX_BODY + 1)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    vendor = await serve(raw(head + body))

    with pytest.raises(Lost, match="over"):
        await transport.call(call(vendor.url), PATIENT)


async def test_a_body_that_unpacks_to_a_hundred_times_its_size_is_bounded(
    transport: Transport, serve: Serve
) -> None:
    body = gzip.compress(b"\0" * (60 * 1024 * 1024), 9)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    vendor = await serve(raw(head + body, hold=True))

    with pytest.raises(Lost, match="over"):
        await transport.call(call(vendor.url), PATIENT)


async def test_a_body_up_to_the_bound_is_read(transport: Transport, serve: Serve) -> None:
    body = b"x" * MAX_BODY
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    vendor = await serve(raw(head + body))

    answer = await transport.call(call(vendor.url), PATIENT)

    assert len(answer.body) == MAX_BODY


async def test_an_answer_that_the_adapter_cannot_read_means_lost(
    transport: Transport, serve: Serve
) -> None:
    def read(_: Response) -> Response:
        raise Unreadable("none of the documented answers")

    vendor = await serve(raw(OK))

    with pytest.raises(Lost, match="HTTP 200, unreadable: none of the documented answers"):
        await transport.call(call(vendor.url, read=read), PATIENT)


# --- what the adapter gets ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("", "成功".encode()),
        ("; charset=utf-8", "成功".encode()),
        ("; charset=GBK", "成功".encode("gbk")),
        ("; charset=utf8mb4", "成功".encode()),  # a charset of MySQL's, and nobody's else
        ("; charset=hex", "成功".encode()),  # a codec, but none of texts
        ('; charset="\t"', "成功".encode()),
    ],
)
async def test_a_charset_is_honoured_and_an_unknown_one_is_read_as_utf_8(
    transport: Transport, serve: Serve, charset: str, body: bytes
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain{charset}\r\nContent-Length: {len(body)}"
    vendor = await serve(raw(head.encode() + b"\r\n\r\n" + body))

    answer = await transport.call(call(vendor.url), PATIENT)

    assert answer.body == "成功"


async def test_bytes_that_are_no_text_reach_the_adapter_with_marks_in_their_place(
    transport: Transport, serve: Serve
) -> None:
    vendor = await serve(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na\xff\xfeb"))

    answer = await transport.call(call(vendor.url), PATIENT)

    assert answer.body == "a\ufffd\ufffdb"


async def test_a_redirect_is_not_followed(transport: Transport, serve: Serve) -> None:
    elsewhere = await serve(raw(OK))
    head = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere.url}/\r\nContent-Length: 0\r\n\r\n"
    vendor = await serve(raw(head.encode()))

    answer = await transport.call(call(vendor.url), PATIENT)

    assert answer.status == 307
    assert elsewhere.connections == 0


async def test_names_of_headers_come_in_lower_case(transport: Transport, serve: Serve) -> None:
    head = b"HTTP/1.1 403 Forbidden\r\nX-Ca-Error-Code: B403MQ\r\nContent-Length: 0\r\n\r\n"
    vendor = await serve(raw(head))

    answer = await transport.call(call(vendor.url), PATIENT)

    assert answer.status == 403
    assert answer.headers["x-ca-error-code"] == "B403MQ"


async def test_an_interim_answer_is_not_the_answer(transport: Transport, serve: Serve) -> None:
    vendor = await serve(raw(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK))

    answer = await transport.call(call(vendor.url), PATIENT)

    assert (answer.status, answer.body) == (200, "{}")


async def test_an_error_of_the_adapter_itself_passes_as_it_is(
    transport: Transport, serve: Serve
) -> None:
    def read(_: Response) -> Response:
        raise KeyError("status")

    vendor = await serve(raw(OK))

    with pytest.raises(KeyError):
        await transport.call(call(vendor.url, read=read), PATIENT)


# --- what leaves ----------------------------------------------------------------------------------

ODD = {"content": "【信使】您好", "param": "a|b", "signs": "1+1=2 & 50%", "url": "http://a/?b=c#d"}


async def test_a_query_is_encoded_so_that_every_character_arrives(
    transport: Transport, serve: Serve
) -> None:
    vendor = await serve(raw(OK))

    await transport.call(call(vendor.url, "GET", query=ODD), PATIENT)

    target = vendor.heads[0].split(" ")[1]
    assert dict(parse_qsl(urlsplit(target).query, strict_parsing=True)) == ODD
    assert "%E3%80%90" in target
    assert "|" not in target
    assert "%7C" in target
    assert "1%2B1%3D2+%26+50%25" in target


async def test_a_form_is_encoded_so_that_every_character_arrives(
    transport: Transport, serve: Serve
) -> None:
    bodies = []

    async def handle(
        seen: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        bodies.append(await seen.request(reader))
        writer.write(OK)

    vendor = await serve(handle)

    await transport.call(call(vendor.url, form=ODD, query={}), PATIENT)

    assert dict(parse_qsl(bodies[0].decode(), strict_parsing=True)) == ODD
    assert "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n" in vendor.heads[0]
    assert vendor.heads[0].startswith("POST /send HTTP/1.1\r\n")


async def test_a_header_that_would_begin_another_means_not_sent(
    transport: Transport, serve: Serve
) -> None:
    vendor = await serve(raw(OK))

    with pytest.raises(NotSent):
        await transport.call(
            replace(call(vendor.url), headers={"X-Source": "a\r\nX-Other: b"}), PATIENT
        )

    assert vendor.connections == 0


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX-Other: b", "/短信"])
async def test_an_address_that_cannot_stand_in_a_request_means_not_sent(
    transport: Transport, serve: Serve, path: str
) -> None:
    vendor = await serve(raw(OK))

    with pytest.raises(NotSent):
        await transport.call(call(vendor.url + path), PATIENT)

    assert vendor.connections == 0


async def test_no_header_leaves_that_nobody_asked_for(transport: Transport, serve: Serve) -> None:
    vendor = await serve(raw(OK))

    await transport.call(call(vendor.url), PATIENT)

    names = {line.split(":")[0].lower() for line in vendor.heads[0].strip().splitlines()[1:]}
    assert names == {"host", "authorization", "content-type", "content-length"}


async def test_cookies_are_not_kept(transport: Transport, serve: Serve) -> None:
    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=1; Path=/\r\nContent-Length: 0\r\n\r\n"
    vendor = await serve(raw(head, hold=True))

    for _ in range(2):
        await transport.call(call(vendor.url), PATIENT)

    assert "cookie" not in "".join(vendor.heads).lower()


async def test_a_proxy_of_the_environment_is_not_used(
    transport: Transport, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = await serve(raw(OK))
    vendor = await serve(raw(OK))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)

    await transport.call(call(vendor.url), PATIENT)

    assert (proxy.connections, vendor.connections) == (0, 1)


# --- a connection that is used again --------------------------------------------------------------


def _second(break_off: Callable[[asyncio.StreamWriter], None]) -> Handle:
    """Answer the first request of a connection, and break off at the second."""

    async def handle(
        seen: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await seen.request(reader)
        writer.write(OK)
        await writer.drain()
        await seen.request(reader)
        break_off(writer)

    return handle


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("break_off", [asyncio.StreamWriter.close, _reset], ids=["close", "reset"])
async def test_a_request_on_a_used_connection_that_breaks_is_not_sent_again(
    transport: Transport,
    serve: Serve,
    method: str,
    break_off: Callable[[asyncio.StreamWriter], None],
) -> None:
    vendor = await serve(_second(break_off))
    await transport.call(call(vendor.url, method), PATIENT)

    with pytest.raises(Lost):
        await transport.call(call(vendor.url, method), PATIENT)

    assert len(vendor.heads) == 2
    assert vendor.connections == 1, "the second did not use the first one's connection"


@pytest.mark.parametrize("stray", [b"HTTP/1.1 408 Too Slow\r\nContent-Length: 0\r\n\r\n", OK, b"x"])
async def test_what_a_server_says_unasked_is_not_taken_for_the_next_answer(
    transport: Transport, serve: Serve, stray: bytes
) -> None:
    said = asyncio.Event()

    async def handle(
        seen: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await seen.request(reader)
            own = b"%d" % len(seen.heads)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + own)
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.write(stray)
            await writer.drain()
            said.set()

    vendor = await serve(handle)
    first = await transport.call(call(vendor.url), PATIENT)
    await said.wait()
    await asyncio.sleep(0.05)  # until it arrived; nothing tells

    second = await transport.call(call(vendor.url), PATIENT)

    assert (first.body, second.body) == ("1", "2")


async def test_a_connection_closed_while_it_waits_is_not_used(
    transport: Transport, serve: Serve
) -> None:
    closed = asyncio.Event()

    async def handle(
        seen: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await seen.request(reader)
        writer.write(OK)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        closed.set()

    vendor = await serve(handle)
    await transport.call(call(vendor.url), PATIENT)
    await closed.wait()
    connector = transport._connector
    assert connector is not None
    await until(
        lambda: (
            not any(
                waiting.is_connected() for pool in connector._conns.values() for waiting, _ in pool
            )
        )
    )

    answer = await transport.call(call(vendor.url), PATIENT)

    assert answer.status == 200
    assert vendor.connections == 2


# --- what an error tells --------------------------------------------------------------------------


@pytest.mark.parametrize("handle", LOSSES.values(), ids=LOSSES)
async def test_no_error_after_the_request_quotes_it(
    transport: Transport, serve: Serve, handle: Handle
) -> None:
    vendor = await serve(handle)

    with pytest.raises(Lost) as caught:
        await transport.call(call(vendor.url), PATIENT)

    shown = _everything(caught.value)
    assert not [secret for secret in (NUMBER, TEXT, SECRET, "%E6%9C%BA") if secret in shown]


@pytest.mark.parametrize("url", ["http://nobody.invalid", "http://127.0.0.1:notaport", "deaf"])
async def test_no_error_before_the_request_quotes_it(
    transport: Transport, deaf: str, url: str
) -> None:
    with pytest.raises(NotSent) as caught:
        await transport.call(call(deaf if url == "deaf" else url), SHORT)

    shown = _everything(caught.value)
    assert not [secret for secret in (NUMBER, TEXT, SECRET, "%E6%9C%BA") if secret in shown]


async def test_a_call_and_its_answer_show_nothing_of_what_they_hold() -> None:
    shown = repr(call("http://vendor.test")) + repr(Response(200, TEXT, {"x": SECRET}))

    assert not [secret for secret in (NUMBER, TEXT, SECRET) if secret in shown]
