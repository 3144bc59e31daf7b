"""Records: written by Python or by Lua, they read the same."""

import msgspec
import redis
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from worker.contract import record
from worker.contract.record import Content, Record
from worker.contract.status import Status, Stream

TEXTS = st.text(max_size=40)
TIMES = st.integers(0, 2**48)
RECORDS = st.builds(
    Record,
    status=st.sampled_from(Status),
    stream=st.sampled_from(Stream),
    to=st.just("+8613800138000"),
    content=TEXTS,
    length=st.integers(0, 1000),
    segments=st.integers(1, 20),
    template=TEXTS,
    pin=TEXTS,
    tag=TEXTS,
    created=TIMES,
    due=TIMES,
    expires=TIMES,
    updated=st.integers(1, 2**48),  # 0 is read as `created`
    attempt=st.integers(0, 100),
    attempts=st.integers(0, 100),
    waits=st.integers(0, 100),
    account=TEXTS,
    deadline=TIMES,
    vendor_message_id=TEXTS,
    code=TEXTS,
    reason=TEXTS,
    slot=TIMES,
    avoid=st.lists(TEXTS, max_size=3),
    trail=st.lists(st.tuples(TIMES, TEXTS, TEXTS, TEXTS).map(list), max_size=4),
    trace=TEXTS,
    alias=TEXTS,
    sign=TEXTS,
)


@given(RECORDS)
def test_a_record_comes_back(one: Record) -> None:
    assert record.decode(msgspec.msgpack.encode(one)) == one


@budget(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RECORDS)
def test_a_record_comes_back_through_lua(raw: redis.Redis, one: Record) -> None:
    packed = raw.eval(
        "return cmsgpack.pack(cmsgpack.unpack(ARGV[1]))", 0, msgspec.msgpack.encode(one)
    )

    assert isinstance(packed, bytes)
    found = record.decode(packed)
    # An empty Lua table is packed as a map.
    found.avoid, found.trail = found.avoid or [], found.trail or []
    assert found == one


def test_the_record_of_a_message_that_nothing_happened_to_is_shorter() -> None:
    new = msgspec.msgpack.encode(
        ["accepted", "otp", "+8613800138000", "{}", 1, 1, "", "", "", 1, 0, 2]
    )

    found = record.decode(new)

    assert found.status is Status.ACCEPTED
    assert (found.updated, found.attempt, found.account, found.trail) == (1, 0, "", [])


@given(TEXTS, TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3), TEXTS)
def test_content_comes_back(
    text: str, template: str, params: dict[str, str], signature: str
) -> None:
    said = Content(text=text, template=template, params=params, signature=signature)
    one = record.decode(
        msgspec.msgpack.encode(
            [
                *("accepted", "otp", "", msgspec.json.encode(said).decode(), 1, 1, "", "", ""),
                *[0] * 3,
            ]
        )
    )

    assert record.content(one) == said


def test_a_removed_text_reads_as_nothing() -> None:
    empty = record.decode(
        msgspec.msgpack.encode(["accepted", "otp", "", "", 1, 1, "", "", "", 0, 0, 0])
    )

    assert record.content(empty) == Content()


def test_neither_shows_number_or_text() -> None:
    one = record.decode(
        msgspec.msgpack.encode(
            ["accepted", "otp", "+8613800138000", "秘密", 1, 1, "", "", "", 0, 0, 0]
        )
    )

    assert "138" not in repr(one)
    assert "秘密" not in repr(one)
    assert "秘密" not in repr(Content(text="秘密", params={"code": "秘密"}))
