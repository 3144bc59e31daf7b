"""Numbers: which are taken, how they are kept and how they are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.contract.errors import MessageError
from worker.contract.recipient import mask, national, parse

MOBILES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)


@given(MOBILES, st.sampled_from(["", "+86", "86", "0086", "+86 ", "86-", " 0086 - "]))
def test_every_form_becomes_one(digits: str, prefix: str) -> None:
    assert parse(prefix + digits) == f"+86{digits}"


@given(MOBILES)
def test_what_was_parsed_can_be_parsed_again(digits: str) -> None:
    assert parse(parse(digits)) == parse(digits)
    assert national(parse(digits)) == digits


@pytest.mark.parametrize(
    "number",
    [
        "",
        " ",
        "10086",
        "12345678901",
        "12800138000",
        "138001380000",
        "+8613800138",
        "1380013800a",
        "+86+8613800138000",
        "8613800138000x",
        "13800138000,13900139000",
        "(138)00138000",
        "１３８００１３８０００",
        "13800138000\0",
        "+8513800138000",
        "086 13800138000",
    ],
)
def test_anything_else_is_refused(number: str) -> None:
    with pytest.raises(MessageError) as caught:
        parse(number)

    assert caught.value.field == "to"


@pytest.mark.parametrize("number", [None, 13800138000, b"13800138000", ["13800138000"]])
def test_a_number_is_a_string(number: object) -> None:
    with pytest.raises(MessageError, match="must be a string"):
        parse(number)


def test_the_field_at_fault_can_be_another() -> None:
    with pytest.raises(MessageError) as caught:
        parse("1", "sender")

    assert caught.value.field == "sender"


@given(st.text(max_size=40))
def test_no_text_breaks_it_and_no_error_repeats_it(text: str) -> None:
    secret = f"x{text}x"

    with pytest.raises(MessageError) as caught:
        parse(secret)

    assert secret not in str(caught.value)


@given(MOBILES)
def test_a_mask_hides_four_digits(digits: str) -> None:
    shown = mask(f"+86{digits}")

    assert shown == f"+86{digits[:3]}****{digits[-4:]}"
    assert mask(digits) == shown


@given(st.text().filter(lambda text: len(text.removeprefix("+86")) != 11))
def test_what_is_no_number_is_hidden_altogether(text: str) -> None:
    assert mask(text) == "****"
