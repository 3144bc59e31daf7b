"""[privacy] and keep_texts: read from the file and the environment, and never quoted."""

from pathlib import Path

import pytest

from worker.contract import settings as reading
from worker.contract.errors import SettingsError
from worker.contract.privacy import Aliases

SECRET = "a secret of many letters"
KEY, OTHER = "k" * 43 + "=", "-_0Z" * 10 + "abc="  # as Fernet keys look


def test_a_number_key_comes_from_the_file_the_environment_or_a_file_of_its_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    config = tmp_path / "xinshi.toml"
    config.write_text(f'[privacy]\nnumber_key = "{SECRET}"\n')

    found = [
        reading.load(config, environment={}),
        reading.load(environment={"XINSHI_PRIVACY__NUMBER_KEY": SECRET}),
        reading.load(environment={"XINSHI_PRIVACY__NUMBER_KEY_FILE": str(tmp_path / "secret")}),
    ]

    assert {each.privacy.aliases.print for each in found} == {Aliases(SECRET).print}
    assert not any(SECRET in repr(each) for each in found)


def test_text_keys_come_from_the_file_the_environment_or_a_file_of_their_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "secret").write_text(f"{KEY}\n{OTHER}\n")
    config = tmp_path / "xinshi.toml"
    config.write_text(f'[privacy]\ntext_keys = ["{KEY}", "{OTHER}"]\n')

    found = [
        reading.load(config, environment={}),
        reading.load(environment={"XINSHI_PRIVACY__TEXT_KEYS": f"{KEY}, {OTHER}"}),
        reading.load(environment={"XINSHI_PRIVACY__TEXT_KEYS_FILE": str(tmp_path / "secret")}),
    ]

    assert {each.privacy.text_keys for each in found} == {(KEY, OTHER)}
    assert not any(KEY in repr(each) or OTHER in repr(each) for each in found)


@pytest.mark.parametrize("none", [[], "", None])
def test_without_text_keys_there_are_none(none: object) -> None:
    table = {} if none is None else {"text_keys": none}

    assert reading.parse({"privacy": table}).privacy.text_keys == ()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"number_key": "too-short"}, "privacy.number_key: must have 16 characters and more"),
        ({"number_key": 5}, "privacy.number_key: must be a string"),
        ({"text_keys": 5}, "privacy.text_keys: must be a list of keys, or one text"),
        ({"text_keys": [KEY, 5]}, "privacy.text_keys: must be a list of keys, or one text"),
        ({"text_keys": [KEY, "too-short"]}, "privacy.text_keys: number 2 is no key that"),
        ({"text_keys": [KEY[:-1] + "A"]}, "privacy.text_keys: number 1 is no key that"),
        ({"text_keys": [KEY, KEY]}, "privacy.text_keys: names a key twice"),
        ({"colour": "x"}, "privacy.colour: unknown key"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_is_quoted(table: object, said: str) -> None:
    with pytest.raises(SettingsError) as told:
        reading.parse({"privacy": table})

    assert said in str(told.value)
    assert "too-short" not in str(told.value)
    assert KEY[:-1] not in str(told.value)


def test_an_unknown_key_in_the_environment_is_refused_too() -> None:
    with pytest.raises(SettingsError, match=r"privacy\.colour: unknown key"):
        reading.load(environment={"XINSHI_PRIVACY__COLOUR": "x"})


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(None, 0.0), ("0s", 0.0), (0, 0.0), ("", None), ("90s", 90.0), ("7d", 7 * 86400.0)],
)
def test_texts_are_kept_as_long_as_is_said(said: object, seconds: float | None) -> None:
    table = {} if said is None else {"keep_texts": said}

    assert reading.parse({"store": table}).store.keep_texts == seconds


@pytest.mark.parametrize("said", ["for ever", "-1s", True, []])
def test_how_long_texts_are_kept_is_a_duration(said: object) -> None:
    with pytest.raises(SettingsError, match=r"store\.keep_texts: "):
        reading.parse({"store": {"keep_texts": said}})
