"""The Celery application: ``celery -A worker.app worker``, ``beat`` and ``flower``.

Celery is a shell: it starts the process, hands it rings and ticks, and ends it. No task carries
a number or a text, none is retried, delayed or acknowledged late: state is in Redis.
"""

import atexit
import logging
import sys
from typing import Any

from celery import Celery, signals
from kombu.entity import Queue

from worker.broker import Broker, broker
from worker.contract import jobs, settings
from worker.contract.errors import SettingsError
from worker.contract.settings import Settings
from worker.contract.status import Stream
from worker.heartbeat.heart import Heart
from worker.process import Process
from worker.schedule import SCHEDULE, SHARING, Ticks
from worker.telemetry import logs as telemetry
from worker.telemetry.exposition import Exposition
from worker.telemetry.metrics import By, Counts


def _settings() -> Settings:
    try:
        found = settings.load()
        found.served()
    except SettingsError as error:
        sys.exit(f"xinshi: {error}")
    return found


def _broker(url: str) -> Broker:
    try:
        return broker(url)
    except SettingsError as error:
        sys.exit(f"xinshi: {error}")


SETTINGS = _settings()
process: Process | None = None

_served = _broker(SETTINGS.cells[SETTINGS.served()].url)
app = Celery("xinshi", broker=_served.url, include=["worker.tasks"])
app.conf.update(
    broker_use_ssl=_served.ssl,
    worker_consumer="worker.consumer:Consumer",
    worker_pool="threads",
    worker_concurrency=8,
    worker_prefetch_multiplier=1,
    task_acks_late=False,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_queues=[*(Queue(jobs.queue(stream)) for stream in Stream), Queue(jobs.TICKS)],
    task_default_queue=jobs.TICKS,
    task_create_missing_queues=False,
    worker_send_task_events=True,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "health_check_interval": 5,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "visibility_timeout": jobs.VISIBILITY,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        **_served.options,
    },
    beat_schedule=SHARING if len(SETTINGS.cells) > 1 else SCHEDULE,
    beat_scheduler=Ticks,
    beat_max_loop_interval=1.0,
    timezone="Asia/Shanghai",
)


@signals.setup_logging.connect
def _logging(loglevel: str | int = "INFO", **_: Any) -> None:
    name = loglevel if isinstance(loglevel, str) else logging.getLevelName(loglevel)
    telemetry.configure(level=name)


@signals.worker_init.connect
def _prepare(**_: Any) -> None:
    global process  # noqa: PLW0603 - one a process is what it is
    try:
        process = Process(SETTINGS)
    except SettingsError as error:
        sys.exit(f"xinshi: {error}")


@signals.celeryd_after_setup.connect  # not before: logging is set up between the two
def _start(**_: Any) -> None:
    if process is not None:
        atexit.register(_stop)
        process.start()


@signals.worker_ready.connect  # its consumer begins; comes again when Redis was away
def _appear(sender: Any, **_: Any) -> None:
    if process is not None:
        process.appear(sender.hostname, list(sender.app.amqp.queues.consume_from))


@signals.heartbeat_sent.connect  # its consumer runs, and Redis is there
def _consuming(**_: Any) -> None:
    if process is not None:
        process.consuming()


@signals.beat_init.connect
def _beating(sender: Any, **_: Any) -> None:
    sender.scheduler.counts = counts = Counts()
    Exposition(counts, By.BEAT).start(SETTINGS.metrics.listen)
    if SETTINGS.worker.heartbeat:
        try:
            sender.scheduler.heart = Heart(SETTINGS.worker.heartbeat)
        except SettingsError as error:
            sys.exit(f"xinshi: {error}")


@signals.worker_shutting_down.connect
def _stopping(**_: Any) -> None:
    if process is not None:
        process.stopping()


@signals.worker_shutdown.connect
def _stop(**_: Any) -> None:
    if process is not None:
        process.stop()
