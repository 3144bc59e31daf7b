"""``xinshi send`` to the numbers of the command line."""

import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from producers.commands.deliveries import Delivery, wait
from worker.contract import keys, record
from worker.contract.privacy import PLAIN
from worker.contract.settings import Settings
from worker.contract.status import Status
from worker.store.embedded import free_port
from worker.store.shards import Shards

Xinshi = Callable[..., Any]
Find = Callable[[str], record.Record]
NUMBER = "13800138000"
OTP = ("--template", "otp", "--param", "code=123456", "--param", "minutes=5")


def test_one_message_prints_its_id_status_and_masked_number(xinshi: Xinshi) -> None:
    ran = xinshi("send", NUMBER, "--text", "您的包裹已到")

    message_id, status, to = ran.out.split()
    assert (ran.code, ran.err) == (0, "")
    assert (len(message_id), status, to) == (26, "accepted", "+86138****8000")


def test_json_is_one_object_a_message(xinshi: Xinshi) -> None:
    ran = xinshi("send", NUMBER, "13900139000", "--text", "您好", "--json")

    assert ran.code == 0
    assert [set(each) for each in ran.lines] == [{"id", "status", "to"}] * 2
    assert [each["status"] for each in ran.lines] == ["accepted"] * 2
    assert [each["to"] for each in ran.lines] == ["+86138****8000", "+86139****9000"]


def test_every_option_reaches_the_message(xinshi: Xinshi, raw: redis.Redis, find: Find) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()

    ran = xinshi(
        *("send", NUMBER, *OTP, "--stream", "otp", "--account", "forms", "--signature", "别家"),
        *("--idempotency-key", "k", "--at", later, "--validity", "90s", "--tag", "t", "--json"),
    )

    (line,) = ran.lines
    stored = find(line["id"])
    content = record.content(stored)
    assert line["status"] == "scheduled"
    assert (stored.stream, stored.pin, stored.tag) == ("otp", "forms", "t")
    assert stored.expires - stored.due == 90_000
    assert (content.template, content.signature) == ("otp", "别家")
    assert content.params == {"code": "123456", "minutes": "5"}
    assert raw.exists(keys.ONCE + PLAIN.once("k"))


def test_a_validity_may_be_plain_seconds(xinshi: Xinshi, find: Find) -> None:
    ran = xinshi("send", NUMBER, "--text", "您好", "--validity", "300", "--json")

    stored = find(ran.lines[0]["id"])
    assert stored.expires - stored.created == 300_000


def test_a_key_is_each_numbers_own(xinshi: Xinshi, raw: redis.Redis) -> None:
    args = ("send", NUMBER, "+86 139 0013 9000", "--text", "您好", "--idempotency-key", "k")

    first, again = xinshi(*args, "--json"), xinshi(*args, "--json")

    assert first.lines == again.lines
    assert {*raw.scan_iter(f"{keys.ONCE}*")} == {
        (keys.ONCE + PLAIN.once(f"k:{number}")).encode()
        for number in ("+8613800138000", "+8613900139000")
    }


def test_of_several_numbers_the_good_ones_are_stored(xinshi: Xinshi, raw: redis.Redis) -> None:
    ran = xinshi("send", NUMBER, "12345", "--text", "您好", "--json")

    good, bad = ran.lines
    assert ran.code == 1
    assert good["id"]
    assert (bad["id"], bad["status"], bad["to"]) == (None, None, "****")
    assert bad["error"].startswith("to: ")
    assert ran.err.startswith("xinshi: number 2 (****): to: ")
    assert raw.llen("xinshi:ready:notice") == 1


@pytest.mark.parametrize(
    ("args", "field"),
    [
        (("12345", "--text", "您好"), "to"),
        ((NUMBER,), "text"),
        ((NUMBER, "--text", ""), "text"),
        ((NUMBER, "--text", "您好", "--template", "otp"), "text"),
        ((NUMBER, "--text", "您好", "--param", "code=1"), "params"),
        ((NUMBER, "--template", "nothing"), "template"),
        ((NUMBER, "--template", "otp", "--param", "code=1"), "params.minutes"),
        ((NUMBER, *OTP, "--param", "name=x"), "params.name"),
        (
            (
                NUMBER,
                "--template",
                "otp",
                "--param",
                "code=1|2",
                "--param",
                "minutes=5",
                "--stream",
                "otp",
            ),
            "params.code",
        ),
        ((NUMBER, "--text", "您好", "--stream", "fax"), "stream"),
        ((NUMBER, "--text", "您好", "--account", "nobody"), "account"),
        ((NUMBER, "--text", "您好", "--at", "2020-01-01T00:00"), "send_at"),
        ((NUMBER, "--text", "您好", "--at", "soon"), "send_at"),
        ((NUMBER, "--text", "您好", "--validity", "soon"), "validity"),
        ((NUMBER, "--text", "您好", "--validity", "nan"), "validity"),
        ((NUMBER, "--text", "好" * 497), "text"),
        ((NUMBER, "--param", "x"), "--param"),
        ((NUMBER, "--param", "x=1", "--param", "x=2"), "--param"),
        ((NUMBER, "--wait", "-1"), "--wait"),
        ((), "numbers"),
        ((NUMBER, "--csv", "people.csv"), "numbers"),
    ],
)
def test_bad_input_is_one_line_and_code_2_and_stores_nothing(
    xinshi: Xinshi, raw: redis.Redis, args: tuple[str, ...], field: str
) -> None:
    ran = xinshi("send", *args)

    assert ran.code == 2
    assert ran.out == ""
    assert re.fullmatch("xinshi: .*\n", ran.err)
    assert field in ran.err
    assert NUMBER not in ran.err
    assert "您好" not in ran.err
    assert raw.dbsize() == 0


def test_when_every_number_is_refused_each_has_its_line(xinshi: Xinshi, raw: redis.Redis) -> None:
    ran = xinshi("send", "12345", "12346", "--text", "您好")

    assert (ran.code, ran.out) == (2, "")
    assert [line[:27] for line in ran.err.splitlines()] == [
        "xinshi: number 1 (****): to",
        "xinshi: number 2 (****): to",
    ]
    assert raw.dbsize() == 0


def test_a_key_used_for_another_message_is_bad_input(xinshi: Xinshi) -> None:
    xinshi("send", NUMBER, "--text", "您好", "--idempotency-key", "k")

    ran = xinshi("send", NUMBER, "--text", "再见", "--idempotency-key", "k")

    assert ran.code == 2
    assert "idempotency_key: already used" in ran.err


def test_without_redis_the_operation_failed(bare: Xinshi) -> None:
    url = f"redis://:hidden@127.0.0.1:{free_port()}/0"

    ran = bare("--redis-url", url, "send", NUMBER, "--text", "您好")

    assert ran.code == 1
    assert ran.err == "xinshi: Redis cannot be reached; is it running at redis_url?\n"


def test_a_redis_that_hangs_is_given_up(bare: Xinshi, hung: str) -> None:
    begun = time.monotonic()

    ran = bare("--redis-url", hung, "send", NUMBER, "--text", "您好")

    assert ran.code == 1
    assert "did not answer in time" in ran.err
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize(
    ("status", "code"), [("submitted", 0), ("delivered", 0), ("rejected", 1), ("unknown", 1)]
)
def test_waiting_ends_when_the_message_moves_no_more(
    xinshi: Xinshi, finish: Callable[[Status], None], status: str, code: int
) -> None:
    worker = threading.Timer(0.3, finish, (Status(status),))
    worker.start()
    begun = time.monotonic()

    ran = xinshi("send", NUMBER, "13900139000", "--text", "您好", "--wait", "90", "--json")

    worker.join()
    assert time.monotonic() - begun < 60
    assert [each["status"] for each in ran.lines] == [status] * 2
    assert ran.code == code


def test_waiting_ends_when_the_time_is_over(xinshi: Xinshi) -> None:
    ran = xinshi("send", NUMBER, "--text", "您好", "--wait", "0.1", "--json")

    assert ran.code == 1
    assert ran.lines[0]["status"] == "accepted"


def test_waiting_looks_less_and_less_often_and_stands_an_outage() -> None:
    now = [0.0]
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        now[0] += seconds

    shards = Shards(Settings(redis_url=f"redis://127.0.0.1:{free_port()}/0"), timeout=0.2)
    delivery = Delivery(1, "****", id="an-id", status=Status.ACCEPTED)
    wait(shards, [delivery], 5.0, clock=lambda: now[0], sleep=sleep)

    assert delivery.status is Status.ACCEPTED
    assert sum(naps) == pytest.approx(5.0)
    assert naps[0] < naps[3] < naps[8] == max(naps) <= 0.5
