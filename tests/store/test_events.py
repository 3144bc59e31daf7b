"""Events: what a script does is told in the same step, once, and never with a whole number."""

from typing import Any

import msgspec
import pytest

from worker.contract import keys
from worker.contract.happenings import Event, unpack
from worker.contract.privacy import PLAIN
from worker.contract.recipient import mask
from worker.contract.status import Status
from worker.contract.suppression import OptOut
from worker.store import arrivals, care, scripts
from worker.store.arrivals import Heard, Report
from worker.store.feed import emit
from worker.store.inbox import Letter

from .conftest import HOUR, MINUTE, NUMBER, Lab, Ticket, account, claim, deferred, entry, settled

DIGITS = NUMBER[3:]


def events(lab: Lab) -> list[Event]:
    return [unpack(place.decode(), row[b"e"]) for place, row in lab.raw.xrange(keys.EVENTS)]


def types(lab: Lab, message_id: str | None = None) -> list[str]:
    """The types told so far, of one message or of all."""
    found = events(lab)
    return [each.type for each in found if message_id in (None, each.data.get("id"))]


def report(status: str = "delivered", vendor_id: str = "v1", **more: Any) -> Report:
    plain: dict[str, Any] = {"account": "a", "to": NUMBER, "code": "DELIVRD", "reason": ""}
    return Report(vendor_message_id=vendor_id, status=Status(status), **(plain | more))


def take_in(lab: Lab, *items: Report) -> list[str]:
    return [each.verdict for each in lab.run(arrivals.report(items, memory=72 * 3600))]


def attempt(lab: Lab, **fields: Any) -> str:
    message_id = lab.put_one(**({"to": NUMBER} | fields))
    assert lab.claimed(account(), stream=fields.get("stream", "notice")) == [message_id]
    return message_id


# --- a message's life -----------------------------------------------------------------------------


def test_each_status_is_told_once_with_what_is_known_then(lab: Lab) -> None:
    message_id = attempt(lab, tag="june", segments=2)
    lab.settle(settled(message_id, vendor_message_id="v1", code="0", reason="taken"))
    take_in(lab, report())

    assert types(lab) == ["accepted", "submitted", "delivered"]
    accepted, submitted, delivered = (each.data for each in events(lab))
    assert submitted == {
        "id": message_id,
        "status": "submitted",
        "stream": "notice",
        "account": "a",
        "to": mask(NUMBER),
        "tag": "june",
        "reason": "taken",
        "code": "0",
        "attempts": 1,
        "segments": 2,
        "vendor_message_id": "v1",
    }
    assert accepted == submitted | {
        "status": "accepted", "account": "", "reason": "", "code": "", "attempts": 0,
        "vendor_message_id": "",
    }  # fmt: skip
    assert delivered == submitted | {"status": "delivered", "code": "DELIVRD", "reason": ""}


def test_an_event_has_the_servers_time(lab: Lab) -> None:
    begun = lab.now()
    lab.put_one()

    (found,) = events(lab)
    assert begun <= found.at <= lab.now()
    assert found.id.startswith(f"{found.at}-")


def test_a_scheduled_message_is_told_as_such_and_not_again_when_its_time_comes(lab: Lab) -> None:
    message_id = lab.put_one(due=lab.now() + MINUTE)
    lab.pass_time(MINUTE)
    lab.release()
    lab.claimed(account())

    assert lab.status(message_id) == "submitting"
    assert types(lab, message_id) == ["scheduled"]


def test_a_message_that_is_accepted_again_is_told_once(lab: Lab) -> None:
    lab.accept(entry("m1", key="k"))
    lab.accept(entry("m1", key="k"))
    lab.accept(entry("m2", key="k"))
    lab.accept(entry("m3", key="k", digest="another"))

    assert types(lab) == ["accepted"]


def test_waits_and_failovers_are_not_told(lab: Lab) -> None:
    message_id = attempt(lab)
    lab.defer(deferred(message_id, wait="5000"))
    lab.pass_time(5000)
    lab.release()
    assert lab.claimed(account()) == [message_id]
    lab.defer(deferred(message_id, 2))
    assert lab.claimed(account()) == [message_id]
    lab.settle(settled(message_id, 3))

    assert types(lab) == ["accepted", "submitted"]
    assert events(lab)[-1].data["attempts"] == 3


def test_a_wait_for_a_busy_account_is_not_told(lab: Lab) -> None:
    rules = account("a", windows=[(1, MINUTE)])
    first, second = lab.put(2, to=NUMBER)
    assert lab.claimed(rules) == [first]

    assert lab.status(second) == "scheduled"
    assert types(lab) == ["accepted"] * 2


def test_an_answer_that_comes_twice_is_told_once(lab: Lab) -> None:
    message_id = attempt(lab)
    item = settled(message_id, vendor_message_id="v1")

    assert lab.settle(item) == [True]
    assert lab.settle(item, item) == [False, False]
    assert types(lab) == ["accepted", "submitted"]


def test_a_late_or_doubled_report_is_not_told(lab: Lab) -> None:
    message_id = attempt(lab)
    lab.settle(settled(message_id, vendor_message_id="v1"))

    assert take_in(lab, report(), report(), report("undelivered")) == ["applied", "late", "late"]
    assert types(lab) == ["accepted", "submitted", "delivered"]


def test_a_report_that_comes_before_the_answer_is_told_after_it(lab: Lab) -> None:
    message_id = attempt(lab)

    assert take_in(lab, report()) == ["early"]
    assert types(lab) == ["accepted"]
    lab.settle(settled(message_id, vendor_message_id="v1"))
    assert types(lab) == ["accepted", "submitted", "delivered"]


def test_a_report_that_overtakes_the_answer_of_our_own_id_is_told_once(lab: Lab) -> None:
    message_id = attempt(lab)
    item = report("delivered", message_id, to="")

    assert take_in(lab, item) == ["applied"]
    lab.settle(settled(message_id, vendor_message_id="v1"))
    assert types(lab) == ["accepted", "delivered"]


def test_a_lost_answer_and_the_report_that_settles_it_are_told(lab: Lab) -> None:
    message_id = attempt(lab, to=NUMBER)
    lab.pass_time(MINUTE)
    lab.sweep()
    assert lab.status(message_id) == "unknown"

    assert take_in(lab, report()) == ["applied"]
    assert types(lab) == ["accepted", "unknown", "delivered"]
    assert events(lab)[-1].data["vendor_message_id"] == "v1"


def test_a_lost_answer_that_is_adopted_at_its_look_is_told(lab: Lab) -> None:
    take_in(lab, report())
    other = attempt(lab)
    lab.settle(settled(other, status="unknown"))
    lab.raw.hset(f"{keys.EARLY}a:{PLAIN.number(DIGITS)}", "v1", _kept(lab))
    lab.raw.zadd(keys.UNKNOWN, {other: 0})

    assert lab.run(care.unknowns(50, 90.0)).messages == []
    assert types(lab) == ["accepted", "unknown", "delivered"]


def _kept(lab: Lab) -> bytes:
    return msgspec.msgpack.encode(["delivered", "DELIVRD", "", lab.now(), lab.now()])


def test_a_submit_again_without_proof_tells_of_each_lost_answer(lab: Lab) -> None:
    message_id = lab.unknown()
    lab.resend(message_id, "same")
    assert lab.claimed(account()) == [message_id]
    lab.settle(settled(message_id, 2, "unknown"))

    assert types(lab) == ["accepted", "unknown", "unknown"]


@pytest.mark.parametrize("status", ["rejected", "submitted", "unknown", "undelivered"])
def test_each_end_of_an_attempt_is_told(lab: Lab, status: str) -> None:
    message_id = attempt(lab)
    lab.settle(settled(message_id, status=status, code="7", reason="so it is"))

    last = events(lab)[-1]
    assert (last.type, last.data["code"], last.data["reason"]) == (status, "7", "so it is")


def test_a_message_taken_back_is_told_once(lab: Lab) -> None:
    message_id = lab.put_one()

    assert lab.cancel(message_id)[0]
    assert not lab.cancel(message_id)[0]
    assert types(lab) == ["accepted", "cancelled"]


def test_one_taken_back_that_may_have_been_taken_is_told_as_unknown(lab: Lab) -> None:
    message_id = lab.unknown()
    lab.resend(message_id, "same")

    lab.cancel(message_id)
    assert types(lab) == ["accepted", "unknown", "unknown"]
    assert lab.status(message_id) == "unknown"


def test_an_expired_one_is_told(lab: Lab) -> None:
    lab.put_one(validity=1000)
    lab.pass_time(1000)
    lab.claim(account())

    assert types(lab) == ["accepted", "expired"]


def test_a_suppressed_one_is_told(lab: Lab) -> None:
    lab.raw.sadd(f"{keys.SUPPRESSED}all", DIGITS)
    lab.put_one(to=NUMBER, stream="marketing")
    lab.claim(account(), stream="marketing", suppress=True)

    assert types(lab) == ["accepted", "suppressed"]


def test_a_dead_letter_that_is_replayed_is_a_new_message(lab: Lab) -> None:
    message_id = attempt(lab)
    lab.settle(settled(message_id, status="rejected"))

    for _ in range(2):
        assert lab.run(care.replay(message_id, "again", validity=60, retention=60))
    assert types(lab, "again") == ["accepted"]
    assert types(lab, message_id) == ["accepted", "rejected"]


def test_a_claim_that_is_taken_back_tells_nothing(lab: Lab) -> None:
    ticket, message_id = Ticket("pump"), lab.put_one()
    lost = claim(ticket=ticket)
    lab.raw.eval(lost.script.source, 0, *lost.args)

    lab.claim(ticket=ticket)

    assert lab.record(message_id).attempt == 2
    assert types(lab) == ["accepted"]


def test_events_stand_in_the_order_in_which_it_happened(lab: Lab) -> None:
    ids = lab.put(50)
    lab.claim(account())
    lab.settle(*(settled(each) for each in reversed(ids)))

    assert [each.data["id"] for each in events(lab)] == [*ids, *reversed(ids)]
    places = [tuple(map(int, each.id.split("-"))) for each in events(lab)]
    assert places == sorted(set(places))


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", [NUMBER, "+8619912345678", DIGITS, "138001380001", "123", "", "+8613800138"]
)
def test_a_number_is_masked_as_everywhere(lab: Lab, number: str) -> None:
    source = "\n".join([scripts._names(), scripts._read("_record"), "return masked(ARGV[1])"])

    assert lab.raw.eval(source, 0, number).decode() == mask(number)


def test_no_event_holds_a_number_or_a_text(lab: Lab) -> None:
    text = "一段不该外传的话"
    message_id = attempt(lab, content=f'{{"text":"{text}"}}'.encode())
    lab.settle(settled(message_id, vendor_message_id="v1"))
    take_in(lab, report("undelivered", blocked="day"))
    hear(lab, text=text, out=True)

    told = b"".join(row[b"e"] for _, row in lab.raw.xrange(keys.EVENTS))
    assert types(lab)[2:] == ["undelivered", "mirror.drift", "inbound", "opt_out"]
    assert DIGITS.encode() not in told
    assert text.encode() not in told


# --- what is no status of a message ---------------------------------------------------------------


def hear(lab: Lab, mark: str = "1", text: str = "T", *, out: bool = False) -> None:
    letter = Letter(account="a", sender=NUMBER, extension="01", text=text, opted_out=out)
    item = Heard(mark=mark, suppress=OptOut.ALL if out else "", letter=letter)
    lab.run(arrivals.inbound([item], memory=60))


def test_a_reply_is_told_once_with_the_message_it_answers(lab: Lab) -> None:
    message_id = attempt(lab)
    lab.settle(settled(message_id, vendor_message_id="v1"))
    hear(lab)
    hear(lab)

    (place,) = lab.raw.xrange(keys.INBOUND)
    (found,) = (each for each in events(lab) if each.type == "inbound")
    assert "opt_out" not in types(lab)
    assert found.data == {
        "account": "a",
        "from": mask(NUMBER),
        "extension": "01",
        "message_id": message_id,
        "opt_out": False,
        "id": place[0].decode(),
    }


def test_an_opt_out_is_told_besides(lab: Lab) -> None:
    hear(lab, out=True)
    hear(lab, out=True)

    heard, out = events(lab)
    assert (heard.type, heard.data["opt_out"], heard.data["message_id"]) == ("inbound", True, "")
    assert out.type == "opt_out"
    assert out.data == {
        "account": "a", "from": mask(NUMBER), "scope": "all", "message_id": "",
        "id": heard.data["id"],
    }  # fmt: skip


def test_an_account_that_says_it_is_unusable_is_told_once_until_it_takes_a_message(
    lab: Lab,
) -> None:
    lab.trip("a", code="E1")
    lab.trip("a", code="E1")  # it is left alone already
    lab.pass_time(2 * MINUTE)
    lab.trip("a", code="E2")  # its probe failed
    assert types(lab) == ["account.suspended"]
    assert events(lab)[0].data == {"account": "a", "code": "E1", "reason": "because"}

    lab.pass_time(HOUR)
    for _ in range(2):
        lab.settle(settled(attempt(lab)))
    assert types(lab) == [
        *("account.suspended", "accepted", "submitted", "account.restored"),
        *("accepted", "submitted"),
    ]
    assert events(lab)[3].data == {"account": "a", "code": "E1", "reason": "because"}
    assert "suspended" not in lab.state()


def test_an_account_that_fails_is_not_told(lab: Lab) -> None:
    lab.trip("a")
    lab.pass_time(HOUR)
    lab.settle(settled(attempt(lab)))

    assert types(lab) == ["accepted", "submitted"]


def test_a_failing_account_that_turns_out_unusable_is_told(lab: Lab) -> None:
    lab.trip("a")
    lab.pass_time(HOUR)
    lab.trip("a", code="")

    assert [each.data["code"] for each in events(lab)] == [""]


def test_a_number_that_our_windows_let_pass_is_told_where_it_is_counted(lab: Lab) -> None:
    message_id = attempt(lab)
    lab.defer(deferred(message_id, code="102", blocked="day", wait="day"))

    (found,) = (each for each in events(lab) if each.type == "mirror.drift")
    assert found.data == {"account": "a", "code": "102", "to": mask(NUMBER), "id": message_id}
    assert lab.state()["drift:102"] == "1"


def test_a_report_that_tells_of_one_is_told_too(lab: Lab) -> None:
    take_in(lab, report("undelivered", code="MA:0022", blocked="60000"))

    (found,) = events(lab)
    assert (found.type, found.data["id"], found.data["to"]) == ("mirror.drift", "", mask(NUMBER))


def test_what_python_tells_is_told_as_it_says(lab: Lab) -> None:
    place = lab.run(emit("balance.low", {"account": "a", "runway_hours": None}))

    (found,) = events(lab)
    assert (found.id, found.type) == (place, "balance.low")
    assert found.data == {"account": "a", "runway_hours": None}


# --- how many are kept ----------------------------------------------------------------------------


def test_only_so_many_are_kept_about(lab: Lab) -> None:
    lab.raw.set(keys.EVENTS_KEPT, 200)
    for _ in range(20):
        lab.put(100)

    left = events(lab)
    assert 200 <= len(left) < 600  # whole nodes go, and a script trims before it tells
    assert left[-1].data["id"] == f"m{lab.made:05d}"


def test_without_a_setting_a_hundred_thousand_are_kept(lab: Lab) -> None:
    lab.put(300)

    assert lab.raw.xlen(keys.EVENTS) == 300
    assert "local KEPT = 100000" in scripts.load("accept").source


def test_none_are_told_and_those_that_were_go_where_none_are_kept(lab: Lab) -> None:
    told = attempt(lab)
    assert len(events(lab)) == 1
    lab.raw.set(keys.EVENTS_KEPT, 0)

    lab.settle(settled(told))
    lab.cancel(lab.put_one())
    lab.trip("b", code="1")
    hear(lab, out=True)

    assert events(lab) == []
    assert lab.run(emit("balance.low", {})) == ""
