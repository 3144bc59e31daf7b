"""``xinshi balances``, asked at the sandbox."""

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from worker.contract import keys
from worker.sandbox import Sandbox, example_config, serve
from worker.store import balances
from worker.store.client import Store

from ..store.conftest import Lab  # noqa: TID252 - the suite is no installed package

Xinshi = Callable[..., Any]
SECRETS = ("sandbox-secret", "sandbox-password", "sandbox-pwd", "sandbox-key", "sandbox-appcode")


@pytest.fixture
def sandbox() -> Iterator[str]:
    """The address of the five vendors, in a thread of their own."""
    ready = threading.Event()
    found: list[Any] = []

    async def run() -> None:
        def take(address: str) -> None:
            found[:] = [address, asyncio.get_running_loop(), asyncio.current_task()]
            ready.set()

        await serve("127.0.0.1", 0, Sandbox({}), ready=take)

    def begin() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(run())

    thread = threading.Thread(target=begin)
    thread.start()
    assert ready.wait(15)
    address, loop, task = found
    yield str(address)
    loop.call_soon_threadsafe(task.cancel)
    thread.join(15)


@pytest.fixture
def asked(bare: Xinshi, sandbox: str, tmp_path: Path, redis_url: str) -> Xinshi:
    """Ask for balances with the sandbox's own settings; ``change`` edits them."""

    def ask(*args: str, change: Callable[[str], str] = str) -> Any:
        path = tmp_path / "sandbox.toml"
        path.write_text(change(example_config(sandbox, redis_url)), "utf-8")
        return bare("--config", str(path), "balances", *args)

    return ask


@pytest.fixture
def control(sandbox: str) -> Callable[[str, Any], None]:
    def put(what: str, value: Any) -> None:
        request = urllib.request.Request(
            f"{sandbox}/_sandbox/{what}",
            json.dumps(value).encode(),
            {"Content-Type": "application/json"},
            method="PUT",
        )
        urllib.request.urlopen(request, timeout=10).close()

    return put


def test_every_account_says_what_it_has_or_that_it_cannot(asked: Xinshi) -> None:
    ran = asked()

    shown = {line.split()[0]: line.split(maxsplit=1)[1] for line in ran.out.splitlines()}
    assert (ran.code, ran.err) == (0, "")
    assert {*shown} == {"tencent", "largesms", "chuangxin", "chuangrui", "zhenzi"}
    assert shown["tencent"].split()[1].rstrip(",") == "yuan"
    assert shown["zhenzi"].split()[1] == "messages"
    assert shown["largesms"] == "largesms has no call for it"
    assert not any(secret in ran.out for secret in SECRETS)


def test_as_json_an_amount_is_a_text_with_every_digit(asked: Xinshi, control: Any) -> None:
    control("settings", {"balances": {"tencent": 1234567}})

    ran = asked("--json")

    found = {each["name"]: each for each in ran.lines}
    assert ran.code == 0
    assert (found["tencent"]["amount"], found["tencent"]["unit"]) == ("1234.567", "yuan")
    assert found["tencent"]["error"] is None
    assert (found["chuangxin"]["asked"], found["chuangxin"]["amount"]) == (False, None)


def test_one_that_fails_is_a_line_and_the_others_are_shown(asked: Xinshi) -> None:
    def wrong(config: str) -> str:
        assert "sandbox-password" in config
        return config.replace("sandbox-password", "wrong-password")

    ran = asked(change=wrong)

    assert ran.code == 1
    assert "zhenzi" in ran.out
    assert "tencent" not in ran.out
    (line,) = ran.err.splitlines()
    assert line.startswith("xinshi: tencent: HTTP 200, unreadable: refused: status")
    assert "wrong-password" not in ran.err


def test_all_are_asked_at_once_and_no_longer_than_they_may(
    bare: Xinshi, hung: str, tmp_path: Path, redis_url: str
) -> None:
    port = urlsplit(hung).port
    account = (
        f'adapter = "zhenzi"\nbase_url = "http://127.0.0.1:{port}"\napp_id = "a"\n'
        'app_secret = "hidden"\n'
    )
    path = tmp_path / "silent.toml"
    path.write_text(
        f'redis_url = "{redis_url}"\n'
        + "".join(
            f"[vendors.v{each}]\n{account}[vendors.v{each}.timeouts]\ntotal = 2\nconnect = 2\n"
            for each in range(12)
        ),
        "utf-8",
    )
    begun = time.monotonic()

    ran = bare("--config", str(path), "balances", "--json")

    assert ran.code == 1
    assert [each["error"] for each in ran.lines] == ["no answer in time"] * 12
    assert time.monotonic() - begun < 20, "one after the other"
    assert "hidden" not in ran.out + ran.err


def test_a_vendor_that_is_not_there_is_told_without_its_address(
    bare: Xinshi, tmp_path: Path, redis_url: str
) -> None:
    path = tmp_path / "gone.toml"
    path.write_text(
        f'redis_url = "{redis_url}"\n'
        '[vendors.z]\nadapter = "zhenzi"\nbase_url = "http://127.0.0.1:1"\napp_id = "a"\n'
        'app_secret = "hidden"\n',
        "utf-8",
    )

    ran = bare("--config", str(path), "balances")

    assert (ran.code, ran.out, ran.err) == (1, "", "xinshi: z: no connection\n")


def test_without_accounts_it_says_so(bare: Xinshi) -> None:
    ran = bare("balances")

    assert (ran.code, ran.out) == (0, "")
    assert "no accounts in the settings" in ran.err


def test_without_the_workers_packages_it_says_what_to_install(sandbox: str, tmp_path: Path) -> None:
    path = tmp_path / "sandbox.toml"
    path.write_text(example_config(sandbox, "redis://127.0.0.1:1/0"), "utf-8")
    code = (
        "import sys; sys.modules['aiohttp'] = None; from producers.cli import run; "
        f"sys.exit(run(['--config', {str(path)!r}, 'balances']))"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == (
        "xinshi: asking for balances needs aiohttp: pip install 'xinshi[worker]'\n"
    )


# --- what is stored -----------------------------------------------------------------------------


@pytest.fixture
def lab(redis_url: str, raw: "redis.Redis") -> Iterator[Lab]:
    store = Store(redis_url, timeout=10.0)
    yield Lab(store, raw)
    store.close()


def fell(lab: Lab, name: str = "zhenzi", unit: str = "messages", **more: Any) -> None:
    """A balance that fell by a hundred an hour and was 500 six minutes ago."""
    lab.run(balances.keep(name, Decimal(500), unit, **more))
    now = lab.now() - 345_000  # which is six minutes, however slow the test is
    lab.raw.hset(keys.BALANCE + name, "at", now)
    lab.raw.delete(keys.HISTORY + name)
    points = [f"{now - back * 360_000} {500 + back * 10}" for back in range(10, -1, -1)]
    lab.raw.rpush(keys.HISTORY + name, *points)


def test_stored_shows_what_workers_found_and_asks_nobody(
    asked: Xinshi, lab: Lab, control: Any
) -> None:
    fell(lab, "tencent", "yuan", postpaid=True)
    fell(lab)
    lab.run(balances.keep("chuangxin", Decimal(77), "messages", hint=True))
    control("faults", {"kind": "500", "operation": "any"})

    ran = asked("--stored")

    shown = {line.split()[0]: line.split(maxsplit=1)[1] for line in ran.out.splitlines()}
    assert (ran.code, ran.err) == (0, "")
    assert " ".join(shown["zhenzi"].split()) == (
        "500 messages lasts 5 h uses 2400 a day stored 6 min ago"
    )
    assert " ".join(shown["tencent"].split()).startswith("500 yuan, postpaid uses 2400 a day")
    assert " ".join(shown["chuangxin"].split()).startswith("77 messages, a hint stored")
    assert shown["chuangrui"] == "nothing is stored"
    assert shown["largesms"] == "largesms has no call for it"


def test_stored_as_json_has_every_field(asked: Xinshi, lab: Lab) -> None:
    fell(lab)

    ran = asked("--stored", "--json")

    found = {each["name"]: each for each in ran.lines}["zhenzi"]
    at = found.pop("at")
    assert found == {
        "name": "zhenzi",
        "adapter": "zhenzi",
        "amount": "500",
        "unit": "messages",
        "postpaid": False,
        "hint": False,
        "runway_hours": 5.0,
        "burn_per_day": 2400.0,
        "stored_at": at,
        "asked": False,
        "error": None,
    }
    assert at.endswith("+08:00")


def test_what_is_asked_now_lasts_at_the_pace_that_is_stored(
    asked: Xinshi, lab: Lab, control: Any
) -> None:
    fell(lab)
    control("settings", {"balances": {"zhenzi": 300}})

    (found,) = [each for each in asked("--json").lines if each["name"] == "zhenzi"]

    assert (found["amount"], found["asked"]) == ("300", True)
    assert found["runway_hours"] == pytest.approx(3.0, abs=0.1)
    assert found["at"] > found["stored_at"]


def test_an_account_that_does_not_answer_shows_what_is_stored(
    asked: Xinshi, lab: Lab, control: Any
) -> None:
    fell(lab)
    control("faults", {"kind": "500", "operation": "balance", "vendor": "zhenzi"})

    plain, found = asked(), asked("--json")

    (line,) = [each for each in plain.out.splitlines() if each.startswith("zhenzi")]
    (row,) = [each for each in found.lines if each["name"] == "zhenzi"]
    assert plain.code == found.code == 1
    assert "500 messages" in line
    assert "stored 6 min ago" in line
    assert (row["amount"], row["at"]) == ("500", row["stored_at"])
    assert row["error"]


def test_without_redis_the_vendors_are_asked_all_the_same(asked: Xinshi) -> None:
    dead = ("redis_url = ", 'redis_url = "redis://127.0.0.1:1/0" # ')

    ran = asked(change=lambda config: config.replace(*dead))
    stored = asked("--stored", change=lambda config: config.replace(*dead))

    assert ran.code == 0
    assert "messages" in ran.out
    assert ran.err.startswith("xinshi: how long they last is unknown: Redis cannot be reached")
    assert (stored.code, stored.out) == (1, "")
    assert stored.err.startswith("xinshi: Redis cannot be reached")


def test_stored_needs_none_of_the_workers_packages(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "xinshi.toml"
    path.write_text(example_config("http://127.0.0.1:1", redis_url), "utf-8")
    code = (
        "import sys; sys.modules['aiohttp'] = None; from producers.cli import run; "
        f"sys.exit(run(['--config', {str(path)!r}, 'balances', '--stored']))"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (said.returncode, said.stderr) == (0, "")
    assert "nothing is stored" in said.stdout


def test_doctor_probes_credentials_where_it_is_told_to(
    bare: Xinshi, sandbox: str, tmp_path: Path, redis_url: str
) -> None:
    path = tmp_path / "xinshi.toml"
    text = example_config(sandbox, redis_url)
    path.write_text(text.replace('pwd = "sandbox-pwd"', 'pwd = "wrong"', 1), "utf-8")

    ran = bare("doctor", "--probe", "--json")

    checks = {each["check"]: each for each in ran.lines[0]["checks"]}
    told = {name: each for name, each in checks.items() if name.startswith("credentials ")}
    verdicts = {name.split()[1]: each["verdict"] for name, each in told.items()}
    assert verdicts == {
        **dict.fromkeys(("tencent", "largesms", "chuangxin", "zhenzi"), "ok"),
        "chuangrui": "error",
    }
    assert told["credentials zhenzi"]["found"].startswith("the vendor knows us; it has 1000")
    assert not [secret for secret in (*SECRETS, '"wrong"') if secret in ran.out]
