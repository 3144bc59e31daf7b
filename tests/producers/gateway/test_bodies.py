"""Whatever bytes a vendor sends, they are read or refused, and can be stored."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.gateway import bodies
from producers.gateway.problems import Problem

PIECES = st.sampled_from(
    [b"&", b"=", b"%", b"+", b"#", b"%81", b"%ED%A0%80", b"\xed\xa0\x80", "信".encode("gb18030")]
)
BYTES = st.lists(PIECES | st.binary(max_size=4), max_size=20).map(b"".join)


@given(BYTES)
def test_any_form_is_read_as_text_that_can_be_stored(form: bytes) -> None:
    found = bodies.fields(form, 1000)

    for part in (*found, *found.values(), bodies.text(form)):
        part.encode()  # half a surrogate pair could not


@given(BYTES)
def test_any_body_is_json_or_a_problem(body: bytes) -> None:
    with contextlib.suppress(Problem):
        bodies.decode(body)


def test_the_first_of_a_name_counts() -> None:
    assert bodies.fields(b"a=1&a=2&b=&c", 10) == {"a": "1", "b": "", "c": ""}


def test_fields_are_counted_before_they_are_read() -> None:
    assert len(bodies.fields(b"&".join(b"%d=1" % place for place in range(10)), 10)) == 10
    with pytest.raises(Problem):
        bodies.fields(b"&" * 10, 10)
