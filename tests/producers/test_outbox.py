"""The outbox of a web app's tests: what it keeps, what it plays, and whom it catches."""

import base64
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from producers import AsyncClient, Client, Message, NotFoundError, Status, Stream, webhooks
from producers.testing import Outbox
from worker.contract import happenings, keys
from worker.contract.settings import Settings, parse
from worker.store import acts

NUMBER = "13800138000"
SECRET = "whsec_" + base64.b64encode(b"for the tests of web apps").decode()
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def outbox(table: Settings) -> Outbox:
    return Outbox(table)


def test_a_message_is_shown_as_it_would_leave(outbox: Outbox) -> None:
    message_id = outbox.send(
        "138 0013 8000",
        template="otp",
        params={"code": "482913", "minutes": "5"},
        stream="otp",
        tag="login",
    )

    (sent,) = outbox.messages
    assert sent == outbox.last
    assert (sent.id, sent.to) == (message_id, "+8613800138000")
    assert sent.text == "【验证】您的验证码是482913，5分钟内有效"
    assert (sent.template, sent.signature, sent.stream) == ("otp", "验证", Stream.OTP)
    assert sent.params == {"code": "482913", "minutes": "5"}
    assert (sent.tag, sent.status) == ("login", Status.ACCEPTED)


def test_neither_its_repr_nor_its_text_gives_number_or_words_away(outbox: Outbox) -> None:
    outbox.send(NUMBER, "秘密")

    for said in (repr(outbox.messages), str(outbox.last), repr(outbox)):
        assert NUMBER not in said
        assert "秘密" not in said


def test_a_test_reads_the_words_of_an_app_that_seals_them(outbox: Outbox) -> None:
    key = base64.urlsafe_b64encode(bytes(32)).decode()
    with Client(NOWHERE, parse({"privacy": {"text_keys": [key]}})) as client, outbox.catching():
        client.send(NUMBER, "秘密")
        client.send_many([{"to": NUMBER, "text": "秘密" * 20}] * 2)

    assert [each.text for each in outbox.messages] == ["秘密", *["秘密" * 20] * 2]


def test_a_repeated_key_adds_nothing_until_its_day_is_over(table: Settings) -> None:
    now = [datetime(2025, 11, 20, tzinfo=UTC)]
    outbox = Outbox(table, clock=lambda: now[0])

    first = outbox.send(NUMBER, "您好", idempotency_key="k")
    assert outbox.send(NUMBER, "您好", idempotency_key="k") == first
    assert len(outbox.messages) == 1

    now[0] += timedelta(days=1, seconds=1)
    assert outbox.send(NUMBER, "您好", idempotency_key="k") != first
    assert len(outbox.messages) == 2


def test_clear_forgets_messages_and_keys(outbox: Outbox) -> None:
    first = outbox.send(NUMBER, "您好", idempotency_key="k")

    outbox.clear()

    assert outbox.messages == []
    with pytest.raises(LookupError, match="the outbox is empty"):
        _ = outbox.last
    assert outbox.send(NUMBER, "再见", idempotency_key="k") != first


def test_a_delivery_is_seen_by_everyone_who_asks(outbox: Outbox) -> None:
    message_id = outbox.send(NUMBER, "您好")

    assert outbox.submit(message_id).status is Status.SUBMITTED
    submitted = outbox.status(message_id)
    assert outbox.cancel(message_id) is False
    assert outbox.deliver(message_id).status is Status.DELIVERED

    assert (submitted.account, submitted.attempts) == ("main", 1)
    assert outbox.last.status is outbox.status(message_id).status is Status.DELIVERED
    told = [step.event for step in outbox.explain(message_id).steps]
    assert told == ["accepted", "submitting", "submitted", "delivered"]


def test_a_pinned_message_is_submitted_by_its_account(outbox: Outbox) -> None:
    outbox.send(NUMBER, "您好", account="main")

    assert outbox.deliver(outbox.last.id).account == "main"


def test_the_account_that_takes_it_can_be_named(outbox: Outbox) -> None:
    assert outbox.submit(outbox.send(NUMBER, "您好"), account="forms").account == "forms"


@pytest.mark.parametrize(
    "status", ["undelivered", "rejected", "expired", "suppressed", "unknown", "cancelled"]
)
def test_every_bad_end_can_be_played(outbox: Outbox, status: str) -> None:
    message_id = outbox.send(NUMBER, "您好", send_at=datetime.now(UTC) + timedelta(hours=1))

    sent = outbox.fail(message_id, code="MK:0001", status=status)

    found = outbox.status(message_id)
    assert sent.status == found.status == status
    assert sent.code == found.code == "MK:0001"


def test_fail_means_undelivered_unless_it_is_told_otherwise(outbox: Outbox) -> None:
    outbox.fail(outbox.send(NUMBER, "您好"), code="UNDELIV")

    assert (outbox.last.status, outbox.last.code) == (Status.UNDELIVERED, "UNDELIV")


def test_what_is_over_stays_so(outbox: Outbox) -> None:
    message_id = outbox.send(NUMBER, "您好")
    outbox.cancel(message_id)

    with pytest.raises(ValueError, match="a message that is cancelled does not become submitt"):
        outbox.submit(message_id)
    with pytest.raises(ValueError, match="cancelled does not become delivered"):
        outbox.deliver(message_id)
    with pytest.raises(NotFoundError):
        outbox.deliver("nobody")
    assert outbox.last.status is Status.CANCELLED


def test_a_lost_answer_may_still_end_well(outbox: Outbox) -> None:
    message_id = outbox.send(NUMBER, "您好")
    outbox.fail(message_id, status="unknown")

    assert outbox.deliver(message_id).status is Status.DELIVERED


def verified(outbox: Outbox, message_id: str) -> webhooks.Webhook:
    body, headers = outbox.webhook(message_id, SECRET)
    return webhooks.verify(body, headers, SECRET)


def test_a_webhook_tells_the_status_and_can_be_verified(outbox: Outbox) -> None:
    message_id = outbox.send(NUMBER, "您好", tag="parcel")
    outbox.fail(message_id, code="UNDELIV")

    told = verified(outbox, message_id)

    assert told.type == "undelivered"
    assert told.data["to"] == "+86138****8000"
    assert (told.data["id"], told.data["tag"], told.data["code"]) == (
        message_id,
        "parcel",
        "UNDELIV",
    )
    assert verified(outbox, message_id).id == told.id
    with pytest.raises(NotFoundError):
        outbox.webhook("nobody", SECRET)


def test_each_step_of_a_message_is_another_webhook(outbox: Outbox) -> None:
    message_id = outbox.send(NUMBER, "您好")
    ids = []
    for play in (outbox.status, outbox.submit, outbox.deliver):
        play(message_id)
        ids.append(verified(outbox, message_id).id)

    assert len(set(ids)) == 3


def test_a_webhook_says_what_the_real_one_says(
    outbox: Outbox, table: Settings, raw: redis.Redis, redis_url: str
) -> None:
    message = Message(NUMBER, "您好", tag="parcel", account="main")
    with Client(redis_url, table, new_id=lambda: "the-id") as client:
        client.send_many([message])
    events: Any = raw.xrange(keys.EVENTS)
    ((event_id, stored),) = events
    real = happenings.unpack(event_id.decode(), stored[b"e"])
    played = Outbox(table, new_id=lambda: "the-id")
    played.send_many([message])

    told = verified(played, "the-id")

    assert (told.type, told.data) == (real.type, real.data)
    assert told.timestamp.utcoffset() == timedelta(0)


def test_a_client_made_before_or_after_is_caught_and_afterwards_is_not(table: Settings) -> None:
    before = Client(NOWHERE, table)

    with Outbox(parse({})).catching() as outbox:
        first = before.send(NUMBER, template="otp", params={"code": "1", "minutes": "5"})
        second = Client(NOWHERE, table).send(NUMBER, "您好")
        assert [each.id for each in outbox.messages] == [first, second]
        assert outbox.messages[0].text == "【验证】您的验证码是1，5分钟内有效"
        assert outbox.deliver(first).account == "main"  # the app's route, not the outbox's
        assert before.status(first).status is Status.DELIVERED

    with pytest.raises(Exception, match="Redis cannot be reached"):
        before.status(first)


async def test_an_async_client_is_caught_too(table: Settings) -> None:
    client = AsyncClient(NOWHERE, table)

    with Outbox(table).catching() as outbox:
        message_id = await client.send(NUMBER, "您好")

        assert outbox.last.id == message_id
        assert (await outbox.aio.status(message_id)).status is Status.ACCEPTED
    await client.close()


def test_a_client_in_another_thread_is_caught(table: Settings) -> None:
    with Outbox(table).catching() as outbox:
        thread = threading.Thread(target=lambda: Client(NOWHERE, table).send(NUMBER, "您好"))
        thread.start()
        thread.join(60)

        assert len(outbox.messages) == 1


def test_catching_can_be_nested(table: Settings) -> None:
    client = Client(NOWHERE, table)
    with Outbox(table).catching() as outer:
        with Outbox(table).catching() as inner:
            client.send(NUMBER, "里")
        client.send(NUMBER, "外")

    assert [each.text for each in inner.messages] == ["【信使】里"]
    assert [each.text for each in outer.messages] == ["【信使】外"]


def test_an_outbox_keeps_its_own_while_another_one_catches(table: Settings) -> None:
    mine = Outbox(table)
    with Outbox(table).catching() as other:
        mine.send(NUMBER, "您好")

    assert (len(mine.messages), len(other.messages)) == (1, 0)


def test_a_workers_act_is_refused_by_name(outbox: Outbox) -> None:
    with pytest.raises(NotImplementedError, match="without Redis there is no release"):
        outbox._memory.run(acts.release(1), outbox.settings)


def test_importing_it_loads_neither_celery_nor_aiohttp_and_connects_nowhere() -> None:
    code = (
        "import sys, socket; socket.socket.connect = None\n"
        "from producers.testing import Outbox; Outbox().send('13800138000', 'x')\n"
        "heavy = ('celery', 'kombu', 'aiohttp', 'structlog', 'rich', 'pytest')\n"
        "print([name for name in heavy if name in sys.modules])"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


APP_TEST = """
from producers import Client

client = Client("redis://127.0.0.1:1/0")

def test_it_is_caught(xinshi_outbox):
    message_id = client.send("13800138000", "您好")
    assert xinshi_outbox.last.id == message_id

def test_it_begins_empty(xinshi_outbox):
    assert xinshi_outbox.messages == []
"""
CONFIGURED = """
import pytest

@pytest.fixture
def xinshi_config():
    return "mine.toml"

def test_its_own_settings_are_named(xinshi_outbox):
    xinshi_outbox.send("13800138000", template="hello")
    assert xinshi_outbox.last.text == "早上好"
"""


@pytest.mark.parametrize(("source", "passed"), [(APP_TEST, 2), (CONFIGURED, 1)])
def test_a_project_that_installs_it_has_the_fixture(
    tmp_path: Path, source: str, passed: int
) -> None:
    (tmp_path / "test_app.py").write_text(source, "utf-8")
    (tmp_path / "mine.toml").write_text('[templates.hello]\ntext = "早上好"\n', "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")

    ran: Any = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert f"{passed} passed" in ran.stdout, ran.stdout + ran.stderr
