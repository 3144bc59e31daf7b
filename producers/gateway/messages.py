"""The messages API: send one or many, ask what became of one, take one back."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from producers import tracing
from producers.gateway import bodies, problems
from producers.gateway.gateway import CALLER, GATEWAY, Gateway
from producers.gateway.problems import Problem
from producers.gateway.responses import answer
from worker.contract.errors import BatchError, MessageError, StoreError
from worker.contract.message import Message
from worker.contract.settings import ApiKey
from worker.contract.status import Status, Stream

MOST = 1000  # messages of one request
_SLICE = 200  # of them checked in one go: callbacks have their turn between
_LONGEST = 200  # characters of an idempotency key
_KEY = re.compile(rf"[\x21-\x7e]{{1,{_LONGEST}}}")
_SIGNED = re.compile(r"\s*【([^【】]+)】")


async def send(request: web.Request) -> web.Response:
    """Take one message, or a batch of them; its trace goes on where the caller's is traced."""
    with tracing.received(request.headers.get("traceparent", "")):
        return await _send(request)


async def _send(request: web.Request) -> web.Response:
    gateway, caller = request.app[GATEWAY], request[CALLER]
    body = bodies.decode(await bodies.read(request, gateway.settings.gateway.max_body))
    key = _header(request)
    if isinstance(body, dict) and "messages" in body:
        return await _send_batch(gateway, caller, key, _batch(body))
    message = _message(gateway, caller, body, key)
    (found,) = await _accept(gateway, caller, [message])
    if isinstance(found, MessageError):
        raise found
    return answer(_accepted(found, message), 202, {"Location": f"/v1/messages/{found}"})


async def status(request: web.Request) -> web.Response:
    """Tell what is known of a message."""
    snapshot = await request.app[GATEWAY].client.status(request.match_info["id"])
    return answer(snapshot.to_dict())


async def cancel(request: web.Request) -> web.Response:
    """Take a message back; again, if need be."""
    client, message_id = request.app[GATEWAY].client, request.match_info["id"]
    if not await client.cancel(message_id):
        now = (await client.status(message_id)).status
        if now is not Status.CANCELLED:
            raise Problem("too-late", f"it is {now} already", message_status=now)
    return answer({"id": message_id, "status": Status.CANCELLED})


def _header(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        rule = f"1 to {_LONGEST} printable ASCII characters without spaces"
        raise Problem("invalid-parameter", rule, field="Idempotency-Key")
    return key


def _batch(body: Mapping[str, Any]) -> list[Any]:
    if extra := [name for name in body if name != "messages"]:
        raise MessageError(extra[0][:40], "unknown field; beside messages there is none")
    found = body["messages"]
    if not isinstance(found, list) or not 0 < len(found) <= MOST:
        raise MessageError("messages", f"must be a list of 1 to {MOST} messages")
    return found


async def _send_batch(
    gateway: Gateway, caller: ApiKey, key: str | None, items: Sequence[Any]
) -> web.Response:
    gateway.keyring.charge(caller, len(items) - 1)
    rows: list[dict[str, Any]] = []
    for first in range(0, len(items), _SLICE):
        places = enumerate(items[first : first + _SLICE], first)
        try:
            rows += await _send_slice(gateway, caller, key, dict(places))
        except StoreError as error:
            known = [*(row.get("id") for row in rows), *error.ids]
            error.ids = known + [None] * (len(items) - len(known))
            raise
    if not any("id" in row for row in rows):
        detail = "each message has its own error, in order"
        raise Problem("none-accepted", detail, messages=rows)
    return answer({"messages": rows}, 202)


async def _send_slice(
    gateway: Gateway, caller: ApiKey, key: str | None, items: Mapping[int, Any]
) -> list[dict[str, Any]]:
    checked: list[Message | Exception] = []
    for place, item in items.items():
        try:
            checked.append(_message(gateway, caller, item, key, place))
        except (MessageError, Problem) as error:
            checked.append(error)
    good = [each for each in checked if isinstance(each, Message)]
    try:
        found = iter(await _accept(gateway, caller, good))
    except StoreError as error:  # of several servers, others may have stored what is theirs
        ids = iter(error.ids)
        error.ids = [next(ids, None) if isinstance(each, Message) else None for each in checked]
        raise
    return [
        _row(each, next(found)) if isinstance(each, Message) else _refused(each) for each in checked
    ]


def _row(message: Message, found: str | MessageError) -> dict[str, Any]:
    return _refused(found) if isinstance(found, MessageError) else _accepted(found, message)


def _refused(error: Exception) -> dict[str, Any]:
    problem = problems.of(error)
    assert problem is not None, "a refusal of a message is a problem"
    return {"error": problem.to_dict()}


def _accepted(message_id: str, message: Message) -> dict[str, Any]:
    """Return what the producer hears, and hears again under the same idempotency key."""
    due = message.send_at
    later = isinstance(due, datetime) and due > datetime.now(UTC)
    return {"id": message_id, "status": Status.SCHEDULED if later else Status.ACCEPTED}


async def _accept(
    gateway: Gateway, caller: ApiKey, messages: Sequence[Message]
) -> list[str | MessageError]:
    """Store messages; each comes back as its id or its error."""
    try:
        found: list[str | MessageError] = [*await gateway.client.send_many(messages)]
    except BatchError as error:
        pairs = enumerate(error.ids)
        found = [error.errors[place] if each is None else each for place, each in pairs]
    refused = sum(isinstance(each, MessageError) for each in found)
    gateway.metrics.messages.labels(caller.name, "refused").inc(refused)
    gateway.metrics.messages.labels(caller.name, "accepted").inc(len(found) - refused)
    return found


def _message(
    gateway: Gateway, caller: ApiKey, values: Any, key: str | None, place: int | None = None
) -> Message:
    """Return a message that the caller may send; raise MessageError or Problem."""
    if not isinstance(values, dict):
        raise MessageError("message", "must be an object with the fields of a message")
    own = values.get("idempotency_key")
    if own is None and key is not None:
        values = {**values, "idempotency_key": _scoped(caller.name, key, place)}
    elif isinstance(own, str) and own.strip() and len(own) <= _LONGEST:
        values = {**values, "idempotency_key": _scoped(caller.name, own)}
    message = Message.of(values)
    _check_rights(gateway, caller, message)
    return message


def _scoped(name: str, key: str, place: int | None = None) -> str:
    """Return the key that no other web app, and no other message of the batch, can have."""
    scope = name if place is None else f"{name}[{place}]"
    scoped = f"{scope}:{key}"
    if len(scoped) <= _LONGEST:
        return scoped
    return f"{scope}:{hashlib.sha256(key.encode(errors='replace')).hexdigest()}"


def _check_rights(gateway: Gateway, caller: ApiKey, message: Message) -> None:
    if message.stream not in caller.streams:
        allowed = ", ".join(each for each in Stream if each in caller.streams) or "none"
        raise Problem("not-allowed", f"this API key may use {allowed}", field="stream")
    if caller.signatures is None:
        return
    template = gateway.settings.templates.get(message.template or "")
    brand = message.signature or (template.signature if template else "")
    brand = brand or gateway.settings.signature
    if not brand and (found := _SIGNED.match(message.text or "")):
        brand = found[1]  # a text that brings its own
    if brand not in caller.signatures:
        allowed = ", ".join(sorted(caller.signatures)) or "none"
        raise Problem("not-allowed", f"this API key may use {allowed}", field="signature")
