"""What a vendor sends may be kept and logged: it is cut, printable, and the same from both sides."""

import json
from collections.abc import Callable

import pytest

from worker.contract.events import Raw
from worker.vendors.base import Outcome, Outgoing, Response, Vendor

Make = Callable[..., Vendor]
Write = Callable[..., Outgoing]

HOSTILE = " \x1b[31m\nx\u202e" + "7" * 60
CLEAN = "[31mx" + "7" * 35


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("chuangxin", {"ReturnStatus": HOSTILE}),
        ("chuangxin", {"ReturnStatus": "Faild", "Code": HOSTILE}),
        ("largesms", {"Code": HOSTILE}),
        ("tencent", {"status": HOSTILE}),
        ("tencent", {"status": 0, "list": [{"mobile": "18983437010", "result": HOSTILE}]}),
        ("zhenzi", {"code": HOSTILE}),
    ],
)
def test_a_code_is_kept_printable_and_short(
    name: str, body: object, make: Make, write: Write
) -> None:
    (found,) = make(name).submit([write(name)]).read(Response(200, json.dumps(body)))

    assert (found.outcome, found.code) == (Outcome.REFUSED, CLEAN)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("chuangxin", {"ReturnStatus": "Success", "TaskID": HOSTILE}),
        ("largesms", {"Code": "OK", "BizId": HOSTILE}),
        (
            "tencent",
            {"status": 0, "list": [{"mobile": "18983437010", "result": 0, "mid": HOSTILE}]},
        ),
    ],
)
def test_an_id_is_kept_printable_and_short(
    name: str, body: object, make: Make, write: Write
) -> None:
    (found,) = make(name).submit([write(name)]).read(Response(200, json.dumps(body)))

    assert (found.outcome, found.vendor_message_id) == (Outcome.SUBMITTED, CLEAN)


def test_an_id_that_was_cut_is_cut_in_its_report_too(make: Make, write: Write) -> None:
    sendid = "7" * 60
    (taken,) = (
        make("chuangrui").submit([write("chuangrui")]).read(Response(200, f"0,{sendid},0,1,0,ok"))
    )
    pushed = {"sendid": sendid, "state": HOSTILE, "mobile": "13800138000"}
    row = {"flag": 1, "mid": HOSTILE, "mobile": "18983437010", "stat": HOSTILE}

    (by_push,) = make("chuangrui").reports(Raw("report", params=pushed))
    (by_poll,) = make("tencent").reports(Raw("report", json.dumps([row])))

    assert by_push.vendor_message_id == taken.vendor_message_id == "7" * 40
    assert by_push.code == by_poll.code == by_poll.vendor_message_id == CLEAN
    assert by_push.status == by_poll.status == "undelivered"


def test_zhenzi_s_words_are_kept_printable_and_short(make: Make) -> None:
    call = make("zhenzi").query("m-1")
    assert call is not None

    found = call.read(Response(200, json.dumps({"code": 0, "data": {"status": HOSTILE}})))
    (report,) = make("zhenzi").reports(
        Raw("report", params={"messageId": "m-1", "status": HOSTILE})
    )

    assert found.code == report.code == CLEAN


def test_a_failed_poll_names_a_code_that_may_be_logged(make: Make) -> None:
    body = json.dumps({"status": HOSTILE, "code": HOSTILE})

    for name in ("tencent", "zhenzi"):
        call = make(name).balance()
        assert call is not None
        with pytest.raises(ValueError, match="refused") as raised:
            call.read(Response(200, body))
        assert str(raised.value).isprintable()


@pytest.mark.parametrize("name", ["chuangxin", "largesms"])
def test_who_sends_no_callbacks_believes_none(name: str, make: Make) -> None:
    vendor, raw = make(name), Raw("report", "{}", {"token": "", "name": ""}, {}, "127.0.0.1")

    assert vendor.verify(raw) is False
    assert vendor.more(raw) is False
    assert [*vendor.reports(raw), *vendor.inbound(raw)] == []
