"""What a text costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.contract.segments import PART, SINGLE, length, segments, signed


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, 1), (1, 1), (70, 1), (71, 2), (134, 2), (135, 3), (201, 3), (202, 4), (500, 8)],
)
def test_seventy_characters_are_one_and_longer_texts_are_cut_at_67(
    count: int, expected: int
) -> None:
    assert segments("好" * count) == expected
    assert segments("x" * count) == expected  # latin letters cost the same in China


def test_the_signature_and_its_brackets_count() -> None:
    assert segments("好" * 66, "信使") == 1
    assert segments("好" * 67, "信使") == 2


def test_what_lies_outside_the_basic_plane_counts_two() -> None:
    assert length("😀") == 2
    assert segments("😀" * 35) == 1
    assert segments("😀" * 36) == 2


def test_a_text_is_signed_in_front_or_not_at_all() -> None:
    assert signed("您好", "信使") == "【信使】您好"
    assert signed("您好", "") == "您好"


@given(st.text(max_size=400))
def test_the_length_is_that_of_utf_16(text: str) -> None:
    assert length(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2


@given(st.text(max_size=400), st.text(max_size=20))
def test_the_segments_are_just_enough(text: str, signature: str) -> None:
    count, units = segments(text, signature), length(signed(text, signature))

    if count == 1:
        assert units <= SINGLE
    else:
        assert PART * (count - 1) < units <= PART * count


@given(st.text(max_size=200), st.text(max_size=50))
def test_more_text_never_costs_less(text: str, more: str) -> None:
    assert segments(text + more) >= segments(text)
