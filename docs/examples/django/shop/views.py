"""A login by one-time code: send it, hear what became of it, show it."""

import secrets

from django import forms
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from producers import webhooks
from shop import sms

MINUTES = 5
DAY = 86_400


class LoginForm(forms.Form):
    phone = forms.CharField()
    login = forms.CharField(max_length=100)  # made by the login page, once


@require_POST
def send(request: HttpRequest) -> JsonResponse:
    """Send a code. Pressed twice, it is one code and one message: ``login`` is the same."""
    form = LoginForm(request.POST)
    if not form.is_valid():
        return JsonResponse(form.errors, status=422)
    phone, login = form.cleaned_data["phone"], form.cleaned_data["login"]
    code = cache.get_or_set(f"code:{login}", f"{secrets.randbelow(10**6):06d}", MINUTES * 60)
    message_id = sms.client().send(
        phone,
        template="otp",
        params={"code": code, "minutes": str(MINUTES)},
        stream="otp",
        idempotency_key=f"login-{login}",
    )
    return JsonResponse({"id": message_id}, status=202)


@require_GET
def show(_: HttpRequest, message_id: str) -> JsonResponse:
    found = sms.client().status(message_id)
    told = cache.get(f"told:{message_id}")
    return JsonResponse({"status": found.status, "final": found.final, "told": told})


@csrf_exempt  # its signature says who it is from
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    event = webhooks.verify(request.body, request.headers, settings.XINSHI_WEBHOOK_SECRET)
    if cache.get(f"seen:{event.id}") is None:  # each may come again
        cache.set(f"told:{event.data.get('id')}", event.type, DAY)
        cache.set(f"seen:{event.id}", True, DAY)  # after the work: what fails comes again
    return HttpResponse(status=204)
