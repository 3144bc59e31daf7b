"""compose.yaml: each service bounded, watched, without rights, and fed from files that exist."""

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from producers.cli import command
from worker.broker import broker
from worker.contract.settings import load
from worker.vendors import load_all, names

from .conftest import DEPLOY, ROOT, compose, documents, ours, seconds, started

KEYS = {
    *("image", "build", "command", "restart", "init", "read_only", "tmpfs", "cap_drop", "user"),
    *("security_opt", "logging", "depends_on", "secrets", "environment", "healthcheck", "ports"),
    *("stop_grace_period", "deploy", "networks", "volumes", "profiles"),
}
SERVICES = compose()["services"]
EACH = pytest.mark.parametrize("name", SERVICES)


@EACH
def test_a_service_says_what_it_must(name: str) -> None:
    service: dict[str, Any] = SERVICES[name]

    assert service.keys() <= KEYS, "a word that is misspelt is read by nobody"
    assert service["restart"] == "unless-stopped"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert service["healthcheck"].keys() >= {"test", "interval", "timeout", "retries"}
    assert seconds(service["stop_grace_period"]) >= 10
    assert service.get("read_only", False) or name == "grafana"


@EACH
def test_an_image_is_a_version(name: str) -> None:
    image = SERVICES[name]["image"]

    assert image == "${XINSHI_IMAGE:-xinshi:local}" or re.fullmatch(
        r"[a-z/]+:v?\d+\.\d+\.\d+(-[a-z]+)?", image
    )
    assert "user" in SERVICES[name] or name in ours(), "ours says it itself"


@EACH
def test_a_port_is_open_on_this_machine_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@EACH
def test_what_a_service_names_exists(name: str) -> None:
    service = SERVICES[name]

    assert {*service.get("secrets", [])} <= compose()["secrets"].keys()
    assert {*service["networks"]} <= compose()["networks"].keys()
    assert {*service.get("depends_on", {})} <= SERVICES.keys()
    for volume in service.get("volumes", []):
        source, *_, mode = volume.split(":")
        if source.startswith("./"):
            assert (DEPLOY / source).is_file()
            assert mode == "ro"
        else:
            assert source in compose()["volumes"]


def test_secrets_are_files_that_git_does_not_keep() -> None:
    kept = (DEPLOY.parent / ".gitignore").read_text().splitlines()

    for secret in compose()["secrets"].values():
        assert secret.keys() == {"file"}
        assert secret["file"].startswith("secrets/")
    assert "deploy/secrets/" in kept
    used = {each for service in SERVICES.values() for each in service.get("secrets", [])}
    assert used == compose()["secrets"].keys()


def sandboxed() -> str:
    """The settings against the sandbox, as docs/deploy.md has them printed."""
    (words,) = re.findall(
        r"run --rm -T --no-deps sandbox \\\n +xinshi (sandbox .*?) \|",
        (ROOT / "docs" / "deploy.md").read_text("utf-8"),
    )
    return CliRunner().invoke(command, words.split(), catch_exceptions=False).output


@pytest.mark.parametrize("sandbox", [False, True])
@pytest.mark.parametrize("name", [each.role for each in started() if each.where == "compose"])
def test_a_service_takes_the_settings_that_the_page_has_made(
    name: str, sandbox: bool, tmp_path: Path
) -> None:
    """With the example, or what the sandbox prints, and the address as the page writes it."""
    example = (DEPLOY / "xinshi.example.toml").read_text("utf-8")
    (tmp_path / "xinshi.toml").write_text(sandboxed() if sandbox else example, "utf-8")
    (tmp_path / "redis_url").write_text("redis://xinshi:abc@valkey:6379/0\n")
    environment = {
        key: value.replace("/run/secrets", str(tmp_path))
        for key, value in SERVICES[name].get("environment", {}).items()
    }

    found = load(environment=environment)

    if name == "sandbox":  # it plays the vendors, and knows neither server nor accounts
        assert environment == {}
        return
    assert broker(found.redis_url).url == "redis://xinshi:abc@valkey:6379/0"
    assert {*load_all(found)} == {*found.vendors} == {*names()}
    if sandbox:
        text = (tmp_path / "xinshi.toml").read_text("utf-8")
        assert {*re.findall(r"http://(\w+):(\d+)", text)} == {("sandbox", "9100")}
        assert "--listen 0.0.0.0:9100" in SERVICES["sandbox"]["command"]
    beats = found.worker.heartbeat == "/tmp/heartbeat"
    assert (
        beats == (found.metrics.listen == ("0.0.0.0", 9101)) == ("worker" in name or name == "beat")
    )


def test_flowers_file_is_python_as_the_page_writes_it() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    (line,) = re.findall(r'echo "(.*)" > flower\.py', page)
    written = line.replace('\\"', '"').replace("$(openssl rand -hex 16)", "abc")

    told: dict[str, Any] = {}
    exec(written, told)
    assert told["basic_auth"] == ["admin:abc"]


def test_only_what_nobody_needs_to_work_has_a_profile() -> None:
    profiles = {name: each["profiles"] for name, each in SERVICES.items() if "profiles" in each}

    assert profiles == {
        "sandbox": ["sandbox"],
        "prometheus": ["monitoring"],
        "grafana": ["monitoring"],
    }


def test_the_server_is_reached_by_those_who_need_it_alone() -> None:
    near = {name for name, each in SERVICES.items() if "store" in each["networks"]}

    assert compose()["networks"]["store"] == {"internal": True}
    assert SERVICES["valkey"]["networks"] == ["store"]
    assert near == {"valkey", "worker-otp", "worker", "beat", "gateway", "flower"}
    for name in near - {"valkey"}:
        assert SERVICES[name]["depends_on"] == {"valkey": {"condition": "service_healthy"}}


def test_the_server_has_twice_its_memory() -> None:
    """A rewrite of its file forks."""
    (most,) = re.findall(r"^maxmemory (\d+)gb$", (DEPLOY / "redis.conf").read_text(), re.MULTILINE)
    limit = SERVICES["valkey"]["deploy"]["resources"]["limits"]["memory"]

    assert int(limit.removesuffix("G")) == 2 * int(most)


def test_the_server_gets_the_files_that_it_reads() -> None:
    service = SERVICES["valkey"]
    mounted = {volume.split(":")[1] for volume in service["volumes"]}
    mounted |= {f"/run/secrets/{each}" for each in service["secrets"]}
    told = " ".join(service["command"])

    read = {*re.findall(r"/(?:etc/xinshi|run/secrets)/[\w.]+", told)}
    assert read <= mounted
    assert {f"/run/secrets/{each}" for each in service["secrets"]} <= read
    assert "/etc/xinshi/users.acl" in mounted, "acl.sh reads it beside itself"
    (written,) = re.findall(r"> (\S+)", told)
    assert f"aclfile {written}\n" in (DEPLOY / "redis.conf").read_text("utf-8")
    assert service["tmpfs"][0].startswith(written.rpartition("/")[0])
    assert {"/data"} <= mounted


def test_prometheus_asks_services_that_exist() -> None:
    (config,) = documents(DEPLOY / "monitoring" / "prometheus.yml")
    (job,) = config["scrape_configs"]
    asked = {name: one["port"] for one in job["dns_sd_configs"] for name in one["names"]}

    assert asked.keys() == {"gateway", "worker-otp", "worker", "beat"}
    for name, port in asked.items():
        service = SERVICES[name]
        listens = f"{service['command']} {service['environment'].get('XINSHI_METRICS_LISTEN')}"
        assert f"0.0.0.0:{port}" in listens
        assert {*service["networks"]} & {*SERVICES["prometheus"]["networks"]}
    (source,) = re.findall(
        r"url: http://(\w+):9090", (DEPLOY / "monitoring" / "datasource.yml").read_text("utf-8")
    )
    assert source in SERVICES
