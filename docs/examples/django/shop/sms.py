"""The one place where this project meets Xinshi."""

from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from producers import Client, MessageError, NotFoundError, StoreError, WebhookError

STATUS = {MessageError: 422, NotFoundError: 404, WebhookError: 401, StoreError: 503}


@cache
def client() -> Client:
    """Return the process's client; threads may share it."""
    return Client(**settings.XINSHI)


class ErrorsMiddleware:
    """Answer Xinshi's errors. 503: Redis is away; the same request again is safe: it has a key."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, _: HttpRequest, error: Exception) -> HttpResponse | None:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), None)
        if status is None:
            return None
        said = {"error": str(error)}
        if isinstance(error, MessageError):
            said = {"field": error.field, "rule": error.rule}
        return JsonResponse(said, status=status)
