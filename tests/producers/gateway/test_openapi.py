"""/openapi.json is complete and true: fuzzed by itself, nothing ends as our fault."""

import asyncio
import re
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks
from schemathesis.generation import GenerationMode

from producers.gateway import create_app, pages, problems
from tests.producers.gateway.conftest import KEY, Caller, beat, configured
from worker.contract.message import Message
from worker.contract.status import Status, Stream

DOCUMENT = pages.description()
METHODS = {"get", "post", "delete"}
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


def operations() -> set[tuple[str, str]]:
    return {
        (method, path)
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if method in METHODS
    }


async def test_it_is_served_as_it_is(gateway: Caller) -> None:
    answer = await gateway.get("/openapi.json", key=None)

    assert (answer.status, answer.content_type) == (200, "application/json")
    assert await answer.json() == DOCUMENT
    assert DOCUMENT["openapi"].startswith("3.1")


def test_every_route_is_described_and_nothing_else() -> None:
    app = create_app(configured("redis://nowhere"))
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in app.router.routes()
        if route.resource
        and route.method != "HEAD"
        and not route.resource.canonical.startswith("/console/")  # the page's own, see its modules
    }

    assert routes == operations()


def test_every_reference_leads_somewhere() -> None:
    for found in re.findall(r'"#/([^"]+)"', msgspec.json.encode(DOCUMENT).decode()):
        at: Any = DOCUMENT
        for part in found.split("/"):
            at = at[part]


def test_it_says_what_the_contract_says() -> None:
    schemas = DOCUMENT["components"]["schemas"]

    assert set(schemas["Message"]["properties"]) == set(Message.__dataclass_fields__)
    assert set(schemas["Message"]["properties"]["stream"]["enum"]) == set(Stream)
    assert set(schemas["Status"]["enum"]) == set(Status)


def test_only_what_is_for_everybody_needs_no_key() -> None:
    for method, path in operations():
        public = DOCUMENT["paths"][path][method].get("security") == []
        assert public != path.startswith("/v1/"), path


def test_every_kind_of_problem_may_be_an_answer() -> None:
    named = re.findall(r'"([1-5]\d\d)"', msgspec.json.encode(DOCUMENT["paths"]).decode())

    known = {str(status) for status, _ in problems.KINDS.values()}
    assert known - set(named) == {"405"}  # of no operation at all


@pytest.fixture
def address(redis_url: str) -> Iterator[str]:
    """A gateway in a thread of its own: the fuzzer waits for each answer."""
    beat(redis_url)
    loop, started, where = asyncio.new_event_loop(), threading.Event(), []
    end = asyncio.Event()

    async def serve() -> None:
        runner = web.AppRunner(create_app(configured(redis_url)), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        where.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        started.set()
        await end.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(10)
    yield where[0]
    loop.call_soon_threadsafe(end.set)
    thread.join(10)
    loop.close()


def variations() -> Iterator[tuple[str, str, GenerationMode]]:
    """Each operation with what is right, and with what is wrong where anything can be."""
    for method, path in sorted(operations()):
        yield method, path, GenerationMode.POSITIVE
        if path.startswith(("/v1/messages", "/v1/inbound", "/callbacks/")):
            yield method, path, GenerationMode.NEGATIVE


@pytest.mark.parametrize(("method", "path", "mode"), [*variations()])
def test_no_input_is_our_fault(address: str, method: str, path: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.config.update(base_url=address)
    operation = schema[path][method.upper()]

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def fuzz(case: schemathesis.Case[Any]) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {KEY}"})
        case.validate_response(answer, checks=CHECKS)

    fuzz()
