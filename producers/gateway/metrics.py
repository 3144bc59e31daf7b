"""Metrics of one gateway process, for Prometheus, with what its gauges read."""

from collections.abc import Iterable, Iterator

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from worker.telemetry import metrics
from worker.telemetry.exposition import registry
from worker.telemetry.metrics import By, Metric


class _Read(Collector):
    """What was read for the page that is being written."""

    families: Iterable[Family] = ()

    def collect(self) -> Iterator[Family]:
        yield from self.families


class Metrics:
    """What this process counts. Its registry is its own: two gateways in a test do not meet."""

    def __init__(self) -> None:
        self._read = _Read()
        self._registry = registry(By.GATEWAY.value, self._read)
        self._requests = self._counter(metrics.REQUESTS)
        self.messages = self._counter(metrics.HANDED_IN)
        self.callbacks = self._counter(metrics.CALLBACKS)
        told = metrics.REQUEST
        self._seconds = Histogram(
            *(told.name, told.help, told.labels), buckets=told.buckets, registry=self._registry
        )

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.help, metric.labels, registry=self._registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def page(self, read: Iterable[Family]) -> web.Response:
        """Return everything as Prometheus reads it; ``read``: what the gauges say now."""
        self._read.families = read
        body = generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
