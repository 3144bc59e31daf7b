"""A login by one-time code with FastAPI: uvicorn app:app."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, TypedDict

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from producers import (
    AsyncClient,
    MessageError,
    NotFoundError,
    StoreError,
    WebhookError,
    XinshiError,
    webhooks,
)

CONFIG = Path(__file__).parent.parent / "xinshi.toml"
secret = os.environ["SMS_WEBHOOK_SECRET"]  # [webhooks.<name>] secret of the workers' settings
codes: dict[str, str] = {}  # login -> code; in production a cache with a time-out
told: dict[str, str] = {}  # message -> what the last webhook said; in production your database
seen: set[str] = set()  # webhooks that came already: each may come again
STATUS = {MessageError: 422, NotFoundError: 404, WebhookError: 401, StoreError: 503}


class Shared(TypedDict):
    sms: AsyncClient


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[Shared]:
    """One client for each process, on its loop."""
    async with AsyncClient(config=CONFIG) as sms:
        yield {"sms": sms}


def client(request: Request) -> AsyncClient:
    sms: AsyncClient = request.state.sms
    return sms


app = FastAPI(lifespan=lifespan)
Sms = Annotated[AsyncClient, Depends(client)]


class Login(BaseModel):
    phone: str
    login: Annotated[str, Field(min_length=1, max_length=100)]
    #: made by the login page, once: pressed twice, it is one code and one message


@app.post("/codes", status_code=202)
async def send(form: Login, sms: Sms) -> dict[str, str]:
    code = codes.setdefault(form.login, f"{secrets.randbelow(10**6):06d}")
    message_id = await sms.send(
        form.phone,
        template="otp",
        params={"code": code, "minutes": "5"},
        stream="otp",
        idempotency_key=f"login-{form.login}",
    )
    return {"id": message_id}


@app.get("/codes/{message_id}")
async def show(message_id: str, sms: Sms) -> dict[str, str | bool | None]:
    found = await sms.status(message_id)
    return {"status": found.status, "final": found.final, "told": told.get(message_id)}


@app.post("/webhooks/sms", status_code=204)
async def receive(request: Request) -> Response:
    event = webhooks.verify(await request.body(), request.headers, secret)
    if event.id not in seen:
        told[event.data.get("id", "")] = event.type
        seen.add(event.id)  # after the work: what fails comes again
    return Response(status_code=204)


@app.exception_handler(XinshiError)
async def answer(_: Request, error: Exception) -> JSONResponse:
    """Say what was wrong. 503: Redis is away; the same request again is safe: it has a key."""
    said = {"error": str(error)}
    if isinstance(error, MessageError):
        said = {"field": error.field, "rule": error.rule}
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    return JSONResponse(said, status)
