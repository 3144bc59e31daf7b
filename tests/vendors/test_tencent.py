"""XiaoRui behind Tencent's gateway: signing, the gateway's errors, polls that empty."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from worker.contract.events import Raw
from worker.vendors import _tencent
from worker.vendors.base import Outcome, Outgoing, Response, Unreadable, Vendor

Make = Callable[..., Vendor]
Write = Callable[..., Outgoing]

NOW = datetime(2018, 3, 19, 12, 8, 40, tzinfo=UTC)
SIGNATURE = "Wwx+V2ioHz0CK2Adq9vbnYzg+kE="


def test_the_signature_is_that_of_the_published_vector() -> None:
    headers = _tencent.authorization("testSecretId", "testSecretKey", NOW)

    assert headers == {
        "X-Source": "market",
        "X-Date": "Mon, 19 Mar 2018 12:08:40 GMT",
        "Authorization": 'hmac id="testSecretId", algorithm="hmac-sha1", '
        f'headers="x-date x-source", signature="{SIGNATURE}"',
    }


def test_a_clock_in_another_zone_signs_the_same_moment() -> None:
    beijing = NOW.astimezone(timezone(timedelta(hours=8)))

    headers = _tencent.authorization("testSecretId", "testSecretKey", beijing)

    assert headers["X-Date"] == "Mon, 19 Mar 2018 12:08:40 GMT"
    assert SIGNATURE in headers["Authorization"]


@pytest.mark.parametrize("change", ["id", "key", "time"])
def test_whatever_changes_is_signed(change: str) -> None:
    now = NOW + timedelta(seconds=1) if change == "time" else NOW
    key = "testSecretKez" if change == "key" else "testSecretKey"
    own = "otherId" if change == "id" else "testSecretId"

    headers = _tencent.authorization(own, key, now)

    assert (SIGNATURE in headers["Authorization"]) is (change == "id")
    assert headers != _tencent.authorization("testSecretId", "testSecretKey", NOW)


HMAC = "HMAC signature cannot be verified"
GATEWAY = [
    (401, f"{HMAC}, a validate authorization header is required", "suspended", "signature"),
    (401, f"{HMAC}, the x-date header is out of date for HMAC", "suspended", "clock"),
    (401, "HMAC signature does not match", "suspended", "signature"),
    (401, "HMAC apikey is invalid for API", "suspended", "signature"),
    (403, f"{HMAC}, the x-date header is out of date", "suspended", "clock"),
    (403, "HMAC id or signature missing", "suspended", "signature"),
    (403, "Found no validate usage plan", "suspended", "through"),
    (403, "req content type need application/x-www-form-urlencoded", "suspended", "through"),
    (404, "There is no api match host[x] uri[/y]", "suspended", "address"),
    (405, "", "suspended", "through"),
    (426, "", "suspended", "through"),
    (429, "API rate limit exceeded", "throttled", "too many"),
    (429, "API quota exceeded", "suspended", "used up"),
    (429, "", "throttled", "too many"),
    (408, "", "unknown", "lost"),
    (481, "", "suspended", "through"),
    (499, "", "unknown", "lost"),
    (500, "Internal Error", "unknown", "lost"),
    (502, "Bad Gateway", "unknown", "lost"),
    (503, "", "unavailable", "service"),
    (504, "Gateway Time-out", "unknown", "lost"),
]


@pytest.mark.parametrize(("status", "message", "outcome", "reason"), GATEWAY)
def test_an_error_of_the_gateway_is_one_for_every_number(
    *, status: int, message: str, outcome: str, reason: str, make: Make, write: Write
) -> None:
    messages = [write("tencent", "one"), write("tencent", "two")]

    found = (
        make("tencent").submit(messages).read(Response(status, json.dumps({"message": message})))
    )

    assert [one.outcome for one in found] == [outcome] * 2
    assert {one.code for one in found} == {f"gateway {status}"}
    assert reason in found[0].reason
    assert found[0].alarm is (outcome == "suspended")
    assert found[0].drained is ("quota" in message)


@pytest.mark.parametrize("body", ["", "<html></html>", "[]", '{"message":7}', '{"message":["x"]}'])
def test_an_error_of_the_gateway_needs_no_body(body: str, make: Make, write: Write) -> None:
    (found,) = make("tencent").submit([write("tencent")]).read(Response(429, body))

    assert found.outcome is Outcome.THROTTLED


def test_one_number_twice_is_sent_once_and_the_second_message_waits(
    make: Make, write: Write
) -> None:
    messages = [write("tencent", "one"), write("tencent", "two"), write("tencent", "one", id="m-3")]
    body = (
        '{"status":"0","list":[{"mid":"A1","mobile":"18983437010","result":0},'
        '{"mid":"A2","mobile":"18983437011","result":0}]}'
    )

    call = make("tencent").submit(messages)
    found = call.read(Response(200, body))

    assert call.form["mobile"] == "18983437010,18983437011"
    assert [one.vendor_message_id for one in found] == ["A1", "A2", ""]
    assert found[2].outcome is Outcome.THROTTLED
    assert found[2].split


def test_only_messages_of_one_text_and_signature_share_a_call(make: Make, write: Write) -> None:
    vendor = make("tencent")
    first = vendor.group(write("tencent", "one"))

    assert vendor.group(write("tencent", "two")) == first
    assert vendor.group(write("tencent", "two", text="另一条")) != first
    assert vendor.group(write("tencent", "two", signature="别家")) != first


# --- polls --------------------------------------------------------------------------------------


def page(items: int, **changes: Any) -> str:
    item = {"flag": 1, "mid": "A1", "mobile": "18983437010", "stat": "DELIVRD"}
    return json.dumps({"status": "0", "list": [item] * items, **changes})


@pytest.mark.parametrize("kind", ["report", "inbound"])
def test_a_page_is_handed_on_untouched(kind: str, make: Make) -> None:
    body = page(2)

    raw = make("tencent").polls()[kind].read(Response(200, body))

    assert (raw.kind, raw.body) == (kind, body)


def test_a_damaged_page_is_kept_for_it_is_gone_at_the_vendor(make: Make) -> None:
    vendor = make("tencent")
    damaged = page(2)[:-20]

    raw = vendor.polls()["report"].read(Response(200, damaged))

    assert raw.body == damaged
    assert vendor.more(raw) is False
    with pytest.raises(Unreadable):
        list(vendor.reports(raw))


@pytest.mark.parametrize(
    ("status", "body", "named"),
    [
        (200, '{"status":"3","balance":0,"list":null}', "status 3"),
        (200, "", "not JSON"),
        (200, "<html></html>", "not JSON"),
        (200, '{"status":"0","list":7}', "array"),
        (401, '{"message":"HMAC signature does not match"}', "gateway 401"),
        (502, page(1), "gateway 502"),
    ],
)
def test_a_refused_poll_is_no_page(status: int, body: str, named: str, make: Make) -> None:
    for call in make("tencent").polls().values():
        with pytest.raises(Unreadable, match=named):
            call.read(Response(status, body))


def test_more_waits_behind_a_full_page_only(make: Make) -> None:
    vendor = make("tencent", page_size=10)

    assert vendor.more(Raw("report", page(10)))
    assert not vendor.more(Raw("report", page(9)))
    assert not vendor.more(Raw("report", page(0, list=None)))


@pytest.mark.parametrize("size", [9, 1001, 0])
def test_a_page_has_the_documented_size(size: int, make: Make) -> None:
    with pytest.raises(ValueError, match=r"vendors\.tencent\.page_size"):
        make("tencent", page_size=size)


def test_one_page_gives_its_reports_and_its_inbound_messages_each_once(make: Make) -> None:
    vendor = make("tencent")
    inbound = {"flag": 0, "mid": "B1", "mobile": "18983437011", "content": "TD"}
    report = {"flag": 1, "mid": "A1", "mobile": "18983437010", "stat": "DELIVRD"}
    raw = Raw("inbound", json.dumps([inbound, report, inbound]))

    assert [one.vendor_message_id for one in vendor.reports(raw)] == ["A1"]
    assert [one.text for one in vendor.inbound(raw)] == ["TD", "TD"]


def test_the_push_is_acknowledged_with_ok(make: Make) -> None:
    assert make("tencent").acknowledge() == "OK"
    assert make("tencent", callback_ack="0").acknowledge() == "0"


def test_a_wrong_callback_address_is_named(make: Make) -> None:
    with pytest.raises(ValueError, match=r"vendors\.tencent\.callback_addresses"):
        make("tencent", callback_addresses="203.0.113.7, nowhere")


# --- before a submit ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tencent", "chuangxin"])
def test_a_text_without_a_signature_is_refused_here(name: str, make: Make, write: Write) -> None:
    vendor = make(name)

    assert "signature" in str(vendor.refuse(write(name, signature="")))
    assert "signature" in str(vendor.refuse(write(name, signature="", text="你好【信使】")))
    assert vendor.refuse(write(name, signature="", text="【信使】你好")) is None
    assert vendor.refuse(write(name)) is None


@pytest.mark.parametrize(("name", "default"), [("tencent", 1000), ("chuangxin", 500)])
def test_the_longest_text_is_an_option_where_none_is_documented(
    name: str, default: int, make: Make, write: Write
) -> None:
    longest = write(name, text="字" * (default - len("【信使】")))

    assert make(name).max_length == default
    assert make(name).refuse(longest) is None
    assert make(name, max_length=default - 1).refuse(longest) is not None
