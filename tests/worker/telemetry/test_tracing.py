"""One trace from a web app's send, through a worker's real parts, to the vendor's report."""

import subprocess
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import redis
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from producers import Client, MessageError
from tests.worker.coming_back import NUMBER, Post, table
from worker.contract import keys
from worker.contract.events import Raw
from worker.contract.record import Record, decode
from worker.contract.status import Stream
from worker.delivery.pump import Pump
from worker.incoming.intake import Intake
from worker.store.client import AsyncStore
from worker.store.spool import Spool
from worker.telemetry import tracing
from worker.transport import Lost, NotSent

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TAKEN = "0,20140821110353234137876543,0,1,0,提交成功"
SECRETS = (NUMBER[3:], "机密", "sign", "pwd")


class Way:
    """A client, a pump and an intake around one store; the vendor is played."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.client = Client(config=post.settings)
        self.pump = Pump(post.settings, post.vendors, post.store, post.transport)

    def send(self, text: str = "机密", **fields: Any) -> str:
        return self.client.send(NUMBER, text, signature="信", **fields)

    async def submit(self, answer: str | Exception = TAKEN) -> None:
        self.post.transport.answer = lambda _: answer
        await self.pump.run(Stream.NOTICE)
        await self.pump.drain()

    async def report(self, state: str = "DELIVRD") -> None:
        said = {"sendid": "20140821110353234137876543", "mobile": NUMBER[3:], "state": state}
        await Spool(self.post.store).put("chuangrui", Raw("report", params=said))
        parts = self.post.settings, self.post.vendors, self.post.store, self.post.transport
        await Intake(*parts).round()


@pytest_asyncio.fixture
async def way(redis_url: str) -> AsyncIterator[Way]:
    store = AsyncStore(redis_url, timeout=10.0)
    found = Way(Post(table(redis_url, "chuangrui"), store))
    yield found
    found.client.close()
    await store.close()


def named(spans: "InMemorySpanExporter") -> dict[str, "ReadableSpan"]:
    return {each.name: each for each in spans.get_finished_spans()}


def stored(raw: redis.Redis, message_id: str) -> Record:
    packed = raw.get(keys.message(message_id))
    assert isinstance(packed, bytes)
    return decode(packed)


async def test_one_trace_leads_from_the_send_to_the_report(
    way: Way, spans: "InMemorySpanExporter"
) -> None:
    with trace.get_tracer("web app").start_as_current_span("checkout") as checkout:
        message_id = way.send()
    await way.submit()
    await way.report()

    found = named(spans)
    assert found.keys() == {"checkout", "send notice", "submit chuangrui", "report"}
    one = checkout.get_span_context().trace_id
    assert {each.context.trace_id for each in found.values() if each.context} == {one}
    sent = found["send notice"]
    assert sent.parent is not None
    assert sent.parent.span_id == checkout.get_span_context().span_id
    for name, kind in (("submit chuangrui", SpanKind.CLIENT), ("report", SpanKind.CONSUMER)):
        parent = found[name].parent
        assert parent is not None
        assert sent.context is not None
        assert parent.span_id == sent.context.span_id
        assert found[name].kind is kind
        assert (found[name].attributes or {})["messaging.message.id"] == message_id
    asked = found["submit chuangrui"].attributes or {}
    assert {
        name: asked[name] for name in asked if name.startswith(("http", "server", "xinshi"))
    } == {
        "http.request.method": "POST",
        "server.address": "chuangrui.invalid",
        "server.port": 80,
        "http.response.status_code": 200,
        "xinshi.account": "chuangrui",
        "xinshi.attempt": 1,
        "xinshi.waits": 0,
        "xinshi.outcome": "submitted",
        "xinshi.code": "0",
    }
    told = found["report"].attributes or {}
    assert (told["xinshi.status"], told["xinshi.verdict"]) == ("delivered", "applied")


async def test_no_span_holds_a_number_or_a_text(way: Way, spans: "InMemorySpanExporter") -> None:
    with trace.get_tracer("web app").start_as_current_span("checkout"):
        way.send()
        with pytest.raises(MessageError):
            way.send("机密" * 400)
    await way.submit("1,,0,0,0,机密")
    await way.report()

    shown = "".join(each.to_json() for each in spans.get_finished_spans())
    assert "MessageError" in shown
    assert not [each for each in SECRETS if each in shown]
    assert "\\u673a" not in shown


@pytest.mark.parametrize(
    ("answer", "outcome", "bad"),
    [
        (Lost("no answer in time"), "unknown", True),
        (NotSent("no connection"), "unavailable", True),
        ("1,,0,0,0,x", "rejected", True),
        (TAKEN, "submitted", False),
    ],
)
async def test_a_span_says_what_an_attempt_came_to(
    way: Way, spans: "InMemorySpanExporter", answer: str | Exception, outcome: str, bad: bool
) -> None:
    with trace.get_tracer("web app").start_as_current_span("checkout"):
        way.send()

    await way.submit(answer)

    span = named(spans)["submit chuangrui"]
    assert (span.attributes or {})["xinshi.outcome"] == outcome
    assert (span.status.status_code is trace.StatusCode.ERROR) == bad


async def test_a_call_for_many_has_a_span_in_the_trace_of_each(
    way: Way, spans: "InMemorySpanExporter"
) -> None:
    tracer = trace.get_tracer("web app")
    for place in range(3):
        if place == 1:
            way.client.send(f"1390000000{place}", "您好", signature="信")
        else:
            with tracer.start_as_current_span(f"request {place}"):
                way.client.send(f"1390000000{place}", "您好", signature="信")

    await way.submit("0,20140821110353234137876543,0,3,0,提交成功")

    submits = [each for each in spans.get_finished_spans() if each.name == "submit chuangrui"]
    requests = [each for each in spans.get_finished_spans() if each.name.startswith("request")]
    assert way.post.transport.asked == ["chuangrui.invalid"]
    assert {each.context.trace_id for each in submits if each.context} == {
        each.context.trace_id for each in requests if each.context
    }
    assert len(submits) == 2


async def test_a_batch_is_one_send_and_its_messages_share_it(
    way: Way, spans: "InMemorySpanExporter", raw: redis.Redis
) -> None:
    with trace.get_tracer("web app").start_as_current_span("campaign"):
        ids = way.client.send_many(
            {"to": f"1390000000{place}", "text": "您好", "signature": "信"} for place in range(4)
        )

    traces = {stored(raw, each).trace for each in ids}
    sent = named(spans)["send"].context
    assert sent is not None
    ((trace_id, span_id),) = {tuple(each.split("-")[1:3]) for each in traces}
    assert (int(trace_id, 16), int(span_id, 16)) == (sent.trace_id, sent.span_id)


async def test_without_a_context_nothing_is_stored_and_nothing_told(
    way: Way, spans: "InMemorySpanExporter", raw: redis.Redis
) -> None:
    message_id = way.send()
    await way.submit()
    await way.report()

    assert stored(raw, message_id).trace == ""
    assert spans.get_finished_spans() == ()


async def test_a_trace_that_is_not_sampled_costs_nothing_either(
    way: Way, spans: "InMemorySpanExporter", raw: redis.Redis
) -> None:
    quiet = trace.NonRecordingSpan(trace.SpanContext(1, 1, is_remote=True))
    with trace.use_span(quiet):
        message_id = way.send()
    await way.submit()

    assert stored(raw, message_id).trace == ""
    assert spans.get_finished_spans() == ()


async def test_a_worker_without_the_package_does_without(
    way: Way, spans: "InMemorySpanExporter", monkeypatch: pytest.MonkeyPatch, raw: redis.Redis
) -> None:
    with trace.get_tracer("web app").start_as_current_span("checkout"):
        message_id = way.send()
    monkeypatch.setattr(tracing, "INSTALLED", False)

    await way.submit()
    await way.report()

    assert stored(raw, message_id).status == "delivered"
    assert named(spans).keys() == {"checkout", "send notice"}


def test_the_package_is_not_needed() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from worker.telemetry import tracing; from producers import Client; from producers.tracing import sending\n"
        "with sending('otp') as said: print(tracing.INSTALLED, repr(said))"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "False ''"
