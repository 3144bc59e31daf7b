"""Metrics of one gateway process, and the depths of the queues, for Prometheus."""

from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.status import Stream
from worker.store.client import AsyncStore

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_ACCEPTED = "result is accepted or refused"
_SIZES = (
    ("waiting", "ZCARD", keys.WAITING),
    ("unknown", "ZCARD", keys.UNKNOWN),
    ("dead", "ZCARD", keys.DEAD),
    ("spool", "XLEN", keys.SPOOL),
    ("unreadable", "XLEN", keys.UNREADABLE),
)


class Metrics:
    """What this process counts. Its registry is its own: two gateways in a test do not meet."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"xinshi_gateway_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"xinshi_{name}", text, labels, registry=registry)

        self.requests = counter("requests", "Requests answered", "method", "route", "status")
        self.messages = counter("messages", f"Messages handed in; {_ACCEPTED}", "api_key", "result")
        self.callbacks = counter(
            "callbacks", f"Callbacks; {_ACCEPTED} or unavailable", "account", "kind", "result"
        )
        self.seconds = Histogram(
            *("xinshi_gateway_request_seconds", "Time to an answer", ("route",)),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._up = gauge("redis_up", "Whether Redis answered just now")
        self._ready = gauge("ready_messages", "Messages ready for a worker", "stream")
        self._sizes = gauge("items", "Messages that wait or are in trouble; pages", "where")

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    async def page(self, store: AsyncStore) -> web.Response:
        """Return everything as Prometheus reads it, the depths as they are now."""
        self._ready.clear()
        self._sizes.clear()
        try:
            ready = [await store.command("LLEN", keys.ready(stream)) for stream in Stream]
            sizes = [await store.command(command, key) for _, command, key in _SIZES]
        except StoreError:  # no depth is better than an old one
            self._up.set(0)
        else:
            self._up.set(1)
            for stream, depth in zip(Stream, ready, strict=True):
                self._ready.labels(stream).set(depth)
            for (name, _, _), size in zip(_SIZES, sizes, strict=True):
                self._sizes.labels(name).set(size)
        body = generate_latest(self.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
