"""``xinshi dead list`` and ``dead replay``."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from worker.contract import keys, record

Xinshi = Callable[..., Any]
Letter = Callable[..., str]


@pytest.fixture
def letter(xinshi: Xinshi, work: Any) -> Letter:
    """Make a dead letter; returns its id."""
    made = 0

    def make(code: str = "106", reason: str = "no such number", *options: str) -> str:
        nonlocal made
        made += 1
        ran = xinshi("send", f"139{made:08d}", "--text", "您好", "--json", *options)
        (message_id,) = work.claim()
        work.settle(message_id, "rejected", code=code, reason=reason)
        return str(ran.lines[0]["id"])

    return make


@pytest.fixture
def age(raw: redis.Redis) -> Callable[[str, float], None]:
    """Make a dead letter older; in seconds."""

    def change(message_id: str, seconds: float) -> None:
        raw.zincrby(keys.DEAD, -seconds * 1000, message_id)

    return change


def ids(ran: Any) -> list[str]:
    return [each["id"] for each in ran.lines]


def test_the_newest_stands_first_and_says_why(xinshi: Xinshi, letter: Letter, age: Any) -> None:
    old, new = letter(), letter("", "validity is over")
    age(old, 10)

    ran = xinshi("dead", "list")

    first, second = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    assert new in first
    assert first.endswith("rejected  notice  +86139****0002  main  validity is over")
    assert old in second
    assert second.endswith("106 no such number")
    assert "您好" not in ran.out


def test_as_json_a_letter_has_its_account_code_and_reason(xinshi: Xinshi, letter: Letter) -> None:
    message_id = letter()

    ran = xinshi("dead", "list", "--json")

    (found,) = ran.lines
    assert (found["id"], found["status"], found["to"]) == (
        message_id,
        "rejected",
        "+86139****0001",
    )
    assert (found["account"], found["code"], found["reason"]) == ("main", "106", "no such number")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), [2, 1, 0]),
        (("--reason", "NUMBER"), [0]),
        (("--reason", "number", "--account", "forms"), []),
        (("--reason", "5"), [2]),  # a code, all of it
        (("--reason", "10"), []),
        (("--account", "main"), [2, 1, 0]),
        (("--account", "nobody"), []),
        (("--since", "1h"), [2]),
        (("--since", "1d", "--reason", "over"), [1]),
        (("--since", "2025-01-01"), [2, 1, 0]),
        (("--since", "2025-01-01T00:00+08:00"), [2, 1, 0]),
        (("--limit", "2"), [2, 1]),
    ],
)
def test_filters_say_which_are_meant(
    xinshi: Xinshi, letter: Letter, age: Any, options: tuple[str, ...], expected: list[int]
) -> None:
    made = [letter(), letter("", "validity is over"), letter("5", "another")]
    age(made[0], 7300)
    age(made[1], 7200)

    ran = xinshi("dead", "list", "--json", *options)

    assert ran.code == 0
    assert ids(ran) == [made[place] for place in expected]
    assert ran.err == ("there are more than 2: see --limit\n" if "--limit" in options else "")


def test_more_than_a_page_is_listed(xinshi: Xinshi, letter: Letter, raw: redis.Redis) -> None:
    packed = raw.get(keys.message(letter()))
    assert isinstance(packed, bytes)
    now = int(time.time() * 1000)
    with raw.pipeline() as pipe:
        for place in range(1203):
            pipe.set(keys.message(f"copy{place:04d}"), packed)
            pipe.zadd(keys.DEAD, {f"copy{place:04d}": now - 1000 - place})
        pipe.execute()

    ran = xinshi("dead", "list", "--json", "--limit", "5000")

    assert len(set(ids(ran))) == len(ids(ran)) == 1204
    assert ids(ran)[1:] == [f"copy{place:04d}" for place in range(1203)]


def test_without_any_nothing_is_printed(xinshi: Xinshi) -> None:
    ran = xinshi("dead", "list")

    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_a_replay_prints_the_old_id_and_the_new_one(xinshi: Xinshi, letter: Letter) -> None:
    message_id = letter()

    ran = xinshi("dead", "replay", message_id)

    old, new, stream, number = ran.out.split()
    assert (ran.code, ran.err) == (0, "1 replayed\n")
    assert (old, stream, number) == (message_id, "notice", "+86139****0001")
    assert xinshi("status", new, "--json").lines[0]["status"] == "accepted"
    assert ids(xinshi("dead", "list", "--json")) == []


def test_asked_twice_it_is_sent_once(xinshi: Xinshi, letter: Letter, work: Any) -> None:
    message_id = letter()

    first = xinshi("dead", "replay", message_id, "--json")
    again = xinshi("dead", "replay", message_id, message_id, "--json")

    new = first.lines[0]["replayed_as"]
    assert (first.code, again.code) == (0, 0)
    assert (first.lines[0]["before"], first.err) == (False, "1 replayed\n")
    assert [(each["replayed_as"], each["before"]) for each in again.lines] == [(new, True)]
    assert again.err == "0 replayed, 1 had been before\n"
    assert work.claim() == [new]


def test_filters_replay_what_matches_and_leave_the_rest(
    xinshi: Xinshi, letter: Letter, work: Any
) -> None:
    wanted = [letter("", "validity is over") for _ in range(3)]
    other = letter()

    ran = xinshi("dead", "replay", "--reason", "validity", "--json")
    again = xinshi("dead", "replay", "--reason", "validity")

    assert ran.code == 0
    assert {*ids(ran)} == {*wanted}
    assert {*work.claim()} == {each["replayed_as"] for each in ran.lines}
    assert ids(xinshi("dead", "list", "--json")) == [other]
    assert (again.code, again.out, again.err) == (0, "", "0 replayed\n")


@pytest.mark.parametrize("by_id", [True, False])
def test_a_dry_run_changes_nothing(
    xinshi: Xinshi, letter: Letter, raw: redis.Redis, by_id: bool
) -> None:
    message_id = letter()
    before = {key: raw.dump(key) for key in raw.scan_iter()}

    ran = xinshi("dead", "replay", *([message_id] if by_id else ["--since", "1h"]), "--dry-run")

    assert ran.code == 0
    assert ran.out == f"{message_id}  not yet  notice  +86139****0001\n"
    assert ran.err == "1 would be replayed\n"
    assert {key: raw.dump(key) for key in raw.scan_iter()} == before


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--dry-run",),
        ("--reason", ""),
        ("an-id", "--reason", "x"),
        ("--since", "yesterday"),
        ("--since", "0"),
        ("--limit", "5"),
    ],
)
def test_all_are_never_replayed_by_accident(
    xinshi: Xinshi, letter: Letter, args: tuple[str, ...]
) -> None:
    message_id = letter()

    ran = xinshi("dead", "replay", *args)

    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert ids(xinshi("dead", "list", "--json")) == [message_id]


def test_what_is_no_dead_letter_is_refused_and_the_others_go(
    xinshi: Xinshi, letter: Letter, raw: redis.Redis, work: Any
) -> None:
    empty, good = letter(), letter()
    fresh = xinshi("send", "13800138000", "--text", "您好", "--json").lines[0]["id"]
    packed = raw.get(keys.message(empty))
    assert isinstance(packed, bytes)
    found = record.decode(packed)
    found.content = ""
    raw.set(keys.message(empty), msgspec.msgpack.encode(found))

    ran = xinshi("dead", "replay", "nobody", "信使", fresh, empty, good)

    assert ran.code == 1
    assert [line.split()[0] for line in ran.out.splitlines()] == [good]
    assert ran.err.splitlines() == [
        "xinshi: no message has the id 'nobody'",
        "xinshi: no message has the id '信使'",
        f"xinshi: {fresh} is no dead letter: it is accepted",
        f"xinshi: the text of {empty} was removed",
        "1 replayed, 4 cannot be",
    ]


def test_a_replayed_message_is_valid_for_as_long_as_its_stream_says(
    xinshi: Xinshi, letter: Letter, find: Any
) -> None:
    message_id = letter("106", "no such number", "--validity", "5m")

    new = find(xinshi("dead", "replay", message_id, "--json").lines[0]["replayed_as"])

    assert new.expires - new.created == 86_400_000


@pytest.mark.parametrize("args", [(), ("list", "--nonsense"), ("nonsense",)])
def test_bad_usage_is_told(xinshi: Xinshi, args: tuple[str, ...]) -> None:
    assert xinshi("dead", *args).code == 2


def test_redis_away_is_one_line(bare: Xinshi) -> None:
    for args in (("list",), ("replay", "an-id")):
        ran = bare("--redis-url", "redis://127.0.0.1:1/0", "dead", *args)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == "xinshi: Redis cannot be reached; is it running at redis_url?\n"


def test_a_closed_output_ends_it_politely(config: Path, letter: Letter) -> None:
    letter()
    command = [sys.executable, "-m", "producers", "--config", str(config), "dead", "list"]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(timeout=20)

    assert b"Traceback" not in err


def test_help_shows_examples_and_codes(bare: Xinshi) -> None:
    for args in (("dead",), ("dead", "list"), ("dead", "replay"), ("explain",), ("balances",)):
        ran = bare(*args, "--help")
        assert ran.code == 0
        assert "Examples:" in ran.out
        assert "Exit codes:" in ran.out
