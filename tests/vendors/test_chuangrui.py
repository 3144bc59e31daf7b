"""ChuangRui: one id a call, totals that name nobody, a signature beside the text."""

from collections.abc import Callable

import pytest

from worker.contract.events import Raw
from worker.vendors.base import Outcome, Outgoing, Response, Vendor

Make = Callable[..., Vendor]
Write = Callable[..., Outgoing]


def test_the_message_s_signature_wins_over_the_account_s(make: Make, write: Write) -> None:
    vendor = make("chuangrui", sign="本店")

    assert vendor.submit([write("chuangrui")]).form["sign"] == "信使"
    assert vendor.submit([write("chuangrui", signature="")]).form["sign"] == "本店"


def test_without_any_signature_it_is_refused_here(make: Make, write: Write) -> None:
    unsigned = write("chuangrui", signature="")

    assert "signature" in str(make("chuangrui").refuse(unsigned))
    assert make("chuangrui", sign="本店").refuse(unsigned) is None


def test_the_account_s_signature_counts_for_the_length(make: Make, write: Write) -> None:
    vendor = make("chuangrui", sign="本店")

    assert vendor.refuse(write("chuangrui", signature="", text="字" * 496)) is None
    assert vendor.refuse(write("chuangrui", signature="", text="字" * 497)) is not None


def test_one_number_twice_is_sent_once_and_the_second_message_waits(
    make: Make, write: Write
) -> None:
    messages = [write("chuangrui"), write("chuangrui", id="m-9")]

    call = make("chuangrui").submit(messages)
    found = call.read(Response(200, "0,123,0,1,0,ok"))

    assert call.form["mobile"] == "13800138000"
    assert [one.outcome for one in found] == [Outcome.SUBMITTED, Outcome.THROTTLED]
    assert found[1].split
    assert not found[1].vendor_message_id


@pytest.mark.parametrize(
    ("totals", "outcome", "sendid"),
    [
        ("0,3,0", Outcome.SUBMITTED, "123"),
        ("1,2,0", Outcome.SUBMITTED, "123"),
        ("0,1,2", Outcome.SUBMITTED, "123"),
        ("3,0,0", Outcome.REJECTED, ""),
        ("0,0,3", Outcome.BARRED, ""),
        ("0,0,2", Outcome.REFUSED, ""),  # of three: one of them is not known to be barred
        ("1,0,2", Outcome.REFUSED, ""),
        ("0,0,0", Outcome.REFUSED, ""),
    ],
)
def test_totals_say_of_a_batch_no_more_than_they_prove(
    totals: str, outcome: Outcome, sendid: str, make: Make, write: Write
) -> None:
    messages = [write("chuangrui", number=f"1380013800{digit}") for digit in range(3)]

    found = make("chuangrui").submit(messages).read(Response(200, f"0,123,{totals},ok"))

    assert {one.outcome for one in found} == {outcome}
    assert {one.vendor_message_id for one in found} == {sendid}
    assert {one.alarm for one in found} == {totals == "0,0,0"}


def test_the_acknowledgement_is_an_option(make: Make) -> None:
    assert make("chuangrui").acknowledge() == "0"
    assert make("chuangrui", callback_ack="SUCCESS").acknowledge() == "SUCCESS"


def test_the_unit_of_a_balance_is_one_of_two(make: Make) -> None:
    with pytest.raises(ValueError, match=r"vendors\.chuangrui\.balance_unit: must be one of"):
        make("chuangrui", balance_unit="points")


def test_a_report_pushed_to_the_inbound_address_is_no_error(make: Make) -> None:
    raw = Raw("inbound", params={"state": "DELIVRD", "sendid": "1", "mobile": "13800138000"})

    assert list(make("chuangrui").inbound(raw)) == []
    assert len(list(make("chuangrui").reports(raw))) == 1


def test_a_secret_digest_counts_beside_the_other_secrets(make: Make) -> None:
    vendor = make("chuangrui", callback_name="", callback_secret="test-callback-secret")
    digest = "C26F0CBB9C3CFF2A827AFA5B6A6D4182"
    push = {"name": digest, "random": "8f3a", "timestamp": "1376999494"}

    assert vendor.verify(Raw("report", params={**push, "pwd": "test-callback-pwd"}))
    assert vendor.verify(
        Raw("report", params={**push, "name": digest.lower(), "pwd": "test-callback-pwd"})
    )
    assert not vendor.verify(Raw("report", params=push))
