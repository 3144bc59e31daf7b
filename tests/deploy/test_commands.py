"""What is started: the Procfile's commands, everywhere the same, and nobody forgotten."""

import re
import tomllib
from pathlib import Path

import flower.options  # noqa: F401 - what it takes, it adds to tornado's options
import pytest
from celery.bin.beat import beat as celery_beat
from celery.bin.worker import worker as celery_worker
from tornado.options import options

from producers.cli import command
from worker import loop, process
from worker.contract import jobs
from worker.contract.metrics import LISTEN
from worker.contract.settings import GatewaySettings, StoreSettings, Timeouts, load, parse
from worker.contract.status import Stream
from worker.heartbeat.heart import EVERY, STALE
from worker.notify import notifier
from worker.telemetry import exposition
from worker.vendors import load_all, names

from .conftest import (
    DEPLOY,
    KUBERNETES,
    ROLES,
    Started,
    base,
    compose,
    deployments,
    documents,
    ours,
    procfile,
    started,
    units,
)

#: Where it listens, who may look, and what an instance is called: that differs.
_OWN = re.compile(r"--(listen|address|port|conf)\b")
_SLOW = 10.0  # seconds that a busy machine may need besides

#: What each of Celery's own commands takes; Flower's options are tornado's.
CELERY = {
    name: {option for one in page.params for option in one.opts}
    for name, page in (("worker", celery_worker), ("beat", celery_beat))
} | {"flower": {f"--{name}" for name in options}}

EVERYTHING = pytest.mark.parametrize("each", started(), ids=str)
WHERE = ("compose", "systemd", "kubernetes")


def essence(words: tuple[str, ...]) -> tuple[str, ...]:
    """A command without what differs from place to place."""
    kept, skip = [], False
    for word in words:
        if skip or (_OWN.match(word) and "=" in word):
            skip = False
        elif word == "-n" or _OWN.match(word):
            skip = True
        else:
            kept.append(word)
    return tuple(kept)


@pytest.mark.parametrize("where", WHERE)
def test_every_line_of_the_procfile_is_started(where: str) -> None:
    assert {*procfile()} == {*ROLES}
    assert {each.role for each in started() if each.where == where} - {"sandbox"} == {*ROLES}


@EVERYTHING
def test_it_is_the_command_of_the_procfile(each: Started) -> None:
    if each.role == "sandbox":
        assert each.command[:2] == ("xinshi", "sandbox")
    else:
        assert essence(each.command) == essence(procfile()[each.role])


@EVERYTHING
def test_its_command_and_options_exist(each: Started) -> None:
    program, *rest = each.command
    if program == "xinshi":
        page = command.commands[rest[0]]
        known = {option for one in page.params for option in one.opts}
        assert {word for word in rest if word.startswith("--")} <= known
    else:
        assert (program, *rest[:2]) == ("celery", "-A", "worker.app")
        given = {word.partition("=")[0] for word in rest[3:] if word.startswith("-")}
        assert given <= CELERY[rest[2]]


@pytest.mark.parametrize("where", WHERE)
def test_every_queue_is_served(where: str) -> None:
    served = {
        queue
        for each in started()
        if each.where == where and "-Q" in each.command
        for queue in each.command[each.command.index("-Q") + 1].split(",")
    }

    assert served == {*map(jobs.queue, Stream), jobs.TICKS}


@pytest.mark.parametrize("where", WHERE)
def test_no_two_workers_have_one_name(where: str) -> None:
    names = [
        each.command[each.command.index("-n") + 1]
        for each in started()
        if each.where == where and "-n" in each.command
    ]

    assert len(names) == len({*names}) == 2
    assert all(name.endswith("@%h") for name in names)
    assert ("%i" in "".join(names)) == (where == "systemd"), "its instances share a machine"


def longest_end() -> float:
    """Seconds that a worker takes to end where everything that it waits for takes its longest."""
    leaving = 2 * StoreSettings().timeout  # its last beat, and the word that there is none any more
    draining = Timeouts().total + process._SETTLING
    return leaving + draining + notifier._GRACE + exposition._JOIN + loop._JOIN


def test_no_account_of_the_example_takes_longer_than_a_worker_is_given() -> None:
    example = tomllib.loads((DEPLOY / "xinshi.example.toml").read_text("utf-8"))

    longest = max(each.timeouts.total for each in parse(example).vendors.values())
    assert longest <= Timeouts().total, "or the graces want to be longer"


@EVERYTHING
def test_its_grace_is_longer_than_what_it_finishes(each: Started) -> None:
    if each.role.startswith("worker"):
        needs = longest_end() + _SLOW / 2
    elif each.role == "gateway":
        needs = GatewaySettings().timeout + (_SLOW if each.where == "kubernetes" else _SLOW / 2)
    else:
        needs = _SLOW
    assert each.grace >= needs


def test_a_gateway_waits_in_its_grace_until_nobody_sends_it_anything() -> None:
    (container,) = deployments()["gateway"]["spec"]["template"]["spec"]["containers"]
    (_, wait) = container["lifecycle"]["preStop"]["exec"]["command"]

    (gateway,) = (one for one in started() if str(one) == "kubernetes-gateway")
    assert int(wait) + GatewaySettings().timeout < gateway.grace


@EVERYTHING
def test_its_environment_is_known(each: Started) -> None:
    """The names are those that the settings read, and what is a path leads to a secret."""
    for name, value in each.environment.items():
        if name in {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}:
            continue
        if name == "XINSHI_HEARTBEAT":
            assert value == "/tmp/heartbeat"
            continue
        if name == "XINSHI_METRICS_LISTEN":
            assert value == f"0.0.0.0:{LISTEN[1]}", "where prometheus.yml looks for it"
            continue
        assert name in {"XINSHI_CONFIG", "XINSHI_REDIS_URL_FILE"}, "and no secret is in one"
        assert value in each.secrets
    if each.role != "sandbox":
        assert {"XINSHI_CONFIG", "XINSHI_REDIS_URL_FILE"} <= each.environment.keys()


@EVERYTHING
def test_flower_asks_for_a_password_that_no_command_line_shows(each: Started) -> None:
    conf = [word.removeprefix("--conf=") for word in each.command if word.startswith("--conf=")]

    assert bool(conf) == (each.role == "flower")
    assert {*conf} <= each.secrets
    assert not any("auth" in word for word in each.command)


@EVERYTHING
def test_what_beats_is_looked_at(each: Started) -> None:
    beats = each.role in {"worker", "worker-otp", "beat"} and each.where != "systemd"

    assert ("XINSHI_HEARTBEAT" in each.environment) == beats


def test_the_heartbeat_is_asked_for_less_often_than_it_beats() -> None:
    look = ["python", "-m", "worker.heartbeat", "/tmp/heartbeat"]
    for role in ("worker", "worker-otp", "beat"):
        check = ours()[role]["healthcheck"]
        assert check["test"] == ["CMD", *look]
        assert float(check["interval"].rstrip("s")) > EVERY
        (container,) = deployments()[role]["spec"]["template"]["spec"]["containers"]
        for probe in ("startupProbe", "livenessProbe"):
            assert container[probe]["exec"]["command"] == look
        patience = container["startupProbe"]["periodSeconds"]
        assert patience * container["startupProbe"]["failureThreshold"] >= STALE


@pytest.mark.parametrize("role", ["gateway", "flower"])
def test_what_speaks_http_is_asked_at_its_port(role: str) -> None:
    (container,) = deployments()[role]["spec"]["template"]["spec"]["containers"]
    (port,) = (each["containerPort"] for each in container["ports"])
    paths = {
        container[probe]["httpGet"]["path"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }

    assert any(f":{port}" in word or f"port={port}" in word for word in container["args"])
    assert (
        paths
        == {"gateway": {"/healthz", "/readyz?exclude=worker"}, "flower": {"/healthcheck"}}[role]
    )
    assert f":{port}{min(paths)}" in ours()[role]["healthcheck"]["test"][-1]


def secret() -> dict[str, str]:
    """The example's Secret, by the names of its files."""
    found: dict[str, str] = documents(KUBERNETES / "example" / "secret.yaml")[0]["stringData"]
    return found


def test_the_example_for_kubernetes_is_one_that_starts(tmp_path: Path) -> None:
    """With its Secret mounted and its environment set, the settings are whole."""
    for name, text in secret().items():
        (tmp_path / name).write_text(text, "utf-8")
    (overlay,) = documents(KUBERNETES / "example" / "kustomization.yaml")
    literals = [*base()["configMapGenerator"][0]["literals"]]
    literals += overlay["configMapGenerator"][0]["literals"]
    environment = dict(each.split("=", 1) for each in literals)

    found = load(
        environment={
            name: value.replace("/etc/xinshi", str(tmp_path)) for name, value in environment.items()
        }
    )

    assert found.redis_url == secret()["redis_url"]
    assert [*load_all(found)] == ["tencent"]
    assert found.vendors["tencent"].options["password"] == "set me"
    assert [*found.gateway.api_keys] == ["app1"]


def test_a_comment_shows_a_variable_that_exists() -> None:
    """compose.yaml has a vendor's secret in a comment: its name must be right too."""
    (shown,) = re.findall(
        r"# XINSHI_VENDORS__(\w+?)__(\w+)_FILE: (\S+)", (DEPLOY / "compose.yaml").read_text("utf-8")
    )

    found = load(
        environment={
            f"XINSHI_VENDORS__{shown[0]}__ADAPTER": shown[0].lower(),
            f"XINSHI_VENDORS__{shown[0]}__{shown[1]}": "x",
        }
    )
    assert shown[0].lower() in names()
    assert found.vendors[shown[0].lower()].options == {shown[1].lower(): "x"}
    assert shown[2] == f"/run/secrets/{shown[0].lower()}_{shown[1].lower()}"


def test_two_beats_run() -> None:
    assert compose()["services"]["beat"]["deploy"]["replicas"] == 2
    assert deployments()["beat"]["spec"]["replicas"] == 2


def test_every_service_of_systemd_belongs_to_the_target() -> None:
    for name, unit in units().items():
        assert unit["PartOf"] == ["xinshi.target"], name
        assert unit["WantedBy"] == ["xinshi.target"], name
        assert len(unit["ExecStart"]) == 1
