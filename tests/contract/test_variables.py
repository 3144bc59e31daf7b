"""Secrets in files: any variable that the settings read may name one."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from worker import vendors
from worker.contract.errors import SettingsError
from worker.contract.settings import environment, load, redis_from_environment

PASSWORD = "XINSHI_VENDORS__TENCENT__PASSWORD"
ADAPTER = {"XINSHI_VENDORS__TENCENT__ADAPTER": "tencent"}


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where no xinshi.toml is


def secret(tmp_path: Path, said: str | bytes, name: str = "secret") -> str:
    path = tmp_path / name
    path.write_bytes(said if isinstance(said, bytes) else said.encode())
    return str(path)


def options(variables: dict[str, str]) -> Any:
    return load(environment=ADAPTER | variables).vendors["tencent"].options


def test_a_secret_of_an_account_may_stand_in_a_file(tmp_path: Path) -> None:
    path = secret(tmp_path, "s3 cret\n")

    assert options({f"{PASSWORD}_FILE": path}) == {"password": "s3 cret"}
    assert options({"XINSHI_VENDORS__tencent__password_file": path}) == {"password": "s3 cret"}


def test_the_address_of_redis_may_stand_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = secret(tmp_path, "redis://xinshi:hidden@valkey:6379/0\n")
    monkeypatch.setenv("XINSHI_REDIS_URL_FILE", path)
    monkeypatch.delenv("XINSHI_REDIS_URL", raising=False)

    assert load().redis_url == "redis://xinshi:hidden@valkey:6379/0"
    assert redis_from_environment() == "redis://xinshi:hidden@valkey:6379/0"
    assert load(redis_url="redis://argument/0").redis_url == "redis://argument/0"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("plain", "plain"),
        ("line\n", "line"),
        ("windows\r\n", "windows"),
        ("two\n\n", "two"),
        (" blanks stay \n", " blanks stay "),
        ("two\nlines\n", "two\nlines"),
        ("\ufeffmarked\n", "marked"),
        ("密码\n", "密码"),
    ],
)
def test_only_the_end_of_the_line_is_taken_off(tmp_path: Path, written: str, read: str) -> None:
    assert options({f"{PASSWORD}_FILE": secret(tmp_path, written)}) == {"password": read}


def refused(variables: dict[str, str]) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(environment=variables)
    return caught.value


@pytest.mark.parametrize("name", [PASSWORD, "XINSHI_REDIS_URL"])
def test_a_secret_that_is_given_twice_is_refused(tmp_path: Path, name: str) -> None:
    path = secret(tmp_path, "redis://hidden/0")

    error = refused(ADAPTER | {name: "redis://hidden/0", f"{name}_FILE": path})

    assert error.key == name
    assert "once" in error.rule
    assert "hidden" not in str(error)


def test_two_ways_to_write_one_name_are_told(tmp_path: Path) -> None:
    error = refused(ADAPTER | {PASSWORD: "x", "XINSHI_VENDORS__tencent__password": "y"})

    assert error.key.upper() == PASSWORD
    assert "once" in error.rule


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"x" * 65537, "is larger than"),
        ("hidden信".encode("gb18030"), "is no text in UTF-8"),
    ],
)
@pytest.mark.parametrize("name", [PASSWORD, "XINSHI_REDIS_URL"])
def test_a_file_that_holds_no_secret_is_refused(
    tmp_path: Path, name: str, written: bytes, rule: str
) -> None:
    path = secret(tmp_path, written)

    error = refused(ADAPTER | {f"{name}_FILE": path})

    assert error.key == f"{name}_FILE"
    assert path in error.rule
    assert rule in error.rule
    assert "hidden" not in repr(error)
    assert error.__cause__ is None


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path, Path(f"{tmp_path}/a\0b")):
        error = refused(ADAPTER | {f"{PASSWORD}_FILE": str(path)})

        assert error.key == f"{PASSWORD}_FILE"
        assert "cannot be read" in error.rule


def test_what_is_no_path_is_not_repeated() -> None:
    """It may be the secret itself, by mistake."""
    error = refused(ADAPTER | {f"{PASSWORD}_FILE": "hidden"})

    assert str(error) == f"{PASSWORD}_FILE: must be the absolute path of a file"


def test_a_variable_that_is_empty_is_not_given(tmp_path: Path) -> None:
    path = secret(tmp_path, "redis://file/0")

    given = {"XINSHI_REDIS_URL": "", "XINSHI_REDIS_URL_FILE": path}
    assert load(environment=given).redis_url == "redis://file/0"
    given = {"XINSHI_REDIS_URL": "redis://value/0", "XINSHI_REDIS_URL_FILE": ""}
    assert load(environment=given).redis_url == "redis://value/0"


def test_the_settings_file_is_a_path_already(tmp_path: Path) -> None:
    error = refused({"XINSHI_CONFIG_FILE": secret(tmp_path, "")})

    assert str(error) == "XINSHI_CONFIG_FILE: unknown; XINSHI_CONFIG is the path itself"


def test_a_child_gets_what_it_is_given_and_not_the_file_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XINSHI_REDIS_URL_FILE", secret(tmp_path, "redis://file/0"))
    monkeypatch.setenv("XINSHI_VENDORS__TENCENT__ADAPTER", "tencent")

    child = environment(XINSHI_REDIS_URL="redis://child/0")

    assert load(environment=child).redis_url == "redis://child/0"
    assert load(environment=child).vendors["tencent"].adapter == "tencent"
    assert load(environment=environment()).redis_url == "redis://file/0"


@pytest.mark.parametrize("name", vendors.names())
def test_no_setting_of_an_adapter_ends_like_a_file(name: str) -> None:
    adapter = import_module(f"worker.vendors.{name}").Adapter

    assert not [key for key in (*adapter.credentials, *adapter.options) if key.endswith("_file")]


def test_a_heartbeat_is_each_processs_own() -> None:
    assert load(environment={}).worker.heartbeat == ""
    assert load(environment={"XINSHI_HEARTBEAT": "/tmp/one"}).worker.heartbeat == "/tmp/one"
