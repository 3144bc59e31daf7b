"""Telemetry: logs. One line an event; JSON in production, readable on a terminal.

Numbers are masked wherever they turn up, in Celery's own lines too: a line about a message names
its id. Texts and secrets are never handed to a logger; the last net here is for numbers only.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from worker.contract.recipient import mask

_NUMBER = re.compile(r"(?<![0-9A-Za-z])(?:\+?86|0086)?(1[3-9][0-9]{9})(?![0-9A-Za-z])")


def masked(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask every mobile number in an event; a structlog processor."""
    del logger, method
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _NUMBER.sub(lambda found: mask(found[1]), value)
    return event


def configure(*, level: str = "INFO", as_json: bool | None = None) -> None:
    """Send structlog's and the standard library's logs to stderr in one form.

    ``as_json``: None decides by whether stderr is a terminal.
    """
    if as_json is None:
        as_json = not sys.stderr.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=()),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[Any] = (
        [
            structlog.processors.format_exc_info,
            masked,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
        if as_json
        else [
            structlog.processors.format_exc_info,
            masked,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Celery's two lines a task say less than our pump.done and come four times a second.
    rings = ("celery.worker.strategy", "celery.app.trace", "celery.beat")
    for noisy in (*rings, "kombu", "amqp", "asyncio", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
