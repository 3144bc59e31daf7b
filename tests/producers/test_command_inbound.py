"""``xinshi inbound``, ``suppression`` and ``spool``, and what doctor says of what comes back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from worker.contract import keys
from worker.store.inbox import Letter

Xinshi = Callable[..., Any]
NUMBERS = ["13800138000", "13900139000"]
SECRET = "s" * 8


@pytest.fixture
def letters(raw: redis.Redis) -> list[str]:
    """Three replies in the inbox; return their ids."""
    found = []
    for place, text in enumerate(["TD", "好的\x1b[31m", "谢谢"]):
        letter = Letter(
            account="main",
            sender=f"+86{NUMBERS[place % 2]}",
            extension="01",
            text=text,
            at=1_763_600_000_000,
            opted_out=text == "TD",
            message_id="m1" if place else "",
        )
        entry: Any = raw.xadd(keys.INBOUND, {"letter": msgspec.json.encode(letter)})
        found.append(entry.decode())
    return found


def test_replies_are_listed_masked_and_without_their_text(
    xinshi: Xinshi, letters: list[str]
) -> None:
    ran = xinshi("inbound")

    rows = ran.out.splitlines()
    assert ran.code == 0
    assert [row.split()[0] for row in rows] == letters
    assert "opted out" in rows[0]
    assert "+86138****8000" in rows[0]
    assert all(hidden not in ran.out for hidden in (*NUMBERS, "好的", "谢谢"))


def test_texts_are_shown_on_demand_and_cannot_upset_a_terminal(
    xinshi: Xinshi, letters: list[str]
) -> None:
    ran = xinshi("inbound", "--text")

    assert "好的 [31m" in ran.out
    assert "\x1b" not in ran.out


def test_replies_as_json_go_on_behind_a_place(xinshi: Xinshi, letters: list[str]) -> None:
    first = xinshi("inbound", "--limit", "1", "--json")
    rest = xinshi("inbound", "--after", letters[0], "--json", "--text")

    assert [each["id"] for each in first.lines + rest.lines] == letters
    assert "text" not in first.lines[0]
    assert first.lines[0]["opted_out"] is True
    assert (rest.lines[1]["text"], rest.lines[1]["message_id"]) == ("谢谢", "m1")
    assert rest.lines[0]["sent_at"] == "2025-11-20T08:53:20+08:00"


def test_that_there_may_be_more_is_said(xinshi: Xinshi, letters: list[str]) -> None:
    ran = xinshi("inbound", "--limit", "2")

    assert f"--after {letters[1]}" in ran.err


def test_no_reply_is_no_error_and_a_bad_place_is(xinshi: Xinshi) -> None:
    assert xinshi("inbound").code == 0
    assert xinshi("inbound", "--after", "yesterday").code == 2


def test_numbers_are_added_listed_and_removed(xinshi: Xinshi, raw: redis.Redis) -> None:
    added = xinshi("suppression", "add", "138-0013-8000", f"+86{NUMBERS[1]}", NUMBERS[0])
    shown, revealed = xinshi("suppression", "list"), xinshi("suppression", "list", "--reveal")
    removed = xinshi("suppression", "remove", *NUMBERS, "13700137000")

    assert added.out == "2 added, 0 on the list before (all)\n"
    assert sorted(shown.out.splitlines()) == ["+86138****8000  all", "+86139****9000  all"]
    assert {f"+86{each}  all" for each in NUMBERS} == set(revealed.out.splitlines())
    assert removed.out == "2 removed, 1 not on the list (all)\n"
    assert raw.scard(f"{keys.SUPPRESSED}all") == 0


def test_a_scope_is_all_or_an_account(xinshi: Xinshi, raw: redis.Redis) -> None:
    ran = xinshi("suppression", "add", NUMBERS[0], "--scope", "main", "--json")
    other = xinshi("suppression", "add", NUMBERS[0], "--scope", "nobody")
    listed = xinshi("suppression", "list", "--json")

    assert ran.lines == [{"scope": "main", "added": 1, "before": 0}]
    assert raw.sismember(f"{keys.SUPPRESSED}main", NUMBERS[0])
    assert other.code == 2
    assert "neither all nor an account's name" in other.err
    assert listed.lines == [{"number": "+86138****8000", "scope": "main"}]


def test_a_signature_has_a_list_of_its_own(xinshi: Xinshi, raw: redis.Redis) -> None:
    added = xinshi("suppression", "add", NUMBERS[0], "--signature", "【信使】", "--json")
    xinshi("suppression", "add", NUMBERS[1])
    imported = xinshi(
        "suppression", "import", "-", "--signature", "信使", stdin=f"{NUMBERS[1]}\n".encode()
    )
    listed = xinshi("suppression", "list", "--signature", "信使")
    everything = xinshi("suppression", "list", "--json")
    removed = xinshi("suppression", "remove", NUMBERS[0], "--signature", "信使")

    assert added.lines == [{"scope": "sign:信使", "added": 1, "before": 0}]
    assert imported.out == "1 added, 0 on the list before, 0 refused (sign:信使)\n"
    assert sorted(listed.out.splitlines()) == [
        "+86138****8000  sign:信使",
        "+86139****9000  sign:信使",
    ]
    assert [each["scope"] for each in everything.lines] == ["all", "sign:信使", "sign:信使"]
    assert removed.out == "1 removed, 0 not on the list (sign:信使)\n"
    assert raw.smembers(f"{keys.SUPPRESSED}sign:信使") == {NUMBERS[1].encode()}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--signature", " "), "--signature: must not be empty"),
        (("--signature", "a】b"), "--signature: a signature is the brand alone"),
        (("--signature", "信使", "--scope", "all"), "give either --scope or --signature"),
    ],
)
def test_a_signature_is_a_brand_and_no_scope_besides(
    xinshi: Xinshi, raw: redis.Redis, options: tuple[str, ...], said: str
) -> None:
    for command in (("add", NUMBERS[0]), ("remove", NUMBERS[0]), ("list",)):
        ran = xinshi("suppression", *command, *options)

        assert ran.code == 2
        assert said in ran.err
    assert not raw.keys(f"{keys.SUPPRESSED}*")


def test_a_bad_number_adds_none(xinshi: Xinshi, raw: redis.Redis) -> None:
    ran = xinshi("suppression", "add", NUMBERS[0], "123")

    assert ran.code == 2
    assert not raw.exists(f"{keys.SUPPRESSED}all")


def test_a_file_is_imported_and_its_bad_lines_are_named(
    xinshi: Xinshi, raw: redis.Redis, tmp_path: Path
) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text(
        f'\ufeffnumber,why\n# ours\n\n{NUMBERS[0]},TD\n12345,{SECRET}\n"{NUMBERS[1]}"\n',
        encoding="utf-8",
    )

    ran = xinshi("suppression", "import", str(path))
    again = xinshi("suppression", "import", "-", stdin=f"{NUMBERS[0]}\r\n".encode())

    assert (ran.code, again.code) == (1, 0)
    assert ran.out == "2 added, 0 on the list before, 1 refused (all)\n"
    assert "line 5" in ran.err
    assert SECRET not in ran.err
    assert again.out == "0 added, 1 on the list before, 0 refused (all)\n"
    assert raw.smembers(f"{keys.SUPPRESSED}all") == {each.encode() for each in NUMBERS}


def aside(raw: redis.Redis) -> None:
    page = ["tencent", "report", "正文", {}, {}, "", 1_763_600_000_000]
    raw.xadd(keys.UNREADABLE, {"page": msgspec.msgpack.encode(page), "why": "no parser"})


def test_unreadable_pages_are_listed_without_what_they_say_and_put_back(
    xinshi: Xinshi, raw: redis.Redis
) -> None:
    for _ in range(120):
        aside(raw)

    listed, shown = xinshi("spool", "list"), xinshi("spool", "list", "--json")
    ran, again = xinshi("spool", "replay"), xinshi("spool", "replay", "--json")

    assert "正文" not in listed.out
    assert "2025-11-20 08:53:20  tencent  report  no parser" in listed.out
    assert shown.lines[0]["why"] == "no parser"
    assert ran.out == "120 pages are put back, to be parsed again\n"
    assert again.lines == [{"replayed": 0}]
    assert (raw.xlen(keys.SPOOL), raw.xlen(keys.UNREADABLE)) == (120, 0)


def checks(ran: Any) -> dict[str, dict[str, str]]:
    return {each["check"]: each for each in ran.lines[0]["checks"]}


def test_doctor_names_unreadable_and_forgotten_pages(xinshi: Xinshi, raw: redis.Redis) -> None:
    aside(raw)
    raw.xadd(keys.SPOOL, {"page": b""}, id="1763600000000-0")

    ran = xinshi("doctor", "--json")

    found = checks(ran)
    assert ran.code == 1
    assert found["unreadable pages"]["verdict"] == "error"
    assert "xinshi spool replay" in found["unreadable pages"]["advice"]
    assert found["spool"]["verdict"] == "warning"
    assert found["spool"]["found"].startswith("1 pages, the oldest for")


def test_doctor_says_when_each_account_was_polled(
    bare: Xinshi, config: Path, raw: redis.Redis
) -> None:
    tencent = '[vendors.polled]\nadapter = "tencent"\nbase_url = "http://127.0.0.1:1/release"\n'
    tencent += "".join(f'{key} = "s"\n' for key in ("secret_id", "secret_key", "account"))
    text = config.read_text(encoding="utf-8") + tencent + 'password = "s"\nextno = "1"\n'
    config.write_text(text, encoding="utf-8")
    seconds: Any = raw.time()
    raw.set(f"{keys.POLLED}polled:report", seconds[0] * 1000)
    never = checks(bare("--config", str(config), "doctor", "--json"))
    raw.set(f"{keys.POLLED}polled:inbound", (seconds[0] - 600) * 1000)

    late = checks(bare("--config", str(config), "doctor", "--json"))

    assert never["poll polled report"]["verdict"] == "ok"
    assert never["poll polled inbound"]["found"] == "never polled with success"
    assert never["poll polled inbound"]["verdict"] == "warning"
    assert late["poll polled inbound"]["verdict"] == "warning"
    assert late["poll polled inbound"]["found"] == "last 10 min ago"
