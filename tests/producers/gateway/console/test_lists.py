"""Dead letters and their replay, inbound messages, the suppression list."""

from typing import Any

import msgspec
import pytest
import redis

from producers.gateway.console import lists
from tests.producers.conftest import Work
from tests.producers.gateway.conftest import NUMBER, problem
from tests.producers.gateway.console.conftest import Operator, Send
from worker.contract import keys
from worker.store.inbox import Letter
from worker.store.suppression import Suppression, under


async def got(operator: Operator, path: str, **query: str) -> Any:
    answer = await operator.get(path, params=query)
    assert answer.status == 200, await answer.text()
    assert NUMBER not in await answer.text()
    assert "机密" not in await answer.text()
    return await answer.json()


async def test_dead_letters_are_listed_the_newest_first_and_filtered(
    operator: Operator, kill: Send
) -> None:
    old, new = kill(), kill("13900139000", code="7", reason="on a blacklist")

    found = await got(operator, "dead")
    assert [each["id"] for each in found["messages"]] == [new, old]
    assert (found["messages"][1]["to"], found["messages"][1]["replayable"]) == (
        "+86138****8000",
        True,
    )
    assert found["more"] is False
    for query, ids in (
        ({"reason": " BLACK "}, [new]),
        ({"reason": "106"}, [old]),
        ({"account": "chuangrui"}, [new, old]),
        ({"account": "zhenzi"}, []),
    ):
        found = await got(operator, "dead", **query)
        assert [each["id"] for each in found["messages"]] == ids, query


async def test_a_long_list_of_dead_letters_is_cut(
    operator: Operator, kill: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "SHOWN", 2)
    letters = [kill() for _ in range(3)]

    found = await got(operator, "dead")

    assert [each["id"] for each in found["messages"]] == letters[:0:-1]
    assert found["more"] is True


async def test_a_dead_letter_is_sent_again_once_however_often_it_is_asked(
    operator: Operator, kill: Send, work: Work
) -> None:
    letter = kill()

    first = await (await operator.post("dead/replay", {"ids": [letter, letter]})).json()
    second = await (await operator.post("dead/replay", {"ids": [letter]})).json()

    (done,), (again,) = first["replayed"], second["replayed"]
    assert (done["id"], done["before"], done["error"]) == (letter, False, None)
    assert again == done | {"before": True}
    assert work.claim() == [done["replayed_as"]]
    assert (await got(operator, "dead"))["messages"] == []


async def test_what_is_no_dead_letter_is_said_and_the_others_are_sent(
    operator: Operator, kill: Send, send: Send
) -> None:
    alive, letter = send(), kill()

    answer = await operator.post("dead/replay", {"ids": [alive, "nobody", letter]})
    found = (await answer.json())["replayed"]

    assert "it is submitting" in found[0]["error"]
    assert "no message has the id" in found[1]["error"]
    assert found[2]["replayed_as"]


@pytest.mark.parametrize(
    "body",
    [{}, [], {"ids": []}, {"ids": "x"}, {"ids": [1]}, {"ids": ["x"] * 201}, {"ids": ["x" * 65]}],
)
async def test_a_replay_that_names_no_ids_is_refused(operator: Operator, body: Any) -> None:
    assert (await operator.post("dead/replay", body)).status in (400, 422)


def letter(raw: redis.Redis, **fields: Any) -> str:
    plain = {"account": "tencent", "sender": f"+86{NUMBER}", "text": "机密的回复"}
    packed = msgspec.json.encode(Letter(**(plain | fields)))
    found = raw.xadd(keys.INBOUND, {"letter": packed})
    assert isinstance(found, bytes)
    return found.decode()


async def test_inbound_messages_are_listed_the_newest_first_without_their_texts(
    operator: Operator, raw: redis.Redis
) -> None:
    places = [letter(raw), letter(raw, opted_out=True, message_id="m", extension="00\x1b8")]

    found = await got(operator, "inbound")

    assert [each["id"] for each in found["messages"]] == places[::-1]
    newest = found["messages"][0]
    assert (newest["from"], newest["opted_out"]) == ("+86138****8000", True)
    assert (newest["message_id"], newest["extension"]) == ("m", "00 8")
    assert "text" not in newest
    assert found["next"] is None


async def test_inbound_messages_are_read_on_page_by_page(
    operator: Operator, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "SHOWN", 2)
    places = [letter(raw) for _ in range(3)]

    first = await got(operator, "inbound")
    second = await got(operator, "inbound", before=first["next"])

    assert [each["id"] for each in first["messages"]] == places[:0:-1]
    assert [each["id"] for each in second["messages"]] == places[:1]
    assert second["next"] is None


@pytest.mark.parametrize("before", ["x", "-", "+", "1-", f"{2**64}", "(5"])
async def test_a_place_that_is_none_is_said(operator: Operator, before: str) -> None:
    answer = await operator.get("inbound", params={"before": before})

    assert (await problem(answer, 422, "invalid-parameter"))["field"] == "before"


async def suppress(operator: Operator, act: str, number: str = NUMBER, **more: Any) -> Any:
    answer = await operator.post("suppression", {"act": act, "number": number, **more})
    assert answer.status == 200, await answer.text()
    assert NUMBER not in await answer.text()
    return await answer.json()


async def test_a_number_is_added_found_and_removed(operator: Operator, work: Work) -> None:
    assert (await suppress(operator, "check"))["scopes"] == []
    assert (await suppress(operator, "add"))["changed"] is True
    assert (await suppress(operator, "add", "+86 138 0013 8000"))["changed"] is False
    await suppress(operator, "add", scope="tencent")

    assert (await suppress(operator, "check"))["scopes"] == ["all", "tencent"]
    assert list(Suppression(work.store).numbers()) == [f"+86{NUMBER}"]
    assert (await suppress(operator, "remove"))["changed"] is True
    assert (await suppress(operator, "remove"))["changed"] is False
    assert (await suppress(operator, "check"))["scopes"] == ["tencent"]


async def test_the_lists_are_shown_with_their_sizes_and_masked(
    operator: Operator, work: Work
) -> None:
    kept = Suppression(work.store)
    kept.add([f"+86{NUMBER}", "+8613900139000"])
    kept.add([f"+86{NUMBER}"], under("信使"))

    found = await got(operator, "suppression")
    sizes = {each["scope"]: each["count"] for each in found["scopes"]}
    assert found["scopes"][0]["scope"] == "all"
    assert (sizes["all"], sizes["tencent"], sizes["sign:信使"]) == (2, 0, 1)
    assert found["numbers"] == ["+86138****8000", "+86139****9000"]
    found = await got(operator, "suppression", scope="sign:信使")
    assert found["numbers"] == ["+86138****8000"]
    assert (await got(operator, "suppression", scope="tencent"))["numbers"] == []


async def test_a_signature_that_is_listed_can_be_changed(operator: Operator, work: Work) -> None:
    Suppression(work.store).add([f"+86{NUMBER}"], under("信使"))

    assert (await suppress(operator, "remove", scope="sign:信使"))["changed"] is True


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"act": "add"}, "number"),
        ({"act": "add", "number": "123"}, "number"),
        ({"act": "add", "number": 13800138000}, "number"),
        ({"act": "drop", "number": NUMBER}, "act"),
        ({"act": ["add"], "number": NUMBER}, "act"),
        ({"number": NUMBER}, "act"),
        ({"act": "add", "number": NUMBER, "scope": "nobody"}, "scope"),
        ({"act": "add", "number": NUMBER, "scope": ["all"]}, "scope"),
        ({"act": "remove", "number": NUMBER, "scope": "sign:unheard"}, "scope"),
    ],
)
async def test_a_wish_that_makes_no_sense_changes_nothing(
    operator: Operator, raw: redis.Redis, body: Any, field: str
) -> None:
    answer = await operator.post("suppression", body)

    assert (await problem(answer, 422, "invalid-parameter"))["field"] == field
    assert list(raw.scan_iter(f"{keys.SUPPRESSED}*")) == []


async def test_an_unknown_list_has_nobody(operator: Operator) -> None:
    assert (await got(operator, "suppression", scope="nobody"))["numbers"] == []
