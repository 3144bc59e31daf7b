"""What a web app verifies: only what is ours, only what is fresh, and in constant time."""

import base64
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from producers import WebhookError, XinshiError, webhooks
from worker.contract import signing

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
OTHER = "whsec_" + base64.b64encode(b"76543210fedcba9876543210").decode()
NOW = 1_763_611_200
BODY = json.dumps(
    {"type": "delivered", "timestamp": "2025-11-20T03:59:58.250Z", "data": {"id": "m1"}}
).encode()


def headers(
    body: bytes = BODY, *, secrets: tuple[str, ...] = (SECRET,), id_: str = "evt_1-0", at: int = NOW
) -> dict[str, str]:
    signatures = [signing.sign(signing.key(each), id_, str(at), body) for each in secrets]
    return {
        "Webhook-Id": id_,
        "Webhook-Timestamp": str(at),
        "Webhook-Signature": " ".join(signatures),
    }


def verify(
    body: bytes = BODY, given: dict[str, str] | None = None, secret: Any = SECRET, **more: Any
) -> webhooks.Webhook:
    found = headers() if given is None else given
    return webhooks.verify(body, found, secret, now=lambda: NOW + 2.0, **more)


def test_a_webhook_of_ours_says_what_happened() -> None:
    assert verify() == webhooks.Webhook(
        id="evt_1-0",
        type="delivered",
        timestamp=datetime(2025, 11, 20, 3, 59, 58, 250_000, UTC),
        data={"id": "m1"},
    )


@pytest.mark.parametrize("write", [str.lower, str.upper, str.title])
def test_headers_are_found_in_any_case(write: Any) -> None:
    assert verify(given={write(name): value for name, value in headers().items()})


@pytest.mark.parametrize(
    "change",
    [
        {"Webhook-Id": "evt_2-0"},
        {"Webhook-Timestamp": str(NOW + 1)},
        {"Webhook-Signature": "v1," + base64.b64encode(b"x" * 32).decode()},
        {"Webhook-Signature": "v1,"},
        {"Webhook-Signature": headers()["Webhook-Signature"][:-1]},
        {"Webhook-Signature": headers()["Webhook-Signature"].replace("v1,", "v1a,")},
        {"Webhook-Signature": headers()["Webhook-Signature"].removeprefix("v1,")},
    ],
)
def test_what_was_changed_on_its_way_is_not_believed(change: dict[str, str]) -> None:
    with pytest.raises(WebhookError, match="the signature is not ours"):
        verify(given=headers() | change)


def test_a_body_of_which_a_byte_was_changed_is_not_believed() -> None:
    with pytest.raises(WebhookError, match="the signature is not ours"):
        verify(BODY.replace(b"m1", b"m2"))


def test_the_same_json_in_other_bytes_is_another_body() -> None:
    with pytest.raises(WebhookError, match="another body"):
        verify(json.dumps(json.loads(BODY), indent=1).encode())


@pytest.mark.parametrize("name", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
def test_a_header_that_is_missing_is_named(name: str) -> None:
    given = headers()
    del given[name]

    with pytest.raises(WebhookError, match=f"the header {name.lower()} is missing"):
        verify(given=given)


@pytest.mark.parametrize("value", ["\udcff", "é", "1" * 5000])
@pytest.mark.parametrize("name", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
def test_a_header_that_we_never_send_is_refused_and_upsets_nothing(name: str, value: str) -> None:
    with pytest.raises(WebhookError):
        verify(given=headers() | {name: value})


@pytest.mark.parametrize("moment", ["", "soon", "-5", "1.5", "9" * 4000, "٣"])
def test_a_time_that_is_none_is_refused(moment: str) -> None:
    given = headers() | {"Webhook-Timestamp": moment}
    key = signing.key(SECRET)
    given["Webhook-Signature"] = signing.sign(key, "evt_1-0", moment, BODY)

    with pytest.raises(WebhookError):
        verify(given=given)


@pytest.mark.parametrize(("age", "why"), [(301, "too old"), (-305, "look at the clocks")])
def test_what_is_too_old_or_from_the_future_is_refused(age: int, why: str) -> None:
    with pytest.raises(WebhookError, match=why):
        verify(given=headers(at=NOW - age))


@pytest.mark.parametrize("age", [298, -300])
def test_five_minutes_are_allowed_both_ways(age: int) -> None:
    assert verify(given=headers(at=NOW - age))


@pytest.mark.parametrize("tolerance", [60, 60.0, timedelta(minutes=1)])
def test_another_tolerance_may_be_set(tolerance: Any) -> None:
    assert verify(given=headers(at=NOW - 50), tolerance=tolerance)
    with pytest.raises(WebhookError, match="too old"):
        verify(given=headers(at=NOW - 70), tolerance=tolerance)


def test_while_secrets_change_over_either_side_may_go_first() -> None:
    both = headers(secrets=(OTHER, SECRET))

    assert verify(given=both) == verify(given=both, secret=OTHER)
    assert verify(given=headers(secrets=(OTHER,)), secret=[SECRET, OTHER])
    with pytest.raises(WebhookError):
        verify(given=headers(secrets=(OTHER,)))


def test_signatures_of_a_kind_that_we_do_not_know_are_passed_over() -> None:
    given = headers()
    given["Webhook-Signature"] = f"v1a,abc= v2,abc {given['Webhook-Signature']}"

    assert verify(given=given)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", [], ["nothing"]])
def test_a_secret_that_is_none_is_our_mistake_and_not_the_senders(secret: Any) -> None:
    with pytest.raises(ValueError, match="secret") as caught:
        verify(secret=secret)

    assert not isinstance(caught.value, WebhookError)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b"\xff",
        b'{"type": 1, "timestamp": "2025-11-20", "data": {}}',
    ],
)
def test_a_body_that_is_no_event_is_told(body: bytes) -> None:
    with pytest.raises(WebhookError, match="the body is not an event"):
        verify(body, headers(body))


def test_its_error_is_one_of_ours() -> None:
    assert issubclass(WebhookError, XinshiError)


def test_every_signature_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, two: bytes) -> bool:
        compared.append((one, two))
        return one == two

    monkeypatch.setattr("producers.webhooks.hmac.compare_digest", compare)

    verify(given=headers(secrets=(SECRET, OTHER)), secret=[SECRET, OTHER])

    assert len(compared) == 4, "the first that fits ends nothing"


def test_the_module_itself_takes_the_standard_library() -> None:
    """What else ``producers`` imports is left out here, so that it counts alone."""
    folder = str(Path(webhooks.__file__).parent)
    code = (
        "import sys, types; sys.modules['producers'] = types.ModuleType('producers');"
        f"sys.modules['producers'].__path__ = [{folder!r}]; import producers.webhooks;"
        "print([name for name in ('msgspec', 'redis', 'aiohttp') if name in sys.modules])"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"
