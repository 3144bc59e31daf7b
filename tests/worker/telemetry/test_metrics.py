"""What a worker counts of a message's way, and how Prometheus reads it."""

import asyncio
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed
from structlog.testing import capture_logs

from tests.worker.conftest import Asked, World, Worlds, answers, until
from worker.contract.record import Content, Record
from worker.contract.status import Status, Stream
from worker.loop import Lag
from worker.store.embedded import free_port
from worker.telemetry import exposition, metrics
from worker.telemetry.exposition import Exposition
from worker.telemetry.metrics import METRICS, By, Counts, Metric, Spread
from worker.vendors.base import Outcome, Response

LABELS = {  # every label, and that it comes from a closed list
    *("stream", "account", "outcome", "status", "result", "reason", "task", "queue", "kind"),
    *("endpoint", "unit", "version", "process", "method", "route", "api_key", "shard"),
}
Listen = Callable[..., str]


def counts(world: World) -> Counts:
    found: Counts = world.pump._counts
    return found


def total(world: World, metric: Metric) -> dict[tuple[str, ...], int]:
    return dict(counts(world).totals[metric.name])


def saying(outcome: Outcome, code: str = "") -> Any:
    async def script(asked: Asked) -> Response:
        return answers(*asked.ids, outcome=outcome, code=code)

    return script


@pytest.fixture
def listen() -> Iterator[Listen]:
    """A factory: lets a worker's counts be scraped, and returns where."""
    opened: list[Exposition] = []

    def make(counts: Counts, by: By = By.WORKER) -> str:
        found = Exposition(counts, by)
        opened.append(found)
        address = found.start(("127.0.0.1", 0))
        assert address is not None
        return f"http://127.0.0.1:{address[1]}/metrics"

    yield make
    for each in opened:
        each.stop()


def scraped(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        text: str = answer.read().decode()
    return text


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for each in parsed(text)
        for sample in each.samples
    }


async def test_every_attempt_is_counted_by_what_it_came_to(world: Worlds) -> None:
    found = world()
    await found.send(3)
    await found.send(2, stream=Stream.OTP)

    await found.pump_once()
    await found.pump_once(Stream.OTP)

    assert total(found, metrics.MESSAGES) == {
        ("notice", "one", "submitted"): 3,
        ("otp", "one", "submitted"): 2,
    }
    assert sum(counts(found).spreads[metrics.SUBMIT.name]["one",].counts) == 5
    assert total(found, metrics.WAITS) == {}


async def test_a_call_for_many_is_one_answer_and_many_attempts(world: Worlds) -> None:
    found = world({"vendors": {"several": {"adapter": "many"}}})
    await found.send(8)

    await found.pump_once()

    assert total(found, metrics.MESSAGES) == {("notice", "several", "submitted"): 8}
    assert sum(counts(found).spreads[metrics.SUBMIT.name]["several",].counts) == 1
    assert sum(counts(found).spreads[metrics.ENQUEUE.name]["notice",].counts) == 8


async def test_a_vendors_no_is_counted_as_outcome_and_as_wait(world: Worlds) -> None:
    found = world(script=saying(Outcome.THROTTLED))
    await found.send(2)

    await found.pump_once()

    assert total(found, metrics.MESSAGES) == {("notice", "one", "throttled"): 2}
    assert total(found, metrics.WAITS) == {("notice", "throttled"): 2}


async def test_a_refusal_of_the_vendors_is_no_wait(world: Worlds) -> None:
    found = world(script=saying(Outcome.REJECTED))
    await found.send()

    await found.pump_once()

    assert total(found, metrics.MESSAGES) == {("notice", "one", "rejected"): 1}
    assert total(found, metrics.WAITS) == {}


async def test_the_way_to_the_vendor_is_measured_once_a_message(world: Worlds) -> None:
    """A second attempt says nothing about how long the first took."""
    found = world(script=saying(Outcome.UNAVAILABLE))
    (message_id,) = await found.send()
    for _ in range(2):
        await found.pump_once()
        await found.store.redis.zadd("xinshi:waiting", {message_id: 1})

    assert total(found, metrics.MESSAGES) == {("notice", "one", "unavailable"): 2}
    (spread,) = counts(found).spreads[metrics.ENQUEUE.name].values()
    assert sum(spread.counts) == 1


def around_now() -> str:
    """Quiet hours in which the suite runs, and that end before a message does."""
    now = datetime.now(timezone(timedelta(hours=8)))
    return "-".join(f"{now + timedelta(minutes=each):%H:%M}" for each in (-60, 5))


def made(**fields: Any) -> Record:
    plain = Record(
        *(Status.SUBMITTING, Stream.OTP, "", "", 1, 1, "", "", "", 100_000, 0, 10**9),
        updated=104_000,
        attempt=1,
        account="one",
    )
    return msgspec.structs.replace(plain, **fields)


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, 4.5),
        ({"trail": {}}, 4.5),  # an empty Lua table
        ({"trail": [[104_000, "submitting", "one", ""]]}, 4.5),
        ({"trail": [[100_000, "scheduled", "", "", 103_000]]}, 1.5),  # its send_at
        ({"trail": [[100_000, "scheduled", "", "quiet hours", 103_000]]}, 4.5),
        ({"trail": [[100_000, "accepted", "", "replay of x"]]}, 4.5),
        ({"updated": 90_000}, 0.0),  # a clock that was put back
    ],
)
def test_the_way_begins_when_a_message_might_go(fields: dict[str, Any], seconds: float) -> None:
    found = Counts()

    found.begun(made(**fields), 0.5)

    assert found.spreads[metrics.ENQUEUE.name]["otp",].sum == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (None, "quiet hours"),
        ({"streams": {"notice": {"per_number": ["1/60s"]}}}, "own cap"),
        ({"vendors": {"one": {"adapter": "fake", "limits": {"per_number": ["1/60s"]}}}}, "number"),
        ({"vendors": {"one": {"adapter": "fake", "limits": {"per_second": 1}}}}, "busy"),
    ],
)
async def test_every_wait_that_a_claim_decides_has_its_word(
    world: Worlds, table: dict[str, Any] | None, reason: str
) -> None:
    if table is None:  # of now, and not of when the suite began
        table = {"streams": {"notice": {"quiet_hours": around_now()}}}
    found = world(table)
    if reason == "busy":  # while another account has a slot, but may not carry it
        both = {**table["vendors"], "two": {"adapter": "fake"}}
        found = world({"vendors": both, "routes": {"notice": ["one", "two"]}})
        await found.send(4, pin="one")
    else:
        await found.send(2, number="+8613900000001")

    await found.pump_once()

    assert set(total(found, metrics.WAITS)) == {("notice", reason)}


async def test_what_ends_before_a_vendor_was_asked_is_counted(world: Worlds) -> None:
    found = world({"vendors": {"forms": {"adapter": "templates"}}})
    await found.send(2)

    await found.pump_once()

    assert total(found, metrics.UNSENT) == {("notice", "rejected"): 2}
    assert total(found, metrics.MESSAGES) == {}


async def test_what_is_open_is_told_while_it_is(world: Worlds, listen: Listen) -> None:
    release = asyncio.Event()

    async def script(asked: Asked) -> Response:
        await release.wait()
        return answers(*asked.ids)

    found = world(script=script)
    await found.send(3)
    url = listen(counts(found))
    await found.pump.run(Stream.NOTICE)
    await until(lambda: found.pump.in_flight == 3)

    during = samples(await asyncio.to_thread(scraped, url))
    release.set()
    await found.pump.drain()
    after = samples(await asyncio.to_thread(scraped, url))

    assert during["xinshi_in_flight", ()] == 3
    assert (after["xinshi_in_flight", ()], after["xinshi_unsettled", ()]) == (0, 0)
    assert after["xinshi_messages_total", ("notice", "one", "submitted")] == 3


async def test_a_page_names_no_number_no_text_and_no_message(world: Worlds, listen: Listen) -> None:
    found = world(script=saying(Outcome.REFUSED, code="13912345678"))
    ids = await found.send(1, number="+8613912345678", text="密码 hunter2")
    await found.send(1, number="+8613912345678", content=Content(text="密码", signature="密"))
    await found.pump_once()

    text = await asyncio.to_thread(scraped, listen(counts(found)))

    assert 'outcome="refused"' in text
    for secret in ("13912345678", "hunter2", "密", ids[0], found.settings.redis_url):
        assert secret not in text


async def test_a_page_holds_every_metric_of_its_process(listen: Listen) -> None:
    found = Counts()
    found.gauges = {"xinshi_in_flight": lambda: 1, "xinshi_unsettled": lambda: 2}

    for by in (By.WORKER, By.BEAT):
        text = await asyncio.to_thread(scraped, listen(found, by))
        told = set(re.findall(r"^# TYPE (xinshi_\w+) ", text, re.MULTILINE))
        wanted = {each.name for each in METRICS.values() if each.by in (by, By.ALL)}
        assert told == wanted
        assert f'process="{by.value}"' in text
        assert "process_cpu_seconds_total" in text


def test_a_histogram_counts_up_and_its_bounds_belong_to_the_bucket() -> None:
    metric = Metric("xinshi_x_seconds", "histogram", By.WORKER, ("account",), "x", (0.1, 1.0))
    spread = Spread(metric.buckets)
    for value in (0.05, 0.1, 0.5, 1.0, 7.0):
        spread.note(value)

    family = exposition.histogram(metric, {("one",): spread})

    found = {(each.name, each.labels.get("le", "")): each.value for each in family.samples}
    assert found == {
        ("xinshi_x_seconds_bucket", "0.1"): 2,
        ("xinshi_x_seconds_bucket", "1.0"): 4,
        ("xinshi_x_seconds_bucket", "+Inf"): 5,
        ("xinshi_x_seconds_count", ""): 5,
        ("xinshi_x_seconds_sum", ""): pytest.approx(8.65),
    }


def test_the_processes_of_a_machine_share_its_ports() -> None:
    first, second, third = (Exposition(Counts(), By.WORKER) for _ in range(3))
    port = free_port()
    with capture_logs() as logs:
        one = first.start(("127.0.0.1", port))
        two = second.start(("127.0.0.1", port))
        first.stop()
        again = third.start(("127.0.0.1", port))
    second.stop()
    third.stop()

    assert one == again == ("127.0.0.1", port)
    assert two is not None
    assert port < two[1] < port + 16
    assert [each["port"] for each in logs] == [port, two[1], port]


def test_without_a_port_the_process_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "PORTS", 1)
    first, second = (Exposition(Counts(), By.WORKER) for _ in range(2))
    at = first.start(("127.0.0.1", 0))
    with capture_logs() as logs:
        assert second.start(at) is None
        assert second.start(("192.0.2.1", 9101)) is None  # no address of ours
        assert second.start(None) is None
        second.stop()
    first.stop()

    assert [each["event"] for each in logs] == ["metrics.unavailable"] * 2


async def test_a_loop_that_was_held_up_is_told() -> None:
    noted: list[float] = []
    task = asyncio.create_task(Lag(noted.append).run())
    await asyncio.sleep(0)

    time.sleep(1.2)  # noqa: ASYNC251 - what it is about
    await until(lambda: noted)
    task.cancel()

    assert noted[0] > 0.5


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_metric_is_named_as_prometheus_has_it(metric: Metric) -> None:
    assert re.fullmatch(r"xinshi_[a-z_]+[a-z]", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(metric.buckets)
    assert set(metric.labels) <= LABELS
    assert metric.help
