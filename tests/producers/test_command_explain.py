"""``xinshi explain``: what a worker did, told to a human."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
import redis

from worker.contract import keys, record
from worker.store import care

Xinshi = Callable[..., Any]
NUMBER = "13800138000"
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


@pytest.fixture
def message_id(xinshi: Xinshi) -> str:
    ran = xinshi("send", NUMBER, "--text", "您的包裹已到", "--tag", "parcel", "--json")
    return str(ran.lines[0]["id"])


@pytest.fixture
def told(xinshi: Xinshi) -> Callable[[str], list[str]]:
    """The lines of a life, without their times."""

    def tell(message_id: str) -> list[str]:
        ran = xinshi("explain", message_id)
        assert (ran.code, ran.err) == (0, "")
        return [re.sub(rf"^({TIME}\.\d\d\d|next) +", "", line) for line in ran.out.splitlines()]

    return tell


def test_the_head_says_what_message_it_is(xinshi: Xinshi, message_id: str) -> None:
    pinned = xinshi(
        *("send", NUMBER, "--template", "otp", "--param", "code=1", "--param", "minutes=5"),
        *("--account", "forms", "--json"),
    ).lines[0]["id"]

    plain, form = xinshi("explain", message_id), xinshi("explain", pinned)

    assert plain.out.splitlines()[0] == (
        f"{message_id}  accepted  notice  +86138****8000  1 segment  tag parcel"
    )
    assert form.out.splitlines()[0] == (
        f"{pinned}  accepted  notice  +86138****8000  1 segment  template otp  only by forms"
    )
    assert "包裹" not in plain.out
    assert NUMBER not in plain.out + form.out


def test_every_line_has_its_time_in_shanghai(xinshi: Xinshi, message_id: str, find: Any) -> None:
    lines = xinshi("explain", message_id).out.splitlines()

    assert re.fullmatch(rf"{TIME}\.\d\d\d  accepted", lines[1])
    (step,) = xinshi("explain", message_id, "--json").lines[0]["steps"]
    assert step["at"].endswith("+08:00")
    assert step["at"].replace("T", " ").startswith(lines[1][:23])


def test_what_is_accepted_goes_soon_and_never_too_late(
    told: Callable[[str], list[str]], message_id: str
) -> None:
    last = told(message_id)[-1]

    assert last.startswith("is submitted as soon as a worker has a free slot for it; never")
    assert re.search(rf"never submitted after {TIME}$", last)


def test_a_story_with_a_wait_a_lost_answer_and_a_resend(
    told: Callable[[str], list[str]], work: Any, message_id: str
) -> None:
    work.claim()
    work.defer(message_id, code="http 503", reason="out of service", avoid=True)
    work.claim()
    work.settle(message_id, "unknown", 2, reason="no answer in time")
    work.run(care.look(message_id, 2, 60, "the vendor does not find it"))
    waits = told(message_id)
    work.defer(message_id, 2, reason="resent", resend="same")
    work.claim()
    work.settle(message_id, "submitted", 3, code="0", vendor_message_id="v-1")

    story = told(message_id)

    assert waits[1:7] == story[1:7]
    assert re.fullmatch(
        r"is looked at again at (\S+ )?\d\d:\d\d:\d\d; if nothing is known 600 s after the "
        r"answer was lost, it stays unknown and is not sent again",
        waits[-1],
    )
    assert story[1:-1] == [
        "accepted",
        "submitted to main, attempt 1",
        "main did not take it: it said http 503 (out of service); again at once",
        "submitted to main, attempt 2",
        "lost the answer of main: no answer in time",
        "asked main: the vendor does not find it",
        "to be submitted again: resent",
        "submitted to main, attempt 3",
        "main took it: it said 0",
    ]
    assert story[-1] == "nothing: main sends no reports"


def test_a_number_that_has_had_enough_is_put_aside_until_a_time(
    xinshi: Xinshi, told: Callable[[str], list[str]], work: Any
) -> None:
    options = ("--template", "otp", "--param", "code=1", "--param", "minutes=5")
    ids = [
        xinshi("send", NUMBER, *options, "--account", "forms", "--json").lines[0]["id"]
        for _ in range(2)
    ]
    work.claim()

    story = told(ids[1])

    until = r"(\S+ )?\d\d:\d\d:\d\d"
    assert re.fullmatch(
        f"put aside until {until}: the number has had enough at forms for now", story[2]
    )
    assert re.fullmatch(
        f"waits until {until}: the number has had enough there for now; never submitted after .*",
        story[3],
    )
    found = xinshi("explain", ids[1], "--json").lines[0]
    assert found["steps"][1]["event"] == "scheduled"
    assert found["steps"][1]["until"] == found["next"]["at"]
    assert found["next"]["event"] == "wait"


def test_a_message_for_later_waits_as_was_asked_for(
    xinshi: Xinshi, told: Callable[[str], list[str]]
) -> None:
    at = datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(days=2)
    ran = xinshi("send", NUMBER, "--text", "您好", "--at", at.isoformat(), "--json")

    story = told(ran.lines[0]["id"])

    assert story[1:3] == ["accepted", f"waits until {at:%Y-%m-%d %H:%M:%S}, as was asked for"]
    assert story[3].startswith(f"waits until {at:%Y-%m-%d %H:%M:%S}, as was asked for; never")


def test_an_open_attempt_says_when_it_counts_as_lost(
    told: Callable[[str], list[str]], work: Any, message_id: str
) -> None:
    work.claim()

    assert re.fullmatch(
        r"main is to answer; without an answer by (\S+ )?\d\d:\d\d:\d\d it counts as lost",
        told(message_id)[-1],
    )


def test_accounts_that_are_left_alone_are_what_it_waits_for(
    told: Callable[[str], list[str]], work: Any, message_id: str
) -> None:
    work.run(care.trip("main", 60, 900, "failing: no answer in time"))
    one = told(message_id)[-1]
    work.run(care.trip("forms", 600, 900, "the package is used up"))
    both = told(message_id)[-1]

    assert one.startswith("is submitted as soon as")
    assert re.match(
        r"waits for an account: main is left alone until (\S+ )?\d\d:\d\d:\d\d "
        r"\(failing: no answer in time\); never submitted after",
        both,
    )


def test_what_stays_unknown_waits_for_a_report(
    told: Callable[[str], list[str]], work: Any, message_id: str
) -> None:
    work.claim()
    work.settle(message_id, "unknown", reason="no answer in time")
    work.run(care.look(message_id, 1, None, "stays unknown until a report says more"))

    story = told(message_id)

    assert story[-2] == "stays unknown until a report says more"
    assert story[-1].endswith("it is not sent again by itself")


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ("delivered", "delivered, says the report of main: it said DELIVRD (on the handset)"),
        ("undelivered", "not delivered, says the report of main: it said DELIVRD (on the handset)"),
        ("rejected", "rejected, says the report of main: it said DELIVRD (on the handset)"),
    ],
)
def test_a_report_ends_it(
    told: Callable[[str], list[str]], work: Any, message_id: str, status: str, line: str
) -> None:
    work.claim()
    work.settle(message_id, "submitted")
    work.settle(message_id, status, code="DELIVRD", reason="on the handset")

    story = told(message_id)

    assert story[-2] == line
    assert story[-1].startswith("nothing: it is final")


def test_an_account_without_reports_ends_at_submitted(
    xinshi: Xinshi, told: Callable[[str], list[str]], work: Any
) -> None:
    options = ("--template", "otp", "--param", "code=1", "--param", "minutes=5")
    sent = xinshi("send", NUMBER, *options, "--account", "forms", "--json").lines[0]["id"]
    work.claim()
    work.settle(sent, "submitted", code="0")

    assert told(sent)[-1] == "nothing: forms sends no reports"


def test_a_dead_letter_says_how_it_is_sent_again_and_as_what_it_was(
    xinshi: Xinshi, told: Callable[[str], list[str]], work: Any, message_id: str
) -> None:
    work.claim()
    work.settle(message_id, "rejected", code="106", reason="no such number")
    before = told(message_id)
    new = xinshi("dead", "replay", message_id, "--json").lines[0]["replayed_as"]

    assert before[-2] == "rejected at main: it said 106 (no such number)"
    assert before[-1] == (f"nothing: it is final; xinshi dead replay {message_id} sends it again")
    assert told(message_id)[-2:] == [
        f"replayed as {new}",
        f"nothing: it is final, and was replayed as {new}",
    ]
    assert told(new)[1] == f"accepted, as a replay of {message_id}"


def test_a_cancelled_message_says_who_did_it(
    xinshi: Xinshi, told: Callable[[str], list[str]], message_id: str
) -> None:
    xinshi("cancel", message_id)

    assert told(message_id)[-2:] == ["cancelled by the producer", "nothing: it is final"]


def test_as_json_every_step_has_the_same_keys(xinshi: Xinshi, work: Any, message_id: str) -> None:
    work.claim()
    work.defer(message_id, wait="5000", code="21", reason="too fast")

    ran = xinshi("explain", message_id, "--json")

    (found,) = ran.lines
    assert (found["id"], found["status"], found["to"]) == (
        message_id,
        "scheduled",
        "+86138****8000",
    )
    keys = {"at", "event", "account", "code", "reason", "until", "attempt", "text"}
    assert all(step.keys() == keys for step in found["steps"])
    last = found["steps"][-1]
    assert (last["event"], last["account"]) == ("scheduled", "main")
    assert (last["code"], last["reason"]) == ("21", "too fast")
    assert found["steps"][1]["attempt"] == 1
    assert found["next"].keys() == {"event", "at", "text"}
    assert found["complete"] is True
    assert NUMBER not in ran.out
    assert "包裹" not in ran.out


def test_a_long_life_keeps_its_numbers_and_says_that_some_is_forgotten(
    xinshi: Xinshi, told: Callable[[str], list[str]], work: Any, message_id: str
) -> None:
    for attempt in range(1, 21):
        assert work.claim() == [message_id]
        work.defer(message_id, attempt, counts=False, code="21", reason="too fast")

    story = told(message_id)

    assert story[2] == "submitted to main, attempt 1"
    assert "forgotten" in story[3]
    assert story[-3] == "submitted to main, attempt 20"
    assert xinshi("explain", message_id, "--json").lines[0]["complete"] is False


def test_a_vendors_word_cannot_upset_a_terminal(
    xinshi: Xinshi, raw: redis.Redis, message_id: str
) -> None:
    packed = raw.get(keys.message(message_id))
    assert isinstance(packed, bytes)
    found = record.decode(packed)
    found.trail = [[found.created, "surprise", "main", "\x1b[31m9\nodd\x07"]]
    raw.set(keys.message(message_id), msgspec.msgpack.encode(found))

    ran = xinshi("explain", message_id)

    assert "surprise  [31m9 odd" in ran.out
    assert "\x1b" not in ran.out
    assert "\x07" not in ran.out


@pytest.mark.parametrize("wanted", ["nobody", "", "信使", "a b"])
def test_an_unknown_id_is_one_line(xinshi: Xinshi, wanted: str) -> None:
    ran = xinshi("explain", wanted, "--json")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("xinshi: no message has the id ")
    assert len(ran.err.splitlines()) == 1


async def test_both_clients_explain(client: Any) -> None:
    sent = await client.send(NUMBER, "您好", tag="t")

    found = await client.explain(sent)

    assert [step.event for step in found.steps] == ["accepted"]
    assert found.next.event == "submit"
    assert json.dumps(found.to_dict()["steps"])


def test_which_list_suppressed_it_is_told(xinshi: Xinshi, work: Any, told: Any) -> None:
    xinshi("suppression", "add", NUMBER, "--signature", "信使")
    ran = xinshi("send", NUMBER, "--text", "大促销", "--stream", "marketing", "--json")
    message_id = ran.lines[0]["id"]

    work.claim("marketing")

    assert "suppressed: the recipient opted out of 【信使】" in told(message_id)
