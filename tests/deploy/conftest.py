"""The deployment files as data: what each way to run Xinshi starts, and with what around it."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from honcho.environ import parse_procfile

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
ROLES = ("worker-otp", "worker", "beat", "gateway", "flower")


@dataclass(frozen=True)
class Started:
    """One command that one way to run Xinshi starts."""

    where: str  #: compose, systemd or kubernetes
    role: str  #: its name in the Procfile, or "sandbox"
    command: tuple[str, ...]
    grace: float  #: seconds from SIGTERM to SIGKILL
    environment: dict[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()  #: the paths of the files that it gets to see

    def __str__(self) -> str:
        return f"{self.where}-{self.role}"


def procfile() -> dict[str, tuple[str, ...]]:
    """The Procfile's commands, its variables at their defaults."""
    lines = dict(parse_procfile((ROOT / "Procfile").read_text()).processes)
    plain = {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", line) for name, line in lines.items()}
    return {name: tuple(shlex.split(line)) for name, line in plain.items()}


def seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+)s", text)
    assert found, f"{text!r} is not in seconds"
    return float(found[1])


@cache
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


def ours() -> dict[str, Any]:
    """The services of compose.yaml that run our own image."""
    services = compose()["services"].items()
    return {name: each for name, each in services if "xinshi" in each["image"]}


def _composed() -> Iterator[Started]:
    for name, service in ours().items():
        yield Started(
            "compose",
            name,
            tuple(shlex.split(service["command"])),
            seconds(service["stop_grace_period"]),
            service.get("environment", {}),
            frozenset(f"/run/secrets/{each}" for each in service.get("secrets", [])),
        )


Unit = dict[str, list[str]]


def unit(path: Path) -> Unit:
    """A systemd unit's settings, in order; each may be there more than once."""
    found: Unit = {}
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            name, equals, value = line.partition("=")
            assert equals, f"{path.name}: {line}"
            found.setdefault(name, []).append(value)
    return found


def units() -> dict[str, Unit]:
    """The services of systemd/, each with the settings that all of them share."""
    shared = unit(DEPLOY / "systemd" / "xinshi-.service.d" / "xinshi.conf")
    found = {}
    for path in sorted((DEPLOY / "systemd").glob("xinshi-*.service")):
        own = unit(path)
        keys = shared.keys() | own.keys()
        found[path.name] = {key: shared.get(key, []) + own.get(key, []) for key in keys}
    return found


CREDENTIALS = "/run/credentials"  #: where %d leads


def _installed() -> Iterator[Started]:
    for name, each in units().items():
        line = each["ExecStart"][-1].replace("%d", CREDENTIALS).replace("%%", "%")
        program, *rest = shlex.split(line)
        assert program.startswith("/opt/xinshi/bin/")
        variables = " ".join(each["Environment"]).replace("%d", CREDENTIALS)
        yield Started(
            "systemd",
            re.sub(r"xinshi-|@?\.service", "", name),
            (program.removeprefix("/opt/xinshi/bin/"), *rest),
            float(each["TimeoutStopSec"][-1]),
            dict(pair.split("=", 1) for pair in shlex.split(variables)),
            frozenset(f"{CREDENTIALS}/{one.split(':')[0]}" for one in each["LoadCredential"]),
        )


def documents(path: Path) -> list[dict[str, Any]]:
    """The YAML documents of a file."""
    return [each for each in yaml.safe_load_all(path.read_text("utf-8")) if each]


@cache
def base() -> dict[str, Any]:
    """The kustomization of the base."""
    (found,) = documents(KUBERNETES / "base" / "kustomization.yaml")
    return found


@cache
def manifests() -> list[dict[str, Any]]:
    """The base's resources, with the patches that all deployments get."""
    found = [
        document
        for name in base()["resources"]
        for document in documents(KUBERNETES / "base" / name)
    ]
    for patch in base()["patches"]:
        assert patch["target"] == {"kind": "Deployment"}
        for document in found:
            if document["kind"] == "Deployment":
                _patch(document, yaml.safe_load(patch["patch"]))
    return found


def _patch(document: Any, steps: list[dict[str, Any]]) -> None:
    for step in steps:
        assert step["op"] == "add"
        *path, last = step["path"].strip("/").split("/")
        place = document
        for each in path:
            place = place[int(each)] if isinstance(place, list) else place[each]
        assert last not in place, f"{step['path']} is there already"
        place[last] = step["value"]


def deployments() -> dict[str, Any]:
    """The deployments by their roles."""
    return {
        each["metadata"]["name"].removeprefix("xinshi-"): each
        for each in manifests()
        if each["kind"] == "Deployment"
    }


def scaled(kind: str) -> dict[str, list[dict[str, Any]]]:
    """The triggers of a kind, by the names of the deployments that they scale."""
    return {
        each["spec"]["scaleTargetRef"]["name"]: [
            trigger for trigger in each["spec"]["triggers"] if trigger["type"] == kind
        ]
        for each in documents(KUBERNETES / "autoscaling" / "workers.yaml")
        if each["kind"] == "ScaledObject"
    }


def _deployed() -> Iterator[Started]:
    (generated,) = base()["configMapGenerator"]
    shared = dict(literal.split("=", 1) for literal in generated["literals"])
    secret = documents(KUBERNETES / "example" / "secret.yaml")[0]["stringData"]
    for role, each in deployments().items():
        pod = each["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        own = {one["name"]: one["value"] for one in container.get("env", [])}
        yield Started(
            "kubernetes",
            role,
            tuple(container["args"]),
            float(pod["terminationGracePeriodSeconds"]),
            shared | own,
            frozenset(f"/etc/xinshi/{name}" for name in secret),
        )


@cache
def started() -> list[Started]:
    """Everything of ours that is started anywhere."""
    return [*_composed(), *_installed(), *_deployed()]
