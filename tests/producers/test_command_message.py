"""``xinshi status``, ``cancel`` and ``vendors``."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from producers.conditions import slowed
from worker.contract import keys
from worker.contract.status import Status
from worker.store import care
from worker.store.care import AccountState

Xinshi = Callable[..., Any]
Finish = Callable[[Status], None]
NUMBER = "13800138000"


@pytest.fixture
def message_id(xinshi: Xinshi) -> str:
    ran = xinshi("send", NUMBER, "--text", "您的包裹已到", "--tag", "parcel", "--json")
    return str(ran.lines[0]["id"])


def test_status_shows_what_is_known(xinshi: Xinshi, message_id: str) -> None:
    ran = xinshi("status", message_id)

    shown = dict(line.split(maxsplit=1) for line in ran.out.splitlines())
    assert ran.code == 0
    assert shown["id"] == message_id
    assert shown["status"] == "accepted"
    assert shown["to"] == "+86138****8000"
    assert shown["tag"] == "parcel"
    assert "account" not in shown  # empty
    assert "包裹" not in ran.out


def test_status_as_json_has_every_key(xinshi: Xinshi, message_id: str) -> None:
    ran = xinshi("status", message_id, "--json")

    (found,) = ran.lines
    assert ran.code == 0
    assert found["id"] == message_id
    assert found["to"] == "+86138****8000"
    assert {"status", "reason", "stream", "account", "vendor_message_id", "segments"} <= {*found}
    assert {"attempts", "created_at", "updated_at", "expires_at", "send_at"} <= {*found}
    assert NUMBER not in ran.out


@pytest.mark.parametrize("command", ["status", "cancel"])
@pytest.mark.parametrize("wanted", ["nobody", "", "信使", "\udcff", "a b"])
def test_an_unknown_id_is_one_line(xinshi: Xinshi, command: str, wanted: str) -> None:
    ran = xinshi(command, wanted)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("xinshi: no message has the id ")
    assert len(ran.err.splitlines()) == 1


def test_cancel_takes_a_message_back(xinshi: Xinshi, message_id: str) -> None:
    ran = xinshi("cancel", message_id)

    assert (ran.code, ran.out, ran.err) == (0, f"{message_id}  cancelled\n", "")
    assert xinshi("status", message_id, "--json").lines[0]["status"] == "cancelled"


def test_cancel_says_where_a_message_stands(
    xinshi: Xinshi, finish: Finish, message_id: str
) -> None:
    finish(Status.SUBMITTED)

    ran = xinshi("cancel", message_id)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"xinshi: {message_id} cannot be cancelled any more: it is submitted\n"


def test_cancel_as_json(xinshi: Xinshi, message_id: str) -> None:
    first = xinshi("cancel", message_id, "--json")
    again = xinshi("cancel", message_id, "--json")

    assert (first.code, again.code) == (0, 1)
    assert first.lines == [{"id": message_id, "cancelled": True, "status": "cancelled"}]
    assert again.lines == [{"id": message_id, "cancelled": False, "status": "cancelled"}]


def test_vendors_shows_limits_routes_and_abilities(xinshi: Xinshi) -> None:
    ran = xinshi("vendors", "--json")

    (found,) = ran.lines
    main, forms = found
    assert ran.code == 0
    assert (main["name"], main["adapter"]) == ("main", "chuangxin")
    assert main["routes"] == {"notice": 1, "marketing": 1}
    assert forms["routes"] == {"otp": 1, "notice": 2}
    assert forms["limits"]["per_number"] == ["1/60s", "15/day"]  # the adapter's
    assert (forms["templates_only"], forms["reports"], forms["batch"]) == (True, False, 1)
    assert forms["base_url"].startswith("https://")
    assert main["timeouts"] == {"connect": 3.0, "total": 10.0}


def test_vendors_prefers_what_the_account_says(bare: Xinshi, tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(
        '[vendors.one]\nadapter = "largesms"\nappcode = "secret"\n'
        "[vendors.one.limits]\nper_number = []\nper_second = 100\nconcurrency = 50\n"
        "[vendors.one.timeouts]\nconnect = 1\n"
        '[vendors.two]\nadapter = "largesms"\nappcode = "secret"\n'
        '[vendors.two.limits]\nper_number = ["5/1h"]\n',
        "utf-8",
    )

    ran = bare("--config", str(path), "vendors", "--json")

    one, two = ran.lines[0]
    assert one["limits"] == {"per_number": [], "per_second": 100.0, "concurrency": 50}
    assert one["timeouts"] == {"connect": 1.0, "total": 10.0}
    assert two["limits"]["per_number"] == ["5/3600s"]
    assert one["routes"] == {"otp": 1, "notice": 1, "marketing": 1}  # no route: every account


def test_vendors_as_a_table_has_a_line_an_account_and_no_secret(xinshi: Xinshi) -> None:
    ran = xinshi("vendors")

    assert ran.code == 0
    assert sum("marketing 1" in line for line in ran.out.splitlines()) == 1
    assert "notice 1, marketing 1" in ran.out
    assert "1/60s a number, 15/day a number" in ran.out
    assert "secret" not in ran.out


def test_vendors_says_how_the_accounts_do(xinshi: Xinshi, work: Any, raw: redis.Redis) -> None:
    xinshi("send", NUMBER, "--text", "您好")
    work.claim()
    work.run(care.trip("forms", 60, 900, "the package is used up"))
    raw.hset(f"{keys.STATE}main", mapping={"drift:21": 3, "drift:102": 1})

    (found,) = xinshi("vendors", "--json").lines
    table = xinshi("vendors").out

    main, forms = found
    assert (main["state"], main["until"], main["reason"]) == ("ok", None, "")
    assert (main["open"], main["mirror_drift"]) == (1, {"21": 3, "102": 1})
    assert (forms["state"], forms["reason"]) == ("left_alone", "the package is used up")
    assert datetime.fromisoformat(forms["until"]) > datetime.now(UTC)
    assert "ok, 1 open, code 21 drifted 3 times, code 102 drifted 1 times" in table
    assert re.search(r"left alone until (\S+ )?\d\d:\d\d:\d\d: the package is used up", table)


def test_vendors_says_who_is_probed_and_who_is_slowed(
    xinshi: Xinshi, work: Any, raw: redis.Redis
) -> None:
    now = int(time.time() * 1000)
    raw.hset(f"{keys.STATE}main", mapping={"limit": 20, "limited": now})
    work.run(care.trip("forms", 0.001, 0.001, "failing"))
    time.sleep(0.005)

    main, forms = xinshi("vendors", "--json").lines[0]

    assert main["state"] == "slowed"
    assert 20 <= main["most_open"] < 30
    assert (forms["state"], forms["most_open"], forms["until"]) == ("probing", 1, None)
    assert "probing, one message at a time: failing" in xinshi("vendors").out


def test_vendors_says_whose_calls_are_smaller_than_the_vendor_allows(
    xinshi: Xinshi, work: Any, raw: redis.Redis
) -> None:
    work.run(care.bound("main", 50, 3600))
    raw.hset(f"{keys.STATE}forms", mapping={"bound": 7, "bounded": 1000})  # long over

    main, forms = xinshi("vendors", "--json").lines[0]

    assert (main["state"], main["most_batch"]) == ("ok", 50)
    assert datetime.fromisoformat(main["batch_until"]) > datetime.now(UTC)
    assert (forms["most_batch"], forms["batch_until"]) == (None, None)
    table = xinshi("vendors").out
    assert re.search(r"50 a call until \d\d:\d\d:\d\d: one with more was refused", table)
    assert "7 a call until" not in table


@pytest.mark.parametrize(
    ("seconds", "concurrency", "most"),
    [
        (0, None, 20),
        (10, None, 30),
        (19, None, 39),
        (21, None, None),
        (11, 30, None),
        (5, 10, None),
    ],
)
def test_a_slowed_account_grows_back(
    seconds: int, concurrency: int | None, most: int | None
) -> None:
    state = AccountState("main", 0, limit=20, limited=1000)

    assert slowed(state, 1000 + seconds * 1000, concurrency) == most


def test_vendors_lists_them_without_redis_too(bare: Xinshi, config: Path) -> None:
    options = ("--config", str(config), "--redis-url", "redis://127.0.0.1:1/0")
    table, data = bare(*options, "vendors"), bare(*options, "vendors", "--json")

    assert (table.code, data.code) == (0, 0)
    assert len(table.out.splitlines()) >= 4
    assert {each["state"] for each in data.lines[0]} == {"unknown"}
    assert {each["open"] for each in data.lines[0]} == {None}
    assert data.err == (
        "xinshi: how the accounts do is unknown: "
        "Redis cannot be reached; is it running at redis_url?\n"
    )


def test_vendors_without_any_says_so(bare: Xinshi) -> None:
    assert bare("vendors", "--json").lines == [[]]
    ran = bare("vendors")
    assert (ran.code, ran.out) == (0, "")
    assert "no accounts in the settings" in ran.err
