"""Tracing: the spans of a message's way through a worker, in the trace of its send.

Off, and free, for a message whose send was not traced, and where OpenTelemetry is not installed.
Its SDK and where spans go are the operator's: docs/traces.md. No span holds a number or a text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from worker import __version__
from worker.contract.record import Record
from worker.store.arrivals import Report, Told
from worker.vendors.base import Call, Outcome, Response, Submission

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanKind

try:
    from opentelemetry import trace as api
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:  # the extra "otel" is not installed
    INSTALLED = False
else:
    INSTALLED = True
    _PROPAGATOR = TraceContextTextMapPropagator()

T = TypeVar("T")
_FINE = frozenset({Outcome.SUBMITTED, Outcome.CAPPED, Outcome.THROTTLED})
_PORTS = {"http": 80, "https": 443}


class Submitted(Protocol):
    """An attempt, as far as spans tell of it."""

    @property
    def id(self) -> str:
        """The message's."""

    @property
    def record(self) -> Record:
        """The message's, as it was claimed."""


class Submits:
    """The spans of one call to a vendor: one for each of its messages that is traced."""

    def __init__(self, attempts: Sequence[Submitted]) -> None:
        self._spans = [_submit(each) if each.record.trace else None for each in attempts]

    def asking(self, call: Call[T]) -> Call[T]:
        """Note what is asked, and return the call as one that notes the answer's status."""
        where = urlsplit(call.url)
        self._note("http.request.method", call.method)
        self._note("server.address", where.hostname or "")
        self._note("server.port", where.port or _PORTS.get(where.scheme, 0))

        def read(response: Response) -> T:
            self._note("http.response.status_code", response.status)
            return call.read(response)

        return replace(call, read=read)

    def end(self, submissions: Sequence[Submission]) -> None:
        """End the spans, each with what its message's answer came to."""
        for span, submission in zip(self._spans, submissions, strict=True):
            if span:
                outcome = submission.outcome
                span.set_attribute("xinshi.outcome", outcome.value)
                span.set_attribute("xinshi.code", submission.code)
                if outcome not in _FINE:
                    span.set_status(api.StatusCode.ERROR, outcome.value)
                span.end()

    def _note(self, name: str, value: str | int) -> None:
        for span in self._spans:
            if span:
                span.set_attribute(name, value)


def submits(attempts: Sequence[Submitted]) -> Submits | None:
    """Begin the spans of a call; None where none of its messages is traced."""
    if INSTALLED:
        for each in attempts:
            if each.record.trace:
                return Submits(attempts)
    return None


def reported(item: Report, told: Told) -> None:
    """Note in a message's trace what came of its report."""
    if not INSTALLED or not told.trace:
        return
    attributes = {
        "messaging.operation.name": "report",
        "messaging.message.id": told.id,
        "xinshi.account": item.account,
        "xinshi.status": item.status.value,
        "xinshi.code": item.code,
        "xinshi.verdict": told.verdict,
    }
    _begin("report", told.trace, api.SpanKind.CONSUMER, attributes).end()


def _submit(attempt: Submitted) -> "Span":
    record = attempt.record
    attributes = {
        "messaging.operation.name": "submit",
        "messaging.destination.name": record.stream.value,
        "messaging.message.id": attempt.id,
        "xinshi.account": record.account,
        "xinshi.attempt": record.attempt,
        "xinshi.waits": record.waits,
    }
    return _begin(f"submit {record.account}", record.trace, api.SpanKind.CLIENT, attributes)


def _begin(name: str, trace: str, kind: "SpanKind", attributes: Mapping[str, Any]) -> "Span":
    context = _PROPAGATOR.extract({"traceparent": trace})
    tracer = api.get_tracer("xinshi", __version__)
    said = {"messaging.system": "xinshi", **attributes}
    return tracer.start_span(name, context, kind, said)
