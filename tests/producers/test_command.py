"""The command line itself: help, errors on one line, exit codes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import redis

from producers import cli
from worker import __version__

Xinshi = Callable[..., Any]
COMMAND = (sys.executable, "-m", "producers")
COMMANDS = list(cli.command.commands)


def test_the_console_script_is_this_command() -> None:
    (script,) = entry_points(group="console_scripts", name="xinshi")

    assert script.load() is cli.main


def test_the_version_is_the_packages(bare: Xinshi) -> None:
    ran = bare("--version")

    assert (ran.code, ran.out) == (0, f"xinshi {__version__}\n")


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_every_help_page_has_two_examples_and_the_exit_codes(
    bare: Xinshi, command: tuple[str, ...]
) -> None:
    ran = bare(*command, "--help")

    assert (ran.code, ran.err) == (0, "")
    examples, codes = ran.out.split("Examples:")[1].split("Exit codes:")
    assert sum(line.startswith("  xinshi ") for line in examples.splitlines()) == 2
    assert "  0 " in codes
    assert len(ran.out.splitlines()) < 60


def test_without_a_command_the_help_is_shown(bare: Xinshi) -> None:
    ran = bare()

    assert ran.code == 2
    assert "Usage: xinshi" in ran.out + ran.err


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("sned",), "Did you mean 'send'?"),
        (("send", "--texxt", "x"), "Did you mean '--text'?"),
        (("status",), "Missing argument 'ID' (see xinshi status --help)"),
        (("status", "a", "b"), "unexpected extra argument"),
        (("status", "a", "--redis-url", "x"), "--redis-url goes before the command"),
        (("--config",), "requires an argument"),
        (("--config", "x"), "config: no file x"),
        (("--redis-url", "http://x", "status", "a"), "redis_url: must be an address"),
        (("--redis-url", "redis://:hidden@x:y", "status", "a"), "redis_url: not an address like"),
        (("sandbox", "--listen", "9100"), "must look like 127.0.0.1:9100"),
        (("sandbox", "--listen", "localhost:99999"), "must look like"),
        (("demo", "--burst", "0"), "--burst"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(bare: Xinshi, args: tuple[str, ...], word: str) -> None:
    ran = bare(*args) if args[0] != "--config" or len(args) == 1 else bare(*args, "status", "a")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("xinshi: ")
    assert word in ran.err
    assert len(ran.err.splitlines()) == 1
    assert "hidden" not in ran.err


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a = ", "not valid TOML"),
        ("colour = 1", "colour: unknown key"),
        ('[vendors.x]\nadapter = "pigeon"', "vendors.x.adapter: unknown adapter 'pigeon'"),
        ('[vendors.x]\nadapter = "largesms"', "vendors.x.appcode: missing"),
    ],
)
def test_wrong_settings_are_one_line_and_code_2(
    bare: Xinshi, tmp_path: Path, text: str, word: str
) -> None:
    (tmp_path / "xinshi.toml").write_text(text, "utf-8")

    ran = bare("vendors")

    assert (ran.code, ran.out) == (2, "")
    assert word in ran.err
    assert len(ran.err.splitlines()) == 1


def test_what_nobody_foresaw_is_one_line_too(bare: Xinshi, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("13800138000")

    monkeypatch.setattr(cli.command.commands["vendors"], "callback", broken)

    ran = bare("vendors")
    told = bare("--traceback", "vendors")

    assert ran.code == 1
    assert ran.err == "xinshi: unexpected ZeroDivisionError; xinshi --traceback ... shows where\n"
    assert told.code == 1
    assert "Traceback" in told.err


def test_an_interrupt_is_code_130_and_says_what_is_stored(redis_url: str, raw: redis.Redis) -> None:
    rows = "".join(f"1380013{place:04},好\n" for place in range(500)).encode()
    with subprocess.Popen(
        [*COMMAND, "--redis-url", redis_url, "send", "--csv", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        process.stdin.write(b"to,text\n" + rows)
        process.stdin.flush()
        while raw.llen("xinshi:ready:notice") < 500:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)

    assert process.returncode == 130
    # It may come before the answer or after it.
    assert out in {
        b"500 stored, 0 refused\n",
        b"0 stored, 0 refused; nothing is known from line 2 on\n",
    }
    assert err == b"xinshi: interrupted\n"


def test_a_closed_output_is_one_line(config: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ran = subprocess.run(
            [*COMMAND, "--config", str(config), "vendors"],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
            timeout=30,
        )
    finally:
        os.close(writer)

    assert ran.returncode == 1
    assert ran.stderr == b"xinshi: the output was closed before all of it was written\n"


def test_numbers_that_are_no_utf8_are_refused_like_others(bare: Xinshi) -> None:
    ran = bare("send", "\udcff", "--text", "您好")

    assert ran.code == 2
    assert "to: not a mainland China mobile number" in ran.err


def test_help_loads_nothing_that_only_work_needs() -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "producers", "--help"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}

    assert "producers.cli" in loaded
    assert not loaded & {"aiohttp", "celery", "kombu", "structlog", "worker.vendors.tencent"}


def test_demo_is_called_with_its_options(bare: Xinshi, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setitem(sys.modules, "producers.demo", _Demo(seen))

    ran = bare("demo", "--keep", "--burst", "7")

    assert ran.code == 3
    assert seen == {"keep": True, "burst": 7}


class _Demo:
    """Stands in for the demo, which starts five processes."""

    def __init__(self, seen: dict[str, Any]) -> None:
        self._seen = seen

    def run(self, **options: Any) -> int:
        self._seen.update(options)
        return 3


def test_the_demo_says_what_to_install_where_the_worker_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    for name in [
        each for each in sys.modules if each.startswith(("producers.demo", "worker.sandbox"))
    ]:
        monkeypatch.delitem(sys.modules, name)

    code = cli.run(["demo"])

    assert code == 1
    assert "pip install 'xinshi[all]'" in capsys.readouterr().err
