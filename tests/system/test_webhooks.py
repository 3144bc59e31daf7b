"""Webhooks with the real processes: an endpoint hears all of it, whatever was away meanwhile."""

import base64
import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from producers import webhooks as receiving
from worker.contract.recipient import mask
from worker.store import webhooks
from worker.store.embedded import free_port
from worker.store.webhooks import Condition

from .conftest import Stack

pytestmark = pytest.mark.system

SECRET = "whsec_" + base64.b64encode(b"the secret of the system test").decode()
WHOLE_LIFE = {"accepted", "submitted", "delivered"}
PATIENCE = 240.0  # seconds: an endpoint rests, and tries come later and later


class Book:
    """What the endpoint heard, over all the times that it was up. Every post is verified."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.bodies: dict[str, set[bytes]] = defaultdict(set)  #: a webhook's id -> its bodies
        self.types: dict[str, set[str]] = defaultdict(set)  #: a message's id -> what it became
        self.wrong: list[str] = []

    def hear(self, body: bytes, headers: dict[str, str]) -> int:
        try:
            found = receiving.verify(body, headers, SECRET)
        except receiving.WebhookError as error:
            self.wrong.append(str(error))
            return 400
        self.bodies[found.id].add(body)
        self.types[str(found.data["id"])].add(found.type)
        return 200

    def knows(self, ids: Sequence[str], types: set[str]) -> Callable[[], bool]:
        return lambda: all(types <= self.types[each] for each in ids)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let the endpoint be up."""
        book = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = book.hear(body, dict(self.headers.items()))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        with ThreadingHTTPServer(("127.0.0.1", self.port), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join(60)


def settings(port: int) -> str:
    return (
        f'\n[webhooks.app]\nurl = "http://127.0.0.1:{port}/sms"\nsecret = "{SECRET}"\n'
        'allow_private = true\ntimeout = "5s"\n'
    )


@pytest.mark.timeout(900)
def test_an_endpoint_hears_everything_though_it_was_down_and_the_worker_killed(
    make_stack: Callable[..., Stack],
) -> None:
    book = Book(free_port())
    stack = make_stack(settings(book.port), notice=["tencent"])
    worker, _ = stack.start("worker"), stack.start("beat")

    def look() -> Condition:
        return webhooks.look(stack.store, "app")

    with book.open():
        stack.until("a worker knows the endpoint", lambda: look().known)
        first = stack.send(20)
        stack.until("it heard of the first ones", book.knows(first, WHOLE_LIFE), PATIENCE)

    # The kill is to lose posts, and neither submits nor a page of reports.
    stack.ask("/_sandbox/settings", method="PUT", body={"report_delay": 5.0})
    second = stack.send(30, first=20)  # while it is down
    stack.until("they are submitted", stack.submitted(second))
    stack.until("posts failed", lambda: look().failed > 0)
    stack.stop(worker, signal.SIGKILL)
    third = stack.send(10, first=50)
    stack.start("worker")
    stack.until("the others are submitted", stack.submitted(second + third), PATIENCE)

    with book.open():
        stack.until("it is told again", lambda: bool(book.types[second[0]]), PATIENCE)
        everything = [*first, *second, *third]
        stack.until("each has an end", book.knows(everything, {"accepted", "delivered"}), PATIENCE)
        stack.until("nothing waits", lambda: look().waiting == 0, PATIENCE)

    assert book.knows(third, WHOLE_LIFE)()
    assert {str(each.status) for each in stack.records(everything)} == {"delivered"}
    assert book.wrong == []
    assert all(len(bodies) == 1 for bodies in book.bodies.values()), "the same in every try"
    _nothing_private(stack, book, everything)
    found = look()
    assert (found.given_up, found.dropped) == (0, 0)


def _nothing_private(stack: Stack, book: Book, ids: Sequence[str]) -> None:
    said = b"".join(body for bodies in book.bodies.values() for body in bodies).decode()
    for record in stack.records(list(ids)):
        assert record.to.removeprefix("+86") not in said
        assert mask(record.to) in said
    logs = stack.logs("worker")
    assert SECRET not in logs
    assert urlsplit(f"http://127.0.0.1:{book.port}/sms").path not in logs
