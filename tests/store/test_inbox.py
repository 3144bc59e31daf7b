"""The inbox: inbound messages in their order, each once; opt-outs before anything else."""

from typing import Any, cast

import msgspec
import pytest

from worker.contract import keys
from worker.contract.suppression import OptOut
from worker.store import arrivals
from worker.store.arrivals import Heard
from worker.store.client import AsyncStore
from worker.store.inbox import Inbox, Letter

from .conftest import DAY, NUMBER, Lab, settled
from .memory import Memory


def letter(text: str = "好的", **more: Any) -> Letter:
    return Letter(**({"account": "a", "sender": NUMBER, "text": text} | more))


def heard(mark: str = "1", text: str = "好的", *, out: bool = False, **more: Any) -> Heard:
    return Heard(mark=mark, suppress=OptOut.ALL if out else "", letter=letter(text, **more))


def take_in(lab: Lab, *items: Heard) -> list[bool]:
    return lab.run(arrivals.inbound(items, memory=72 * 3600))


def stored(lab: Lab) -> list[Letter]:
    entries = lab.raw.xrange(keys.INBOUND)
    return [msgspec.json.decode(fields[b"letter"], type=Letter) for _, fields in entries]


async def test_pages_of_the_inbox_follow_each_other(raw: Any) -> None:
    memory = Memory()
    inbox = Inbox(cast(AsyncStore, memory))
    for place in range(5):
        packed = msgspec.json.encode(letter(str(place)))
        await memory.redis.xadd(keys.INBOUND, {"letter": packed})

    first = await inbox.list(most=2)
    rest = await inbox.list(after=first[-1].id)

    assert [each.letter.text for each in first + rest] == ["0", "1", "2", "3", "4"]
    assert first[0].received_at == int(first[0].id.split("-")[0])
    assert await inbox.list(after=rest[-1].id) == []


def test_a_letter_is_stored_once(lab: Lab) -> None:
    assert take_in(lab, heard("1"), heard("2"), heard("1")) == [True, True, False]
    assert take_in(lab, heard("1")) == [False]
    assert take_in(lab, heard("1", account="b")) == [True]

    assert [each.account for each in stored(lab)] == ["a", "a", "b"]
    assert lab.raw.pttl(f"{keys.HEARD}a:1") == pytest.approx(3 * DAY, abs=5000)


def test_it_answers_the_last_message_to_that_number_by_that_account(lab: Lab) -> None:
    ids = lab.put(2, to=NUMBER)
    lab.claimed()
    lab.settle(*(settled(each, vendor_message_id=each) for each in ids))

    take_in(lab, heard("1"), heard("2", account="b"), heard("3", sender="+8613900000009"))

    assert [each.message_id for each in stored(lab)] == [ids[1], "", ""]


def test_its_text_stays_as_it_is(lab: Lab) -> None:
    text = '%1 "message_id":"" \\ \n 退订 😀'

    take_in(lab, heard(text=text))

    assert stored(lab)[0].text == text


def test_opt_outs_are_suppressed_also_where_the_letter_is_known(lab: Lab) -> None:
    take_in(lab, heard("1", "TD", out=True))
    lab.raw.delete(f"{keys.SUPPRESSED}all")

    take_in(lab, heard("1", "TD", out=True))

    assert lab.raw.smembers(f"{keys.SUPPRESSED}all") == {NUMBER[3:].encode()}
    assert len(stored(lab)) == 1


def test_a_letter_shows_neither_number_nor_text() -> None:
    assert NUMBER[3:] not in repr(letter())
    assert "好的" not in repr(heard())
