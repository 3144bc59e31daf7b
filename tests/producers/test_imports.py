"""What a web app pays for the import, and what the environment may override."""

import subprocess
import sys
from pathlib import Path

import pytest

from producers import Client, SettingsError

HEAVY = ("celery", "kombu", "aiohttp", "structlog", "rich", "rich_click", "click")


def test_importing_producers_loads_nothing_heavy() -> None:
    code = f"import sys, producers; print([name for name in {HEAVY!r} if name in sys.modules])"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


def test_the_command_loads_neither_celery_nor_aiohttp() -> None:
    heavy = ("celery", "kombu", "aiohttp", "structlog", "rich.progress", "rich.table")
    code = f"import sys, producers.cli; print([name for name in {heavy!r} if name in sys.modules])"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


def test_the_environment_names_file_and_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "other.toml"
    path.write_text('redis_url = "redis://file/0"\n[defaults]\nsignature = "文件"\n', "utf-8")
    monkeypatch.setenv("XINSHI_CONFIG", str(path))

    with Client() as client:
        assert client.settings.redis_url == "redis://file/0"
        assert client.settings.signature == "文件"

    monkeypatch.setenv("XINSHI_REDIS_URL", "redis://environment/0")
    with Client() as client:
        assert client.settings.redis_url == "redis://environment/0"
    with Client("redis://argument/0") as client:
        assert client.settings.redis_url == "redis://argument/0"


def test_a_file_in_the_current_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "xinshi.toml").write_text('[defaults]\nsignature = "这里"\n', "utf-8")

    with Client() as client:
        assert client.settings.signature == "这里"


def test_a_secret_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "xinshi.toml").write_text('[vendors.my-app]\nadapter = "largesms"\n', "utf-8")

    with pytest.raises(SettingsError, match=r"vendors\.my-app\.appcode: missing"):
        Client()

    monkeypatch.setenv("XINSHI_VENDORS__MY_APP__APPCODE", "from-outside")
    with Client() as client:
        assert client.settings.vendors["my-app"].options == {"appcode": "from-outside"}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("redis_url = ", "xinshi.toml"),
        ('redis_url = "memory://"', "redis_url"),
        ('redis_url = "redis://host:port"', "redis_url"),
        ("redis_url = 5", "redis_url"),
        ('colour = "red"', "colour"),
        ('[vendors.main]\nadapter = "pigeon"', "vendors.main.adapter"),
        ("[vendors.main]", "vendors.main.adapter"),
        ('[vendors.main]\nadapter = "chuangxin"', "vendors.main.appcode"),
        (
            '[vendors.main]\nadapter = "chuangxin"\nappcode = "x"\ncolour = "red"',
            "vendors.main.colour",
        ),
        ('[vendors.Main]\nadapter = "chuangxin"\nappcode = "x"', "vendors.Main"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, key: str) -> None:
    (tmp_path / "xinshi.toml").write_text(text, "utf-8")

    with pytest.raises(SettingsError) as caught:
        Client()

    assert caught.value.key == key
