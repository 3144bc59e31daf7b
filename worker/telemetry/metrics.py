"""Metrics: every number that Prometheus is told, by name; and what one process counts of them.

Nothing on a message's way knows Prometheus: it adds to plain integers, which worker.telemetry.exposition
reads when somebody asks. A label is an account, a stream or another word of a closed list; never
a number, a text, a secret or a message's id.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from worker.contract.record import Record
from worker.contract.status import Status


class By(StrEnum):
    """Who knows a number, and tells it."""

    ALL = "each process"
    WORKER = "worker"
    BEAT = "beat"
    GATEWAY = "gateway"
    STORE = "gateway, from Redis"  #: every gateway says the same: take the max of them


@dataclass(frozen=True, slots=True)
class Metric:
    name: str  #: as Prometheus has it
    kind: Literal["counter", "gauge", "histogram"]
    by: By
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()


METRICS: dict[str, Metric] = {}


def _metric(
    by: By,
    kind: Literal["counter", "gauge", "histogram"],
    name: str,
    labels: str,
    about: str,
    *,
    buckets: tuple[float, ...] = (),
) -> Metric:
    found = METRICS[name] = Metric(name, kind, by, tuple(labels.split()), about, buckets)
    return found


# fmt: off
# ruff: noqa: E501 - a table reads best with a line for each row
_CALL = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
_WAY = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3600.0)
_BACK = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)
_LAG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_REQUEST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

BUILD_INFO = _metric(By.ALL, "gauge", "xinshi_build_info", "version process", "1; which version runs, and as what")

MESSAGES = _metric(By.WORKER, "counter", "xinshi_messages_total", "stream account outcome", "Attempts, by what they came to")
SUBMIT = _metric(By.WORKER, "histogram", "xinshi_submit_seconds", "account", "From a call to a vendor until its answer; a call may carry many messages", buckets=_CALL)
ENQUEUE = _metric(By.WORKER, "histogram", "xinshi_enqueue_to_vendor_seconds", "stream", "From when a message might go until its first call to a vendor begins", buckets=_WAY)
REPORTS = _metric(By.WORKER, "counter", "xinshi_reports_total", "account status result", "Delivery reports: applied, late (the message was further on) or early (no message yet)")
REPORT = _metric(By.WORKER, "histogram", "xinshi_report_seconds", "account", "From when a vendor took a message until its report is applied", buckets=_BACK)
WAITS = _metric(By.WORKER, "counter", "xinshi_waits_total", "stream reason", "Messages put aside, by why")
UNSENT = _metric(By.WORKER, "counter", "xinshi_unsent_total", "stream status", "Messages that ended before a vendor was asked")
LOST = _metric(By.WORKER, "counter", "xinshi_attempts_lost_total", "stream account", "Attempts past their deadline without an answer, found by the sweep")
PAGES = _metric(By.WORKER, "counter", "xinshi_pages_total", "account result", "Pages taken from the spool: parsed or unreadable")
IN_FLIGHT = _metric(By.WORKER, "gauge", "xinshi_in_flight", "", "Calls to vendors that are open")
UNSETTLED = _metric(By.WORKER, "gauge", "xinshi_unsettled", "", "Verdicts on their way to Redis")
LOOP_LAG = _metric(By.WORKER, "histogram", "xinshi_loop_lag_seconds", "", "How much later than asked the event loop woke, twice a second", buckets=_LAG)

TICKS = _metric(By.BEAT, "counter", "xinshi_ticks_total", "task", "Ticks sent")
TICKS_WITHHELD = _metric(By.BEAT, "counter", "xinshi_ticks_withheld_total", "task", "Ticks not sent, for nobody takes those before")

REQUESTS = _metric(By.GATEWAY, "counter", "xinshi_gateway_requests_total", "method route status", "Requests answered")
HANDED_IN = _metric(By.GATEWAY, "counter", "xinshi_gateway_messages_total", "api_key result", "Messages handed in: accepted or refused")
CALLBACKS = _metric(By.GATEWAY, "counter", "xinshi_gateway_callbacks_total", "account kind result", "Callbacks: accepted, refused or unavailable")
REQUEST = _metric(By.GATEWAY, "histogram", "xinshi_gateway_request_seconds", "route", "Time to an answer", buckets=_REQUEST)

REDIS_UP = _metric(By.STORE, "gauge", "xinshi_redis_up", "shard", "1 where a server answered just now, else 0; then its part is in nothing below")
READY = _metric(By.STORE, "gauge", "xinshi_ready_messages", "stream", "Messages ready for a worker")
READY_AGE = _metric(By.STORE, "gauge", "xinshi_ready_oldest_seconds", "stream", "How long the first of them is ready; 0 for none")
RINGS = _metric(By.STORE, "gauge", "xinshi_rings", "stream", "Rings that no worker took yet")
WAITING = _metric(By.STORE, "gauge", "xinshi_waiting_messages", "", "Messages that wait for their time, of all streams")
OVERDUE = _metric(By.STORE, "gauge", "xinshi_waiting_overdue_messages", "", "Those of them whose time has come")
OVERDUE_AGE = _metric(By.STORE, "gauge", "xinshi_waiting_overdue_seconds", "", "How long ago the time of the first of them came; 0 for none")
UNKNOWN = _metric(By.STORE, "gauge", "xinshi_unknown_messages", "", "Messages of which nobody knows whether a vendor took them")
DEAD = _metric(By.STORE, "gauge", "xinshi_dead_letters", "", "Messages that ended untaken and are kept")
SPOOL = _metric(By.STORE, "gauge", "xinshi_spool_pages", "", "Pages from vendors that wait for their parser")
UNREADABLE = _metric(By.STORE, "gauge", "xinshi_unreadable_pages", "", "Pages that no parser understands")
TICKS_WAITING = _metric(By.STORE, "gauge", "xinshi_ticks_waiting", "", "Beat's ticks that no worker took yet")
WORKERS = _metric(By.STORE, "gauge", "xinshi_workers", "queue shard", "Worker processes alive that serve a queue of a shard")
OPEN = _metric(By.STORE, "gauge", "xinshi_open_attempts", "account", "Attempts without an answer yet, of all processes")
BREAKER = _metric(By.STORE, "gauge", "xinshi_breaker_state", "account", "0: in use, 1: its next message is a probe, 2: left alone")
SUSPENDED = _metric(By.STORE, "gauge", "xinshi_account_suspended", "account", "1 where the vendor says that the account is unusable, until it takes a message")
DRIFT = _metric(By.STORE, "counter", "xinshi_mirror_drift_total", "account", "Numbers that a vendor throttled and our windows had let pass; the goal is 0")
PROMPT_SHARE = _metric(By.STORE, "gauge", "xinshi_account_prompt_share", "account", "Of an account's messages of late, the part whose reports came in time; untold where too few are known")
PROMPT_LEFT = _metric(By.STORE, "gauge", "xinshi_account_prompt_left", "account", "What is left of its usual share, few messages given the benefit of the doubt; below 0.7 doctor warns")
BALANCE = _metric(By.STORE, "gauge", "xinshi_balance", "account unit", "What an account has left, as it said last: messages or yuan")
RUNWAY = _metric(By.STORE, "gauge", "xinshi_balance_runway_hours", "account", "How long that lasts at the pace of late")
POLL_AGE = _metric(By.STORE, "gauge", "xinshi_poll_age_seconds", "account kind", "Since a poll or a balance call succeeded; where none ever did, since the gateway began")
DELIVERED = _metric(By.STORE, "counter", "xinshi_webhook_delivered_total", "endpoint", "Events that an endpoint took")
FAILED = _metric(By.STORE, "counter", "xinshi_webhook_failed_total", "endpoint", "Tries that failed")
GIVEN_UP = _metric(By.STORE, "counter", "xinshi_webhook_lost_total", "endpoint", "Events given up after a day, or dropped where too many waited")
BACKLOG = _metric(By.STORE, "gauge", "xinshi_webhook_backlog", "endpoint", "Events that wait to be posted")
BACKLOG_AGE = _metric(By.STORE, "gauge", "xinshi_webhook_overdue_seconds", "endpoint", "How long ago the first of them was due; 0 for none")
RESTING = _metric(By.STORE, "gauge", "xinshi_webhook_resting", "endpoint", "1 where an endpoint failed so often that it is left alone, or wants no more")
# fmt: on

_REASONS = {  # what the store says of a wait -> the word in its metric
    "every account that can carry it is busy": "busy",
    "the number has had enough there for now": "number",
    "our own cap is reached": "own cap",
    "quiet hours": "quiet hours",
}


class Spread:
    """A histogram: how many fell into each bucket, and their sum."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def note(self, value: float) -> None:
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value


class Spreads(dict[tuple[str, ...], Spread]):
    """The histograms of one metric, by their labels."""

    def __init__(self, metric: Metric) -> None:
        super().__init__()
        self._bounds = metric.buckets

    def __missing__(self, labels: tuple[str, ...]) -> Spread:
        found = self[labels] = Spread(self._bounds)
        return found


class Counts:
    """What one process counts, on its event loop; read from another thread by copies."""

    def __init__(self) -> None:
        metrics = METRICS.values()
        ours = [each for each in metrics if each.by in (By.WORKER, By.BEAT)]
        self.totals: dict[str, defaultdict[tuple[str, ...], int]] = {
            each.name: defaultdict(int) for each in ours if each.kind == "counter"
        }
        self.spreads = {each.name: Spreads(each) for each in ours if each.kind == "histogram"}
        self.gauges: dict[str, Callable[[], float]] = {}
        self._messages = self.totals[MESSAGES.name]
        self._submit = self.spreads[SUBMIT.name]
        self._enqueue = self.spreads[ENQUEUE.name]
        self.loop_lag = self.spreads[LOOP_LAG.name][()]

    def add(self, metric: Metric, *labels: str, count: int = 1) -> None:
        self.totals[metric.name][labels] += count

    def answered(self, record: Record, outcome: str) -> None:
        """Count what one attempt came to; once a message, so it is kept cheap."""
        self._messages[record.stream, record.account, outcome] += 1

    def called(self, account: str, seconds: float) -> None:
        """Note how long a vendor took to answer."""
        self._submit[account,].note(seconds)

    def begun(self, record: Record, seconds: float) -> None:
        """Note that a message's call begins; ``seconds`` after its attempt was opened."""
        if record.attempt == 1:
            waited = (record.updated - _might_go(record)) / 1000 + seconds
            self._enqueue[record.stream,].note(max(0.0, waited))

    def reported(self, account: str, status: str, result: str, seconds: float | None) -> None:
        """Count a report; ``seconds`` since the vendor took its message, None: not known."""
        self.add(REPORTS, account, status, result)
        if seconds is not None:
            self.spreads[REPORT.name][account,].note(seconds)

    def waits(self, stream: str, reason: str) -> None:
        """Count a message that is put aside; ``reason``: the store's, or an outcome."""
        self.add(WAITS, stream, _REASONS.get(reason, reason))

    def stepped(self, record: Record) -> None:
        """Count what a claim decided about a message that it did not open."""
        if record.status in (Status.SCHEDULED, Status.ACCEPTED):
            self.waits(record.stream, record.reason if record.reason in _REASONS else "other")
        else:
            self.add(UNSENT, record.stream, record.status)


def _might_go(record: Record) -> int:
    """Return from when a message might go, ms since 1970: its send_at, else when it came."""
    first = record.trail[0] if isinstance(record.trail, list) and record.trail else ()
    if len(first) == 5 and first[1] == Status.SCHEDULED and not first[3]:  # noqa: PLR2004 - see Step
        return int(first[4])
    return record.created
