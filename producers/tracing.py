"""Tracing: the span of a send, where the web app traces itself; free where it does not.

A trace can only be under way where somebody loaded OpenTelemetry; here nobody does. What goes
along with the message is the span's traceparent, 55 characters.
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from types import ModuleType

_TRACE, _PROPAGATOR = "opentelemetry.trace", "opentelemetry.trace.propagation.tracecontext"
_UNTRACED = nullcontext("")


def sending(stream: str = "") -> AbstractContextManager[str]:
    """Give the traceparent of a send that happens within; empty where nobody traces it.

    ``stream``: empty for a batch of many.
    """
    api = sys.modules.get(_TRACE)
    if api is None or not api.get_current_span().get_span_context().trace_flags.sampled:
        return _UNTRACED
    return _span(api, stream)


@contextmanager
def _span(api: ModuleType, stream: str) -> Iterator[str]:
    attributes = {"messaging.system": "xinshi", "messaging.operation.name": "send"}
    if stream:
        attributes["messaging.destination.name"] = stream
    with api.get_tracer("xinshi").start_as_current_span(
        f"send {stream}".rstrip(),
        kind=api.SpanKind.PRODUCER,
        attributes=attributes,
        record_exception=False,  # its text may quote a message
        set_status_on_exception=False,
    ) as span:
        carrier: dict[str, str] = {}
        import_module(_PROPAGATOR).TraceContextTextMapPropagator().inject(carrier)
        try:
            yield carrier.get("traceparent", "")
        except Exception as error:
            span.set_status(api.StatusCode.ERROR, type(error).__name__)
            raise


def received(traceparent: str) -> AbstractContextManager[object]:
    """Continue within the trace of who called us over HTTP, where that is traced and so are we."""
    api = sys.modules.get(_TRACE)
    if api is None or not traceparent or api.get_current_span().get_span_context().is_valid:
        return _UNTRACED
    return _within(api, traceparent)


@contextmanager
def _within(api: ModuleType, traceparent: str) -> Iterator[None]:
    propagator = import_module(_PROPAGATOR).TraceContextTextMapPropagator()
    span = api.get_current_span(propagator.extract({"traceparent": traceparent}))
    with api.use_span(span, record_exception=False, set_status_on_exception=False):
        yield
