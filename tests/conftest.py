"""The suite's own server: a real one, started once, flushed for each test."""

from collections.abc import Iterator

import pytest
import redis

from worker.store.embedded import Server


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
