"""docs/deploy.md: what it tells people to type is there."""

import re

from producers.cli import command

from .conftest import ROOT, compose, units

TEXT = (ROOT / "docs" / "deploy.md").read_text("utf-8")


def test_every_file_that_it_names_exists() -> None:
    named = {*re.findall(r"\bdeploy/[\w./-]*\w", TEXT)}

    assert {"deploy/compose.yaml", "deploy/redis.conf", "deploy/users.acl"} <= named
    for path in named:
        assert path.startswith("deploy/secrets") or (ROOT / path).exists(), path
    for link in re.findall(r"\]\((\w[\w.]+)\)", TEXT):
        assert (ROOT / "docs" / link).is_file()


def test_every_command_of_ours_that_it_names_exists() -> None:
    named = {*re.findall(r"(?:`| )xinshi ([a-z]+)\b", TEXT)}

    assert {"doctor", "balances", "sandbox"} <= named
    assert named <= command.commands.keys()
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make (\w+)`", TEXT):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_it_makes_every_secret_of_compose_and_gives_it_to_its_reader() -> None:
    for name, secret in compose()["secrets"].items():
        file = secret["file"].removeprefix("secrets/")
        assert re.search(rf"(> |xinshi\.example\.toml ){re.escape(file)}\b", TEXT), name
    for uid, name in ((10001, "redis_url"), (999, "redis_password"), (472, "grafana_password")):
        assert re.search(rf"chown {uid} [^\n&]*\b{name}\b", TEXT)


def test_it_enables_every_service_of_systemd() -> None:
    for name in units():
        assert name.removesuffix(".service") in TEXT
