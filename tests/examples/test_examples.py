"""The example apps of the documentation do what it says of them, in each framework."""

from typing import Any

import pytest
import redis

from producers.testing import Outbox
from worker.contract.keys import ready

PHONE = "13800138000"
JSON = {"Content-Type": "application/json"}


def ask(site: Any, phone: str = PHONE, login: str = "7f3a") -> Any:
    return site.login(phone=phone, login=login)


def test_a_login_sends_one_code_by_the_template(xinshi_outbox: Outbox, site: Any) -> None:
    said = ask(site)

    sent = xinshi_outbox.last
    assert (said.status, said.json) == (202, {"id": sent.id})
    assert (sent.to, sent.stream, sent.template) == (f"+86{PHONE}", "otp", "otp")
    assert sent.text == f"【信使】您的验证码是{sent.params['code']}，5分钟内有效"
    assert len(sent.params["code"]) == 6


def test_a_button_pressed_twice_is_one_message(xinshi_outbox: Outbox, site: Any) -> None:
    first, again, other = ask(site), ask(site), ask(site, login="81bc")

    assert first == again
    assert first.json["id"] != other.json["id"]
    assert len(xinshi_outbox.messages) == 2


def test_the_same_login_with_another_number_is_a_conflict(xinshi_outbox: Outbox, site: Any) -> None:
    ask(site)

    said = ask(site, phone="13900139000")

    assert (said.status, said.json["field"]) == (422, "idempotency_key")


def test_a_wrong_number_is_told_by_field_and_rule(xinshi_outbox: Outbox, site: Any) -> None:
    said = ask(site, phone="12345")

    assert said.status == 422
    assert said.json["field"] == "to"
    assert "12345" not in said.json["rule"]
    assert xinshi_outbox.messages == []


@pytest.mark.parametrize(
    "fields", [{"login": "7f3a"}, {"phone": PHONE}, {"phone": PHONE, "login": ""}]
)
def test_an_incomplete_form_sends_nothing(
    xinshi_outbox: Outbox, site: Any, fields: dict[str, str]
) -> None:
    assert site.login(**fields).status in (400, 422)
    assert xinshi_outbox.messages == []


def test_the_status_is_shown_as_it_is(xinshi_outbox: Outbox, site: Any) -> None:
    message_id = ask(site).json["id"]
    waiting = site.get(f"/codes/{message_id}")
    xinshi_outbox.fail(message_id, code="UNDELIV")

    assert waiting.json == {"status": "accepted", "final": False, "told": None}
    assert site.get(f"/codes/{message_id}").json == {
        "status": "undelivered",
        "final": True,
        "told": None,
    }
    assert site.get("/codes/nobody").status == 404


def test_a_webhook_is_believed_once_and_only_with_its_signature(
    xinshi_outbox: Outbox, site: Any, secret: str
) -> None:
    message_id = ask(site).json["id"]
    xinshi_outbox.deliver(message_id)
    body, headers = xinshi_outbox.webhook(message_id, secret)

    forged = site.post("/webhooks/sms", body.replace(b"delivered", b"rejected!"), headers)
    bare = site.post("/webhooks/sms", body, JSON)
    untold = site.get(f"/codes/{message_id}").json["told"]
    taken = [site.post("/webhooks/sms", body, headers).status for _ in range(2)]

    assert (forged.status, bare.status, untold) == (401, 401, None)
    assert taken == [204, 204]
    assert site.get(f"/codes/{message_id}").json["told"] == "delivered"


def test_a_late_repetition_does_not_turn_the_story_back(
    xinshi_outbox: Outbox, site: Any, secret: str
) -> None:
    message_id = ask(site).json["id"]
    early = xinshi_outbox.webhook(message_id, secret)
    site.post("/webhooks/sms", *early)
    xinshi_outbox.deliver(message_id)
    site.post("/webhooks/sms", *xinshi_outbox.webhook(message_id, secret))

    site.post("/webhooks/sms", *early)

    assert site.get(f"/codes/{message_id}").json["told"] == "delivered"


def test_redis_away_is_a_503_that_may_be_asked_again(site: Any) -> None:
    assert ask(site).status == 503


@pytest.mark.usefixtures("server_named")
def test_the_same_app_works_on_a_real_server(raw: redis.Redis, site: Any) -> None:
    first, again = ask(site), ask(site)

    assert (first.status, again) == (202, first)
    assert raw.lrange(ready("otp"), 0, -1) == [first.json["id"].encode()]
    shown = site.get(f"/codes/{first.json['id']}").json
    assert shown == {"status": "accepted", "final": False, "told": None}
