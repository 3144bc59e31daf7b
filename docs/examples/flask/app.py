"""A login by one-time code with Flask: flask --app app run."""

import os
import secrets
from pathlib import Path

from flask import Flask, Response, abort, jsonify, request

from producers import Client, MessageError, NotFoundError, StoreError, WebhookError, webhooks

app = Flask(__name__)
sms = Client(config=Path(__file__).parent.parent / "xinshi.toml")  # connects when it first sends
secret = os.environ["SMS_WEBHOOK_SECRET"]  # [webhooks.<name>] secret of the workers' settings

codes: dict[str, str] = {}  # login -> code; in production a cache with a time-out
told: dict[str, str] = {}  # message -> what the last webhook said; in production your database
seen: set[str] = set()  # webhooks that came already: each may come again


@app.post("/codes")
def send() -> tuple[Response, int]:
    """``login`` is made by the login page, once: pressed twice, it is one code and one message."""
    phone, login = request.form["phone"], request.form["login"]
    if not login:
        abort(400)
    code = codes.setdefault(login, f"{secrets.randbelow(10**6):06d}")
    message_id = sms.send(
        phone,
        template="otp",
        params={"code": code, "minutes": "5"},
        stream="otp",
        idempotency_key=f"login-{login}",
    )
    return jsonify(id=message_id), 202


@app.get("/codes/<message_id>")
def show(message_id: str) -> Response:
    found = sms.status(message_id)
    return jsonify(status=found.status, final=found.final, told=told.get(message_id))


@app.post("/webhooks/sms")
def receive() -> tuple[str, int]:
    event = webhooks.verify(request.get_data(), dict(request.headers), secret)
    if event.id not in seen:
        told[event.data.get("id", "")] = event.type
        seen.add(event.id)  # after the work: what fails comes again
    return "", 204


@app.errorhandler(MessageError)
def refused(error: MessageError) -> tuple[Response, int]:
    return jsonify(field=error.field, rule=error.rule), 422


@app.errorhandler(NotFoundError)
def unknown(error: NotFoundError) -> tuple[Response, int]:
    return jsonify(error=str(error)), 404


@app.errorhandler(WebhookError)
def forged(error: WebhookError) -> tuple[Response, int]:
    return jsonify(error=str(error)), 401


@app.errorhandler(StoreError)
def away(error: StoreError) -> tuple[Response, int]:
    """Redis is away: the same request again is safe, its key sends once."""
    return jsonify(error=str(error)), 503
