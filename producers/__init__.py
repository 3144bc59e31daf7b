"""What a web app imports: ``from producers import Client, AsyncClient, Message, Status``.

Neither Celery nor aiohttp is loaded by it.
"""

from producers import webhooks
from producers.client import AsyncClient, Client
from producers.life import Life
from producers.snapshot import Snapshot
from worker.contract.errors import (
    BatchError,
    ConflictError,
    MessageError,
    NotFoundError,
    SettingsError,
    StoreError,
    WebhookError,
    XinshiError,
)
from worker.contract.happenings import Event
from worker.contract.message import Message
from worker.contract.status import Status, Stream

__all__ = [
    "AsyncClient",
    "BatchError",
    "Client",
    "ConflictError",
    "Event",
    "Life",
    "Message",
    "MessageError",
    "NotFoundError",
    "SettingsError",
    "Snapshot",
    "Status",
    "StoreError",
    "Stream",
    "WebhookError",
    "XinshiError",
    "webhooks",
]
