"""The suite's own server: a real one, started once, flushed for each test."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import redis
from hypothesis import HealthCheck, settings

from worker.store.embedded import Server

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

settings.register_profile(  # the machine may be busy
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that start processes: they wait long, while others compute."""
    items.sort(key=lambda item: item.get_closest_marker("system") is None)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A real Redis-protocol server for the whole session."""
    with Server() as running:
        yield running


@pytest.fixture
def redis_url(server: Server) -> str:
    """The address of an empty database."""
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
        client.script_flush()
    return server.url


@pytest.fixture
def raw(redis_url: str) -> Iterator["redis.Redis"]:
    """A plain client, to look at what is in the store."""
    with redis.Redis.from_url(redis_url, decode_responses=False) as client:
        yield client


@pytest.fixture(scope="session")
def exporter() -> "InMemorySpanExporter":
    """OpenTelemetry as an operator sets it up: once a process, for good."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter: "InMemorySpanExporter") -> "InMemorySpanExporter":
    """The spans that ended since the test began."""
    exporter.clear()
    return exporter
