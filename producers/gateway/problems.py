"""Problems: every refusal as RFC 9457 problem JSON, naming the field where there is one."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from worker.contract.errors import ConflictError, MessageError, NotFoundError, SealError, StoreError

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:xinshi:problem:"

KINDS: Mapping[str, tuple[int, str]] = {
    "bad-request": (400, "The request cannot be read"),
    "bad-json": (400, "The body is not JSON"),
    "unauthorized": (401, "No valid API key"),
    "not-allowed": (403, "The API key does not allow it"),
    "not-verified": (403, "The callback is not verified"),
    "not-found": (404, "There is no such thing"),
    "method-not-allowed": (405, "The path does not take this method"),
    "too-slow": (408, "The request took too long"),
    "too-late": (409, "The message cannot be cancelled any more"),
    "too-large": (413, "The request is too large"),
    "invalid-message": (422, "The message breaks a rule"),
    "invalid-parameter": (422, "A parameter breaks a rule"),
    "idempotency-conflict": (422, "The idempotency key belongs to another message"),
    "none-accepted": (422, "No message of the batch was accepted"),
    "too-many": (429, "Too many requests"),
    "internal": (500, "An error of the gateway"),
    "store-unavailable": (503, "Redis does not answer"),
}
_UNREAD = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)  # the rest of it
_OF_HTTP = {
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-large",
}


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """A refusal on its way to the caller."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        field: str = "",
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(kind)
        self.kind = kind
        self.status, self.title = KINDS[kind]
        self.detail = detail
        self.field = field
        self.headers = dict(headers or {})
        self.members = members

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        found = {
            "type": f"{_TYPE}{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        return found | ({"field": self.field} if self.field else {}) | self.members

    def response(self) -> web.Response:
        found = web.Response(
            status=self.status,
            body=msgspec.json.encode(self.to_dict()),
            content_type=MEDIA_TYPE,
            headers=self.headers,
        )
        if self.status in _UNREAD:
            found.force_close()
        return found


def of(error: Exception) -> Problem | None:
    """Return what an error is to the caller; None where it is our own bug."""
    for kind, make in _MAKERS:
        if isinstance(error, kind):
            return make(error)
    return None


def _unavailable(error: StoreError) -> Problem:
    detail = "nothing is sure to be stored; send again with the same Idempotency-Key"
    found = Problem("store-unavailable", detail, headers={"Retry-After": "1"})
    if any(error.ids):
        found.members["ids"] = list(error.ids)
    return found


def _too_slow(_: TimeoutError) -> Problem:
    return Problem("too-slow", "it was not read and answered in time; send it again")


def _of_http(error: web.HTTPException) -> Problem:
    kind = _OF_HTTP.get(HTTPStatus(error.status), "bad-request")
    allow = error.headers.get("Allow")
    details = {
        "not-found": "no such path; /openapi.json lists them",
        "method-not-allowed": f"it takes {allow}",
    }
    return Problem(
        kind, details.get(kind, error.reason), headers={"Allow": allow} if allow else None
    )


_MAKERS: tuple[tuple[type[Exception], Callable[[Any], Problem]], ...] = (  # the first that fits
    (Problem, lambda error: error),
    (ConflictError, lambda e: Problem("idempotency-conflict", e.rule, field=e.field, id=e.id)),
    (MessageError, lambda error: Problem("invalid-message", error.rule, field=error.field)),
    (NotFoundError, lambda error: Problem("not-found", str(error))),
    (SealError, lambda error: Problem("store-unavailable", str(error))),
    (StoreError, _unavailable),
    (TimeoutError, _too_slow),
    (web.HTTPException, _of_http),
)
