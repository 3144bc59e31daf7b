"""``xinshi send --csv``: many rows, some of them wrong."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from producers.commands.rows import FIELDS
from worker.contract import record
from worker.contract.message import Message
from worker.store.embedded import Server

Xinshi = Callable[..., Any]
Find = Callable[[str], record.Record]
NUMBER = "13800138000"
COMMAND = (sys.executable, "-m", "producers")
ROWS = f"to,code\n{NUMBER},1111\n13900139000,2222\n"
OTP = ("--template", "otp", "--param", "minutes=5")


def test_columns_are_recipients_fields_and_parameters(xinshi: Xinshi, find: Find) -> None:
    table = (
        "phone,template,code,minutes,stream,tag,validity,idempotency_key\n"
        "138 0013 8000,otp,1111,5,otp,a,5m,k1\n"
        "139-0013-9000,otp,2222,9,otp,b,300,k2\n"
    )

    ran = xinshi("send", "--csv", "-", "--json", stdin=table.encode())

    first, second = (find(each["id"]) for each in ran.lines)
    assert (ran.code, ran.err) == (0, "2 stored, 0 refused\n")
    assert [each["line"] for each in ran.lines] == [2, 3]
    assert (first.to, second.to) == ("+8613800138000", "+8613900139000")
    assert (first.tag, second.tag, first.stream) == ("a", "b", "otp")
    assert record.content(second).params == {"code": "2222", "minutes": "9"}
    assert second.expires - second.created == 300_000


def test_options_fill_what_a_row_lacks(xinshi: Xinshi, find: Find) -> None:
    table = f"to,text,code,minutes,tag\n{NUMBER},,1111,,\n{NUMBER},,2222,9,own\n{NUMBER},您好,,,\n"

    ran = xinshi("send", "--csv", "-", *OTP, "--tag", "all", "--json", stdin=table.encode())

    stored = [find(each["id"]) for each in ran.lines]
    contents = [record.content(each) for each in stored]
    assert [each.params.get("minutes") for each in contents] == ["5", "9", None]
    assert [each.tag for each in stored] == ["all", "own", "all"]
    assert contents[2].text == "您好"


@pytest.mark.parametrize("name", ["to", "number", "phone", "mobile", " To ", "PHONE"])
def test_the_recipient_has_several_names(xinshi: Xinshi, name: str) -> None:
    ran = xinshi("send", "--csv", "-", stdin=f"{name},text\n{NUMBER},您好\n".encode())

    assert (ran.code, ran.out) == (0, "1 stored, 0 refused\n")


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_byte_order_mark_and_line_ends_do_not_matter(
    xinshi: Xinshi, tmp_path: Path, mark: bytes, ends: str
) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(mark + ROWS.replace("\n", ends).rstrip().encode())

    ran = xinshi("send", "--csv", str(path), *OTP)

    assert (ran.code, ran.out, ran.err) == (0, "2 stored, 0 refused\n", "")


def test_a_quoted_text_may_go_over_lines(xinshi: Xinshi, find: Find) -> None:
    table = f'to,text\n{NUMBER},"一,\n二"\n12345,三\n'

    ran = xinshi("send", "--csv", "-", "--json", stdin=table.encode())

    good, bad = ran.lines
    assert record.content(find(good["id"])).text == "一,\n二"
    assert (good["line"], bad["line"]) == (2, 4)


def test_refused_rows_are_listed_and_the_others_stored(xinshi: Xinshi, raw: redis.Redis) -> None:
    table = (
        f"to,code,\n{NUMBER},1111,\n\n1390013,2222,\n13700137000,,\n{NUMBER},3,x\n{NUMBER},3,,9\n"
    )

    ran = xinshi("send", "--csv", "-", *OTP, stdin=table.encode())

    assert ran.code == 1
    assert ran.out == "1 stored, 4 refused\n"
    lines = ran.err.splitlines()
    assert lines[0].startswith("xinshi: line 4 (****): to: not a mainland China mobile number")
    assert lines[1] == "xinshi: line 5 (+86137****7000): params.code: missing for template otp"
    assert lines[2] == "xinshi: line 6 (****): column 3: has no name in the header"
    assert lines[3] == "xinshi: line 7 (****): row: has more cells than the header's 3"
    assert "1390013" not in ran.err
    assert raw.llen("xinshi:ready:notice") == 1


def test_each_row_has_a_key_of_its_own(xinshi: Xinshi, raw: redis.Redis) -> None:
    args = ("send", "--csv", "-", *OTP, "--idempotency-key", "k", "--json")

    first, again = (xinshi(*args, stdin=ROWS.encode()) for _ in range(2))

    assert first.lines == again.lines
    assert raw.llen("xinshi:ready:notice") == 2


def test_a_big_file_goes_in_chunks(xinshi: Xinshi, raw: redis.Redis, tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    rows = "".join(f"1380013{place:04},第{place}条\n" for place in range(2600))
    path.write_text(f"to,text\n{rows}", "utf-8")

    ran = xinshi("send", "--csv", str(path))

    assert ran.out == "2600 stored, 0 refused\n"
    assert raw.llen("xinshi:ready:notice") == 2600


@pytest.mark.parametrize(
    ("table", "word"),
    [
        (b"", "no usable header"),
        (b"13800138000,hello\n", "no usable header"),
        (b"name,text\nx,y\n", "no usable header"),
        (b"to,phone\n1,2\n", "twice"),
        (b"to,code,code\n1,2,3\n", "twice"),
        ("to,text\n13800138000,您好\n".encode("gb18030"), "line 2 is not UTF-8"),
        (b'to,text\n13800138000,"open\n', "line 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_bad_input(
    xinshi: Xinshi, raw: redis.Redis, table: bytes, word: str
) -> None:
    ran = xinshi("send", "--csv", "-", stdin=table)

    assert ran.code == 2
    assert word in ran.err.splitlines()[-1]
    assert raw.dbsize() == 0


@pytest.mark.parametrize("path", ["nowhere.csv", "."])
def test_a_path_that_cannot_be_opened_is_bad_input(xinshi: Xinshi, path: str) -> None:
    ran = xinshi("send", "--csv", path)

    assert ran.code == 2
    assert ran.err.startswith(f"xinshi: cannot read {path}: ")
    assert len(ran.err.splitlines()) == 1


def test_a_file_that_breaks_off_later_says_what_is_stored(xinshi: Xinshi) -> None:
    rows = "".join(f"1380013{place:04},好\n" for place in range(700)).encode()

    ran = xinshi("send", "--csv", "-", stdin=b"to,text\n" + rows + b"\xff\xff,x\n")

    assert ran.code == 1
    assert ran.out == "500 stored, 0 refused\n"
    assert "line 702 is not UTF-8" in ran.err


def test_an_empty_list_is_no_error(xinshi: Xinshi) -> None:
    ran = xinshi("send", "--csv", "-", stdin=b"to,text\n")

    assert (ran.code, ran.out) == (0, "0 stored, 0 refused\n")


def test_waiting_counts_the_ends(xinshi: Xinshi) -> None:
    ran = xinshi("send", "--csv", "-", *OTP, "--wait", "0", stdin=ROWS.encode())

    assert (ran.code, ran.out) == (1, "2 stored, 0 refused: 2 accepted\n")


def test_waiting_with_json_prints_each_in_the_end(xinshi: Xinshi) -> None:
    ran = xinshi("send", "--csv", "-", *OTP, "--wait", "0", "--json", stdin=ROWS.encode())

    assert [each["status"] for each in ran.lines] == ["accepted", "accepted"]
    assert ran.err == "2 stored, 0 refused: 2 accepted\n"


def test_an_outage_in_the_middle_says_where_to_go_on() -> None:
    rows = "".join(f"1380013{place:04},好\n" for place in range(1000)).encode()
    with (
        Server() as server,
        subprocess.Popen(
            [*COMMAND, "--redis-url", server.url, "send", "--csv", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
        redis.Redis.from_url(server.url) as raw,
    ):
        assert process.stdin
        process.stdin.write(b"to,text\n" + rows)
        process.stdin.flush()
        while raw.llen("xinshi:ready:notice") < 1000:
            time.sleep(0.02)
        server.stop()
        out, err = process.communicate(b"13800138000,x\n", timeout=20)

    assert process.returncode == 1
    assert out == b"1000 stored, 0 refused; nothing is known from line 1002 on\n"
    assert b"Redis cannot be reached" in err


def test_every_field_of_a_message_is_a_column() -> None:
    assert {*FIELDS, "params"} == {*Message.__dataclass_fields__}
