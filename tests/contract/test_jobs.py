"""The envelope: what Celery writes itself, and what its worker can read."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import Celery
from celery.worker.request import Request

from producers import Client
from worker.contract import jobs
from worker.contract.status import Stream

# What Celery writes and its worker does without: canvas, stamps, and a name to show.
_UNUSED = {"shadow", "group_index", "replaced_task_nesting", "stamped_headers", "stamps"}


@pytest.fixture
def app(redis_url: str) -> Iterator[Celery]:
    app = Celery("suite", broker=redis_url)
    app.conf.task_ignore_result = True
    yield app
    app.close()


@pytest.fixture
def ours(redis_url: str, raw: redis.Redis) -> dict[str, Any]:
    """The ring that accepting a message pushed."""
    with Client(redis_url) as client:
        client.send("13800138000", "您好", stream="otp")
    packed = raw.lindex(jobs.queue("otp"), 0)
    assert isinstance(packed, bytes)
    return json.loads(packed)  # type: ignore[no-any-return]


@pytest.fixture
def theirs(app: Celery, raw: redis.Redis) -> dict[str, Any]:
    """The same task as Celery sends it."""
    app.send_task(jobs.Task.SUBMIT, args=("otp",), queue="theirs")
    packed = raw.lindex("theirs", 0)
    assert isinstance(packed, bytes)
    return json.loads(packed)  # type: ignore[no-any-return]


def test_it_has_the_keys_that_celery_writes(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert ours.keys() == theirs.keys()
    assert theirs["headers"].keys() - ours["headers"].keys() <= _UNUSED
    assert ours["headers"].keys() <= theirs["headers"].keys()
    assert theirs["properties"].keys() == ours["properties"].keys()


def test_its_headers_are_those_of_celerys_own_protocol(app: Celery, ours: dict[str, Any]) -> None:
    message = app.amqp.as_task_v2("an-id", jobs.Task.SUBMIT, args=("otp",), kwargs={})

    own = {"id", "root_id", "origin", "ignore_result", "stamps", "stamped_headers"}
    same = (message.headers.keys() & ours["headers"].keys()) - own
    assert {"task", "lang", "retries", "eta", "expires", "argsrepr", "timelimit"} <= same
    assert {key: ours["headers"][key] for key in same} == {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in message.headers.items()
        if key in same
    }
    assert json.loads(ours["body"]) == json.loads(json.dumps(message.body))
    assert ours["properties"]["correlation_id"] == ours["headers"]["id"]


def test_kombu_reads_the_stream_from_it(app: Celery, ours: dict[str, Any]) -> None:
    with app.connection_for_read() as connection, connection.SimpleQueue("sms.otp") as queue:
        message = queue.get(timeout=5)
        message.ack()

        args, kwargs, embedded = message.payload

    assert (args, kwargs) == (["otp"], {})
    assert {*embedded.values()} == {None}
    assert message.headers["id"] == ours["headers"]["id"]


def test_celerys_worker_makes_a_request_of_it(app: Celery, ours: dict[str, Any]) -> None:
    seen: list[str] = []

    @app.task(name=jobs.Task.SUBMIT.value)  # type: ignore[untyped-decorator]
    def submit(stream: str) -> None:
        seen.append(stream)

    with app.connection_for_read("memory://") as connection:
        message = connection.channel().message_to_python(ours)
        request = Request(message, app=app, task=submit, decoded=False)

        assert (request.name, request.id) == ("sms.submit", ours["headers"]["id"])
        assert request.args == ["otp"]
        assert (request.eta, request.expires, request.time_limits) == (None, None, [None, None])
        assert request.ignore_result

        submit.apply(args=request.args, kwargs=request.kwargs)
    assert seen == ["otp"]


def test_every_ring_has_an_id_of_its_own(redis_url: str, raw: redis.Redis) -> None:
    with Client(redis_url) as client:
        for _ in range(3):
            client.send("13800138000", "您好", stream="otp")
            raw.delete("xinshi:awake:otp")

    rings = [json.loads(each) for each in raw.lrange(jobs.queue("otp"), 0, -1)]
    assert len({ring["headers"]["id"] for ring in rings}) == 3
    assert len({ring["properties"]["delivery_tag"] for ring in rings}) == 3


@pytest.mark.parametrize("stream", Stream)
def test_it_carries_no_number_and_no_text(redis_url: str, raw: redis.Redis, stream: Stream) -> None:
    with Client(redis_url) as client:
        client.send("13800138000", "秘密", stream=stream)

    packed = raw.lindex(jobs.queue(stream), 0)

    assert isinstance(packed, bytes)
    assert b"13800138000" not in packed
    assert "秘密" not in json.dumps(json.loads(packed), ensure_ascii=False)
    assert json.loads(packed)["properties"]["delivery_info"]["routing_key"] == f"sms.{stream}"


def test_the_template_is_filled_completely(ours: dict[str, Any]) -> None:
    assert jobs.STREAM in jobs.envelope()
    assert jobs.STREAM not in json.dumps(ours)
    assert jobs.RING not in json.dumps(ours)


def test_names_of_queues_are_those_of_the_deployment() -> None:
    assert [jobs.queue(stream) for stream in Stream] == ["sms.otp", "sms.notice", "sms.marketing"]
    assert jobs.TICKS == "sms.ticks"
