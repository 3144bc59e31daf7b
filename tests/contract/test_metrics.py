"""Where workers and beats let themselves be scraped: the file, the environment, nowhere."""

from pathlib import Path

import pytest

from worker.contract.errors import SettingsError
from worker.contract.settings import load, parse


@pytest.mark.parametrize(
    ("said", "listen"),
    [
        ({}, ("127.0.0.1", 9101)),
        ({"listen": "0.0.0.0:9200"}, ("0.0.0.0", 9200)),
        ({"listen": "[::1]:9101"}, ("::1", 9101)),
        ({"listen": ""}, None),
    ],
)
def test_a_port_or_none(said: dict[str, str], listen: tuple[str, int] | None) -> None:
    assert parse({"metrics": said}).metrics.listen == listen


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ({"listen": "9101"}, "metrics.listen"),
        ({"listen": "127.0.0.1:70000"}, "metrics.listen"),
        ({"listen": 9101}, "metrics.listen"),
        ({"port": 9101}, "metrics.port"),
    ],
)
def test_what_is_no_address_is_named(said: dict[str, object], key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse({"metrics": said})

    assert caught.value.key == key


@pytest.mark.parametrize(("said", "listen"), [("", None), ("0.0.0.0:9101", ("0.0.0.0", 9101))])
def test_a_process_of_its_own_may_say_it(
    tmp_path: Path, said: str, listen: tuple[str, int] | None
) -> None:
    path = tmp_path / "xinshi.toml"
    path.write_text('[metrics]\nlisten = "127.0.0.1:9300"\n', "utf-8")

    found = load(path, environment={"XINSHI_METRICS_LISTEN": said})

    assert found.metrics.listen == listen
    assert load(path, environment={}).metrics.listen == ("127.0.0.1", 9300)
