"""Exposition: what a process counted, as Prometheus reads it, on a port of its own.

The server is prometheus-client's, in a thread beside the event loop: nothing of it stands in a
message's way, and it answers also where the loop hangs.
"""

import errno
import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from worker import __version__
from worker.contract.metrics import PORTS
from worker.telemetry.metrics import BUILD_INFO, METRICS, By, Counts, Metric, Spread

log = structlog.get_logger("xinshi.metrics")

_JOIN = 5.0  # seconds that its thread may take to end

Rows = Iterable[tuple[tuple[str, ...], float]]  #: labels and value


class Counted(Collector):
    """What one process counted."""

    def __init__(self, counts: Counts, by: By) -> None:
        self._counts = counts
        self._metrics = [each for each in METRICS.values() if each.by is by]

    def collect(self) -> Iterator[Family]:
        for each in self._metrics:
            if each.kind == "histogram":
                # Copied in one step of the interpreter: the loop may add to the original.
                yield histogram(each, self._counts.spreads[each.name].copy())
            elif each.kind == "counter":
                yield family(each, self._counts.totals[each.name].copy().items())
            elif read := self._counts.gauges.get(each.name):
                yield family(each, [((), read())])


def family(metric: Metric, rows: Rows) -> Family:
    """Return a counter or a gauge with its values."""
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    found = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in rows:
        found.add_metric(labels, value)
    return found


def histogram(metric: Metric, spreads: Mapping[tuple[str, ...], Spread]) -> Family:
    found = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = [*map(floatToGoString, metric.buckets), "+Inf"]
    for labels, spread in spreads.items():
        buckets = zip(bounds, accumulate(spread.counts), strict=True)
        found.add_metric(labels, list(buckets), spread.sum)
    return found


def registry(process: str, *collectors: Collector) -> CollectorRegistry:
    """Return a registry of our own with the process's figures and what is collected."""
    found = CollectorRegistry()
    ProcessCollector(registry=found)
    found.register(_Build(process))
    for each in collectors:
        found.register(each)
    return found


class _Build(Collector):
    def __init__(self, process: str) -> None:
        self._labels = __version__, process

    def collect(self) -> Iterator[Family]:
        yield family(BUILD_INFO, [(self._labels, 1)])


class Exposition:
    """Lets Prometheus ask one process, from ``start`` to ``stop``."""

    def __init__(self, counts: Counts, by: By) -> None:
        self._registry = registry(by.value, Counted(counts, by))
        self._server: WSGIServer | None = None
        self._thread: threading.Thread | None = None

    def start(self, listen: tuple[str, int] | None) -> tuple[str, int] | None:
        """Listen on the first free port; returns where, None where nowhere.

        A process without its metrics works as well as with them: that no port is free, or that
        there is no such address, is an error in the log, and no more.
        """
        if listen is None:
            return None
        host, first = listen
        for port in range(first, min(first + (PORTS if first else 1), 65536)):
            try:
                self._server, self._thread = start_http_server(port, host, self._registry)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                log.error("metrics.unavailable", host=host, port=port, reason=error.strerror)  # noqa: TRY400
                return None
            taken = self._server.server_port
            log.info("metrics.started", host=host, port=taken)
            return host, taken
        log.error("metrics.unavailable", host=host, port=first, reason=f"{PORTS} ports are taken")
        return None

    def stop(self) -> None:
        """Let nobody ask any more."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(_JOIN)
            self._server = None
