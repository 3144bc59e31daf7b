"""What every adapter promises, held against its fixture file. A new vendor adds data, not tests."""

import json
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker import vendors
from worker.contract.errors import SettingsError
from worker.contract.events import Raw
from worker.contract.settings import Account
from worker.vendors.base import (
    Balance,
    Call,
    Outcome,
    Outgoing,
    Response,
    Submission,
    Unreadable,
    Vendor,
)

Make = Callable[..., Vendor]
Write = Callable[..., Outgoing]
Case = Mapping[str, Any]

FIXTURES: Mapping[str, Case] = {
    path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
    for path in sorted(Path(__file__).parent.rglob("*.toml"))
}
EVERY = pytest.mark.parametrize("name", sorted(FIXTURES))
SOURCES = {"document", "captured", "guess"}
JSON_VENDORS = sorted(set(FIXTURES) - {"chuangrui"})


def cases(section: str) -> pytest.MarkDecorator:
    """Return one test a case of a section, over all vendors."""
    found = [
        pytest.param(name, case, id=f"{name}: {case.get('name') or case.get('call') or number}")
        for name, fixture in FIXTURES.items()
        for number, case in enumerate(fixture.get(section, ()))
    ]
    return pytest.mark.parametrize(("name", "case"), found)


def codes(section: str) -> pytest.MarkDecorator:
    """Return one test a code of a section's tables, over all vendors."""
    found = [
        pytest.param(
            name, table, code, expected, id=f"{name}: {table.get('table', 'states')} {code}"
        )
        for name, fixture in FIXTURES.items()
        for table in fixture.get(section, ())
        for code, expected in table["expect"].items()
    ]
    return pytest.mark.parametrize(("name", "table", "code", "expected"), found)


def ask(vendor: Vendor, case: Case, messages: Sequence[Outgoing]) -> Call[Any]:
    """Return the call that a case is about."""
    kind = case["call"]
    if kind == "submit":
        return vendor.submit(messages)
    if kind.startswith("poll "):
        return vendor.polls()[kind.removeprefix("poll ")]
    found = vendor.query("m-1") if kind == "query" else vendor.balance()
    assert found is not None
    return found


def respond(case: Case, body: str | None = None) -> Response:
    return Response(
        case.get("status", 200), case["body"] if body is None else body, case.get("headers", {})
    )


def handed(case: Case, kind: Any) -> Raw:
    return Raw(
        kind,
        body=case.get("body", ""),
        params=case.get("params", {}),
        address=case.get("address", ""),
    )


def drain(items: Iterable[Any]) -> tuple[list[Any], bool]:
    """Return what could be read, and whether something could not."""
    found = []
    iterator: Iterator[Any] = iter(items)
    while True:
        try:
            found.append(next(iterator))
        except StopIteration:
            return found, False
        except Unreadable:
            return found, True


def remains(expected: Case) -> Balance | None:
    """What an answer tells in passing, written as ``left = ["1.5", "yuan"]``."""
    amount, unit = expected.get("left", (None, ""))
    return Balance(Decimal(amount), unit) if amount else None


def submit(vendor: Vendor, message: Outgoing, response: Response) -> list[Submission]:
    return vendor.submit([message]).read(response)


# --- the fixtures themselves --------------------------------------------------------------------


def test_every_adapter_has_a_fixture_and_every_fixture_an_adapter() -> None:
    ours = [name for name, fixture in FIXTURES.items() if "adapter" not in fixture]

    assert sorted(ours) == vendors.names()


@EVERY
def test_every_case_says_where_it_comes_from(name: str) -> None:
    sections = ("submission", "codes", "balance", "query", "report", "state", "inbound")

    sources = {case["source"] for part in sections for case in FIXTURES[name].get(part, ())}

    assert sources <= SOURCES
    assert "document" in sources


@EVERY
def test_taken_refused_and_unreadable_answers_are_all_shown(name: str) -> None:
    shown = FIXTURES[name]["submission"]
    outcomes = {one["outcome"] for case in shown for one in case.get("expect", ())}

    assert "submitted" in outcomes
    assert outcomes & {"rejected", "refused"}
    assert any(case.get("unreadable") for case in shown)


@EVERY
def test_every_listed_code_is_shown(name: str, make: Make) -> None:
    vendor = make(name)

    for attribute in ("codes", "results"):
        listed = set(getattr(vendor, attribute, {}))
        tables = [table for table in FIXTURES[name]["codes"] if table["table"] == attribute]
        shown = {code for table in tables for code in (*table["expect"], *table.get("skip", ()))}
        assert shown == listed


@EVERY
def test_every_state_that_an_adapter_lists_is_shown(name: str, make: Make) -> None:
    listed = set(getattr(make(name), "states", {}))

    shown = {state for table in FIXTURES[name].get("state", ()) for state in table["expect"]}

    assert listed <= shown


# --- requests -----------------------------------------------------------------------------------


@cases("request")
def test_the_request_is_the_golden_one(name: str, case: Case, make: Make, write: Write) -> None:
    vendor = make(name, **case.get("options", {}))
    messages = [write(name, key) for key in case.get("messages", ["one"])]

    call = ask(vendor, case, messages)

    assert (call.method, call.url) == (case["method"], case["url"])
    assert dict(call.query) == case.get("query", {})
    assert dict(call.form) == case.get("form", {})
    assert dict(call.headers) == case.get("headers", {})


@EVERY
def test_every_call_that_an_adapter_offers_has_a_golden_request(name: str, make: Make) -> None:
    vendor = make(name)
    offered = {"submit"} | {f"poll {kind}" for kind in vendor.polls()}
    offered |= {"balance"} if vendor.balance() else set()
    offered |= {"query"} if vendor.query("m-1") else set()

    shown = {case["call"] for case in FIXTURES[name]["request"]}

    assert shown == offered


@cases("request")
def test_no_secret_and_nobody_shows_in_a_call(
    name: str, case: Case, make: Make, write: Write
) -> None:
    vendor = make(name, **case.get("options", {}))
    messages = [write(name, key) for key in case.get("messages", ["one"])]
    secrets = [str(FIXTURES[name]["account"][key]) for key in vendor.credentials]
    personal = [part for one in messages for part in (one.number, one.text, *one.params.values())]

    call = ask(vendor, case, messages)
    seen = repr(call) + repr(vendor) + repr(messages) + call.url

    for hidden in secrets + [part for part in personal if len(part) > 3]:
        assert hidden not in seen
    assert call.read is not None
    assert "?" not in call.url


@EVERY
def test_an_answer_and_a_callback_do_not_show_what_they_hold(name: str) -> None:
    for case in FIXTURES[name]["submission"]:
        assert case["body"] == "" or case["body"] not in repr(respond(case))
    for case in FIXTURES[name].get("callback", ()):
        for value in case.get("params", {}).values():
            assert value == "" or value not in repr(handed(case, "report"))


# --- answers to a submit ------------------------------------------------------------------------


@cases("submission")
def test_an_answer_gives_its_outcome(name: str, case: Case, make: Make, write: Write) -> None:
    vendor = make(name, **case.get("options", {}))
    messages = [write(name, key) for key in case.get("messages", ["one"])]
    read = vendor.submit(messages).read
    if case.get("unreadable"):
        with pytest.raises(Unreadable):
            read(respond(case))
        return

    found = read(respond(case))

    assert len(found) == len(messages)
    for one, expected in zip(found, case["expect"], strict=True):
        assert one.outcome == expected["outcome"]
        assert one.code == expected["code"]
        assert one.vendor_message_id == expected.get("vendor_message_id", "")
        assert one.alarm == expected.get("alarm", False)
        assert one.split == expected.get("split", False)
        assert one.drained == expected.get("drained", False)
        assert one.left == remains(expected)
        assert expected.get("reason", "") in one.reason
        assert bool(one.reason) or one.outcome is Outcome.SUBMITTED


@codes("codes")
def test_a_listed_code_has_its_outcome(
    *, name: str, table: Case, code: str, expected: str, make: Make, write: Write
) -> None:
    messages = [write(name, key) for key in table.get("messages", ["one"])]
    body = table["body"].replace("<code>", code)

    found = make(name).submit(messages).read(Response(200, body))

    assert [one.outcome for one in found] == [expected] * len(messages)
    assert {one.code for one in found} == {code}
    assert {one.alarm for one in found} == {code in table.get("alarms", ())}
    assert {one.drained for one in found} == {code in table.get("drained", ())}


@EVERY
def test_an_unlisted_code_is_refused_and_seen_by_a_human(
    name: str, make: Make, write: Write
) -> None:
    for table in FIXTURES[name]["codes"]:
        body = table["body"].replace("<code>", "9876")

        (found,) = submit(make(name), write(name), Response(200, body))

        assert found.outcome is Outcome.REFUSED
        assert found.code == "9876"
        assert found.alarm


@cases("submission")
def test_no_text_of_the_vendor_gets_into_our_reason(
    name: str, case: Case, make: Make, write: Write
) -> None:
    messages = [write(name, key) for key in case.get("messages", ["one"])]
    read = make(name, **case.get("options", {})).submit(messages).read
    if case.get("unreadable"):
        with pytest.raises(Unreadable) as raised:
            read(respond(case))
        assert str(raised.value).isascii()
        return

    reasons = [one.reason for one in read(respond(case))]

    assert all(reason.isascii() for reason in reasons)


@EVERY
@pytest.mark.parametrize(
    "body",
    ["", " ", "\n", "null", "[]", "{}", '""', "0", "-1", "true", "<!DOCTYPE html><p>0,1,0,1,0,ok"],
)
def test_a_body_that_says_nothing_is_unreadable(
    name: str, body: str, make: Make, write: Write
) -> None:
    with pytest.raises(Unreadable):
        submit(make(name), write(name), Response(200, body))


@EVERY
def test_a_taken_answer_cut_off_anywhere_is_unreadable(name: str, make: Make, write: Write) -> None:
    vendor, message = make(name), write(name)
    case = FIXTURES[name]["submission"][0]
    assert case["expect"][0]["outcome"] == "submitted"
    body = case["body"]
    # A CSV answer is whole once the last comma is there; what follows is a word for humans.
    whole = len(body) if name in JSON_VENDORS else body.rindex(",") + 1

    for end in range(whole):
        with pytest.raises(Unreadable):
            submit(vendor, message, Response(200, body[:end]))


@EVERY
@pytest.mark.parametrize("odd", [None, True, 1.5, "", "much", [], {}, 10**30, "9" * 400])
def test_what_is_told_in_passing_never_spoils_the_answer(
    name: str, odd: Any, make: Make, write: Write
) -> None:
    case = FIXTURES[name]["submission"][0]
    if name not in JSON_VENDORS:
        return
    body = {key: odd if key in ("RemainPoint", "balance") else value
            for key, value in json.loads(case["body"]).items()}  # fmt: skip

    (found,) = submit(make(name), write(name), Response(200, json.dumps(body)))

    assert (found.outcome, found.left) == (Outcome.SUBMITTED, None)


_OTHERS: Sequence[Any] = (None, [], {}, True, 1.5, "", [[]], {"a": None}, -(10**30))


def _wrong(value: Any) -> Iterator[Any]:
    """Return a JSON value with each part in turn replaced by one of another type."""
    yield from _OTHERS
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {name: part for name, part in value.items() if name != key}
            yield from ({**value, key: changed} for changed in _wrong(inner))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            for changed in _wrong(inner):
                yield [*value[:index], changed, *value[index + 1 :]]


@pytest.mark.parametrize("name", JSON_VENDORS)
def test_a_wrong_type_anywhere_never_breaks_out(name: str, make: Make, write: Write) -> None:
    vendor, message = make(name), write(name)
    bodies = [case["body"] for case in FIXTURES[name]["submission"] if case["body"][:1] == "{"]

    for body in bodies:
        for wrong in _wrong(json.loads(body)):
            try:
                found = submit(vendor, message, Response(200, json.dumps(wrong)))
            except Unreadable:
                continue
            assert len(found) == 1


@EVERY
@settings(deadline=None)  # the machine may be busy
@given(body=st.text())
def test_any_text_at_all_is_never_taken(name: str, body: str, make: Make, write: Write) -> None:
    try:
        found = submit(make(name), write(name), Response(200, body))
    except Unreadable:
        return
    assert len(found) == 1
    assert found[0].outcome is not Outcome.SUBMITTED


_KEYS = st.sampled_from(
    [
        "status",
        "list",
        "mid",
        "mobile",
        "result",
        "code",
        "data",
        "Code",
        "Message",
        "ReturnStatus",
        "TaskID",
        "SuccessCounts",
        "BizId",
        "balance",
        "flag",
        "stat",
    ]
)
_LEAVES = st.none() | st.booleans() | st.integers(min_value=1) | st.floats() | st.text()
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS | st.text(), inner),
    max_leaves=12,
)


@EVERY
@settings(deadline=None)  # the machine may be busy
@given(value=_JSON, status=st.sampled_from([200, 204, 301, 400, 401, 404, 408, 429, 500, 503]))
def test_any_json_at_all_is_never_taken(
    name: str, value: Any, status: int, make: Make, write: Write
) -> None:
    try:
        found = submit(make(name), write(name), Response(status, json.dumps(value)))
    except Unreadable:
        return
    assert len(found) == 1
    assert found[0].outcome is not Outcome.SUBMITTED
    assert len(found[0].code) <= 48
    assert found[0].code.isprintable()


@EVERY
def test_json_nested_without_end_and_half_characters_are_unreadable(
    name: str, make: Make, write: Write
) -> None:
    for body in ("[" * 100_000, '{"code":' * 100_000, "\ud800", '"\\ud800"', "9" * 5000):
        with pytest.raises(Unreadable):
            submit(make(name), write(name), Response(200, body))


@EVERY
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (301, Outcome.SUSPENDED),
        (401, Outcome.SUSPENDED),
        (403, Outcome.SUSPENDED),
        (404, Outcome.SUSPENDED),
        (429, Outcome.THROTTLED),
        (503, Outcome.UNAVAILABLE),
        (408, Outcome.UNKNOWN),
        (499, Outcome.UNKNOWN),
        (500, Outcome.UNKNOWN),
        (502, Outcome.UNKNOWN),
        (504, Outcome.UNKNOWN),
        (204, Outcome.UNKNOWN),
    ],
)
def test_a_bare_status_says_what_it_proves_and_no_more(
    name: str, status: int, expected: Outcome, make: Make, write: Write
) -> None:
    try:
        (found,) = submit(make(name), write(name), Response(status, "<html>busy</html>"))
    except Unreadable:  # which the transport turns into UNKNOWN
        assert expected is Outcome.UNKNOWN
        return

    assert found.outcome is expected
    assert str(status) in found.code
    assert found.alarm is (expected is Outcome.SUSPENDED)


@EVERY
def test_a_batch_is_answered_a_message_each(name: str, make: Make, write: Write) -> None:
    vendor = make(name)
    messages = [
        write(name, id=f"m-{number}", number=f"138{number:08}") for number in range(vendor.batch)
    ]
    read = vendor.submit(messages).read

    for case in FIXTURES[name]["submission"]:
        try:
            found = read(respond(case))
        except Unreadable:
            continue
        assert len(found) == vendor.batch
        answered = [one for one in found if one.vendor_message_id]
        assert len(answered) in (0, vendor.batch)


# --- balance, query, reports, inbound, callbacks ------------------------------------------------


@cases("balance")
def test_a_balance_is_read_or_refused(name: str, case: Case, make: Make) -> None:
    call = make(name, **case.get("options", {})).balance()
    assert call is not None
    if "unreadable" in case:
        with pytest.raises(Unreadable, match=case["unreadable"]):
            call.read(respond(case))
        return

    found = call.read(respond(case))

    assert (found.amount, found.unit) == (Decimal(case["amount"]), case["unit"])
    assert found.postpaid == case.get("postpaid", False)


@cases("query")
def test_a_query_finds_or_does_not_or_cannot_tell(name: str, case: Case, make: Make) -> None:
    call = make(name).query(case["id"])
    assert call is not None
    if "unreadable" in case:
        with pytest.raises(Unreadable, match=case["unreadable"]):
            call.read(respond(case))
        return

    found = call.read(respond(case))

    assert (found.found, found.code) == (case["found"], case.get("code", ""))


@cases("report")
def test_reports_are_read(name: str, case: Case, make: Make) -> None:
    vendor = make(name, **case.get("options", {}))

    found, broken = drain(vendor.reports(handed(case, "report")))

    assert broken == case.get("unreadable", False)
    for report, expected in zip(found, case["expect"], strict=True):
        assert report.vendor_message_id == expected["vendor_message_id"]
        assert report.to == expected["to"]
        assert report.status == expected["status"]
        assert report.code == expected["code"]
        assert report.at == expected.get("at")
        assert report.barred == expected.get("barred", False)
        assert report.hint == expected.get("hint", False)


@codes("state")
def test_a_listed_state_has_its_status(
    name: str, table: Case, code: str, expected: str, make: Make
) -> None:
    params = {key: value.replace("<state>", code) for key, value in table.get("params", {}).items()}
    raw = Raw("report", table.get("body", "").replace("<state>", code), params)

    (found,) = make(name).reports(raw)

    assert (found.status, found.code) == (expected, code)
    assert found.barred == (code in table.get("barred", ()))
    assert bool(found.reason) or found.status == "delivered"


@cases("inbound")
def test_inbound_messages_are_read(name: str, case: Case, make: Make) -> None:
    vendor = make(name, **case.get("options", {}))

    found, broken = drain(vendor.inbound(handed(case, "inbound")))

    assert broken == case.get("unreadable", False)
    for message, expected in zip(found, case["expect"], strict=True):
        assert message.sender == expected["sender"]
        assert message.text == expected["text"]
        assert message.extension == expected["extension"]
        assert message.at == expected.get("at")
        assert message.vendor_message_id == expected.get("vendor_message_id", "")


@cases("callback")
def test_a_genuine_callback_verifies_and_a_changed_one_does_not(
    name: str, case: Case, make: Make
) -> None:
    vendor = make(name, **case.get("options", {}))

    for kind in ("report", "inbound"):
        assert vendor.verify(handed(case, kind)) is case["genuine"]


@EVERY
@settings(deadline=None)  # the machine may be busy
@given(body=st.text() | _JSON, params=st.dictionaries(_KEYS, st.text()))
def test_any_callback_at_all_is_read_or_unreadable(
    name: str, body: Any, params: Mapping[str, str], make: Make
) -> None:
    vendor = make(name)
    text = body if isinstance(body, str) else json.dumps(body)

    for extra in ({}, {"state": text, "mobile": text, "sendid": "1"}, {"args": text}):
        raw = Raw("report", text, {**params, **extra}, {}, text)
        drain(vendor.reports(raw))
        drain(vendor.inbound(raw))
        assert vendor.more(raw) in (True, False)
        assert vendor.verify(raw) in (True, False)


# --- settings -----------------------------------------------------------------------------------


@EVERY
def test_a_missing_credential_is_named(name: str, make: Make) -> None:
    for key in make(name).credentials:
        with pytest.raises(SettingsError, match=f"vendors.{name}.{key}: missing"):
            make(name, **{key: ""})


@EVERY
def test_an_unknown_key_is_named(name: str, make: Make) -> None:
    with pytest.raises(SettingsError, match=rf"vendors\.{name}\.apcode: unknown"):
        make(name, apcode="x")


@EVERY
def test_a_wrong_option_is_named_and_not_repeated(name: str, make: Make) -> None:
    vendor = make(name)
    wrong: dict[type, tuple[Any, ...]] = {
        bool: ("maybe", 2, ""),
        int: ("many", -1, True, "1.5", "", 10**9),
        str: (True, "a\nb", "a\x00b"),
    }

    for key, default in {**dict.fromkeys(vendor.credentials, ""), **vendor.options}.items():
        for value in wrong[type(default)]:
            with pytest.raises(SettingsError) as raised:
                make(name, **{key: value})
            assert raised.value.key == f"vendors.{name}.{key}"
            assert "a\n" not in str(raised.value)


@EVERY
def test_options_may_come_from_the_environment_as_text(name: str, make: Make) -> None:
    vendor = make(name)
    texts = {key: str(value) for key, value in vendor.options.items()}

    again = make(name, **{**texts, **FIXTURES[name]["account"]})

    for key, value in vendor.options.items():
        if isinstance(value, bool):
            assert again.flag(key) is value
        elif isinstance(value, int):
            assert again.number(key) == value


@EVERY
@pytest.mark.parametrize(
    "address", ["https://u:p@host/x", "https://host/x?key=1", "https://host/#x"]
)
def test_an_address_cannot_carry_a_secret(name: str, address: str, make: Make) -> None:
    with pytest.raises(SettingsError, match=rf"vendors\.{name}\.base_url"):
        make(name, base_url=address)


@EVERY
def test_addresses_are_https_unless_told_otherwise(name: str) -> None:
    fixture = FIXTURES[name]
    account = Account(adapter=fixture.get("adapter", name), options=fixture["account"])

    assert vendors.load(name, account).base_url.startswith("https://")


@EVERY
def test_a_text_that_is_too_long_is_refused_before_the_vendor_sees_it(
    name: str, make: Make, write: Write
) -> None:
    vendor = make(name)
    room = vendor.max_length - (0 if name == "zhenzi" else len("【信使】"))

    assert vendor.refuse(write(name, text="字" * room)) is None
    rule = vendor.refuse(write(name, text="字" * (room + 1)))

    assert rule is not None
    assert str(vendor.max_length) in rule
    assert "字" not in rule
