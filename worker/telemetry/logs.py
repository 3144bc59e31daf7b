"""Telemetry: logs. One line an event; JSON in production, readable on a terminal.

Numbers are masked wherever they turn up, in Celery's own lines too: a line about a message names
its id. Texts and secrets are never handed to a logger; the last net here is for numbers only.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from worker.contract.recipient import mask

# A mobile number in any form that a producer may write, also behind an escape (\n, %2B, \u4e00);
# a UUID, whose digits may look like one, stands first and is left alone.
_NUMBER = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?:(?<![0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\x[0-9A-Fa-f]{2}))"
    r"(?:(?:00|\+)?86[ -]?)?(?P<number>1[ -]?[3-9](?:[ -]?[0-9]){9})(?![0-9])"
)
_PLAIN = (bool, float, type(None))

# Celery's two lines a task say less than our pump.done and come four times a second.
_RINGS = ("celery.worker.strategy", "celery.app.trace", "celery.beat")
_NOISY = (*_RINGS, "kombu", "amqp", "asyncio", "aiohttp.access")

#: What is said of every line, ours and the standard library's.
_SHARED: tuple[Any, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(allow=()),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def _masked(found: re.Match[str]) -> str:
    number = found["number"]
    return mask(number.replace(" ", "").replace("-", "")) if number else found[0]


def _clean(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {_text(key): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(each) for each in value]
    if isinstance(value, int):
        text = _text(value)
        return value if text == str(value) else text
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return _NUMBER.sub(_masked, value if isinstance(value, str) else str(value))


def masked(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask every mobile number in an event, at any depth; a structlog processor."""
    del logger, method
    for name, value in event.items():
        event[name] = _clean(value)
    return event


def configure(*, level: str = "INFO", as_json: bool | None = None) -> None:
    """Send structlog's and the standard library's logs to stderr in one form.

    ``as_json``: None decides by whether stderr is a terminal.
    """
    if as_json is None:
        as_json = not sys.stderr.isatty()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                masked,
                _renderer(as_json=as_json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _renderer(*, as_json: bool) -> Any:
    """Return what makes a line of an event."""
    if as_json:
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
