"""The Celery shell as it is configured, and what it must never do."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kombu.connection import Connection

import worker
from worker.contract.jobs import TICKS, Task, queue
from worker.contract.status import Stream

ROOT = Path(worker.__file__).parent
CONF = """
import json, sys
from worker import app as shell
app = shell.app
app.loader.import_default_modules()
conf = {key: app.conf[key] for key in sys.argv[1].split(",")}
conf["task_queues"] = [each.name for each in app.conf.task_queues]
conf["tasks"] = {name: [task.acks_late, task.ignore_result] for name, task in app.tasks.items()}
conf["broker"] = {url: shell._broker(url).url for url in sys.argv[2:]}
conf["scheduler"] = app.conf.beat_scheduler.__name__
print(json.dumps(conf))
"""
KEYS = [
    "worker_pool",
    "worker_prefetch_multiplier",
    "task_acks_late",
    "task_ignore_result",
    "task_reject_on_worker_lost",
    "worker_cancel_long_running_tasks_on_connection_loss",
    "broker_connection_retry_on_startup",
    "broker_connection_max_retries",
    "broker_transport_options",
    "task_default_queue",
    "task_create_missing_queues",
    "result_backend",
    "worker_hijack_root_logger",
]
URLS = {
    "redis://:p%40w@h:1/3": "redis://:p%40w@h:1/3",
    "redis://h:1?db=4&protocol=3": "redis://h:1/4",
    "rediss://h:1/0?ssl_ca_certs=/ca.pem": "rediss://h:1/0",
    "unix:///run/redis.sock": "redis+socket:///run/redis.sock?virtual_host=0",
    "unix://:pw@/run/redis.sock?db=2": "redis+socket://:pw@/run/redis.sock?virtual_host=2",
    "sentinel://u:p%40w@h:1,[::1]/main/3?sentinel_password=s": (
        "sentinel://u:p%40w@h:1/3;sentinel://u:p%40w@[::1]:26379/3"
    ),
}


def python(*args: str, folder: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in a folder without an xinshi.toml, and with no setting of ours around."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("XINSHI_")}  # noqa: TID251 - a child's environment
    return subprocess.run(
        [sys.executable, *args],
        cwd=folder,
        env={**clean, "PYTHONWARNINGS": "ignore", **env},  # Celery warns where it runs as root
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    done = python("-c", CONF, ",".join(KEYS), *URLS, folder=tmp_path_factory.mktemp("conf"))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_tasks_are_acknowledged_early_fetched_one_by_one_and_leave_no_result(
    conf: dict[str, Any],
) -> None:
    assert conf["task_acks_late"] is False
    assert conf["task_reject_on_worker_lost"] is not True
    assert conf["worker_prefetch_multiplier"] == 1
    assert conf["task_ignore_result"] is True
    assert conf["result_backend"] is None
    assert conf["worker_pool"] == "threads"


def test_the_broker_connection_is_tried_for_ever_and_never_hangs(conf: dict[str, Any]) -> None:
    assert conf["broker_connection_retry_on_startup"] is True
    assert conf["broker_connection_max_retries"] is None
    assert conf["worker_cancel_long_running_tasks_on_connection_loss"] is False
    assert conf["broker_transport_options"] == {
        "health_check_interval": 5,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "visibility_timeout": 120,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }


def test_tasks_and_queues_have_the_names_of_the_contract(conf: dict[str, Any]) -> None:
    ours = {name: how for name, how in conf["tasks"].items() if not name.startswith("celery.")}

    assert ours == {task.value: [False, True] for task in Task}
    assert conf["task_queues"] == [*(queue(stream) for stream in Stream), TICKS]
    assert conf["task_create_missing_queues"] is False
    assert conf["scheduler"] == "Ticks"


@pytest.mark.parametrize("url", URLS)
def test_an_address_of_redis_is_told_to_kombu_in_its_own_words(
    conf: dict[str, Any], url: str
) -> None:
    found = conf["broker"][url]

    assert found == URLS[url]
    Connection(found)  # type: ignore[no-untyped-call]  # raises for what it does not know


def test_no_task_is_delayed_retried_or_acknowledged_late_anywhere() -> None:
    options = {"eta", "countdown", "acks_late", "autoretry_for", "max_retries", "retry_backoff"}
    calls = {"retry", "delay", "send_task", "apply_async"}
    found = []

    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in options:
                found.append(f"{path.name}: {node.arg}")
            if isinstance(node, ast.Attribute) and node.attr in calls:
                found.append(f"{path.name}: {ast.unparse(node)}")

    assert found == ["schedule.py: super().apply_async"]


@pytest.mark.parametrize(
    ("command", "toml", "said"),
    [
        ("worker", "[vendors\n", "not valid TOML"),
        ("worker", '[vendors.one]\nadapter = "nobody"\n', "unknown adapter 'nobody'"),
        ("worker", '[vendors.one]\nadapter = "zhenzi"\n', "vendors.one.app_id: missing"),
        ("beat", "colour = 1\n", "colour: unknown key"),
    ],
    ids=["broken", "unknown adapter", "missing secret", "beat"],
)
def test_a_wrong_setting_gives_one_clear_line_and_no_traceback(
    tmp_path: Path, command: str, toml: str, said: str
) -> None:
    config = tmp_path / "wrong.toml"
    config.write_text(toml)

    done = python(
        *("-m", "celery", "-A", "worker.app", command),
        folder=tmp_path,
        XINSHI_CONFIG=str(config),
    )

    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("xinshi: ")
    assert said in lines[0]


def test_importing_the_worker_costs_nothing_and_its_parts_load_no_celery(tmp_path: Path) -> None:
    script = (
        "import sys, worker; bare = {'celery', 'redis', 'aiohttp', 'msgspec'} & set(sys.modules);"
        "import worker.process; late = {'celery', 'kombu', 'producers'} & set(sys.modules);"
        "import worker.app; odd = {n for n in sys.modules if n.startswith('worker.sandbox')};"
        "print(bare, late, odd)"
    )

    done = python("-c", script, folder=tmp_path)

    assert done.stdout.split() == ["set()"] * 3, done.stdout + done.stderr
