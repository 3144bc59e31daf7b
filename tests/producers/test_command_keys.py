"""``xinshi keys``: secrets that the settings take, and nothing that the settings could leak."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
import redis

from producers.gateway.keyring import Keyring
from producers.gateway.problems import Problem
from tests.dump import everything
from worker.contract import settings as reading
from worker.contract.errors import SettingsError

Xinshi = Callable[..., Any]


def keyring(**keys: object) -> Keyring:
    return Keyring(reading.parse({"gateway": {"api_keys": keys}}).gateway.api_keys)


def test_an_app_comes_in_with_the_key_whose_hash_the_settings_have(bare: Xinshi) -> None:
    (made,) = bare("keys", "api", "--json").lines
    ring = keyring(app1={"key_hash": made["key_hash"], "streams": ["otp"]})

    assert ring.authorize(f"Bearer {made['key']}").name == "app1"
    assert len(made["key"]) >= 40
    for wrong in (made["key_hash"], made["key"][:-1], ""):
        with pytest.raises(Problem):
            ring.authorize(f"Bearer {wrong}")


def test_a_key_and_its_hash_stand_beside_each_other_until_all_have_changed(bare: Xinshi) -> None:
    (made,) = bare("keys", "api", "--json").lines
    ring = keyring(old="an-old-key", new={"key_hash": made["key_hash"]})

    assert ring.authorize("Bearer an-old-key").name == "old"
    assert ring.authorize(f"Bearer {made['key']}").name == "new"


def test_each_key_is_another_one(bare: Xinshi) -> None:
    ran = [bare("keys", "api", "--json").lines[0]["key"] for _ in range(3)]
    texts = [bare("keys", "new", "--json").lines[0]["text_key"] for _ in range(3)]
    numbers = [bare("keys", "number", "--json").lines[0]["number_key"] for _ in range(3)]

    assert len({*ran, *numbers, *texts}) == 9
    assert reading.parse({"privacy": {"text_keys": texts}}).privacy.text_keys == (*texts,)
    assert reading.parse({"privacy": {"number_key": numbers[0]}}).privacy.number_key == numbers[0]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ({"key_hash": "sha256$12"}, "gateway.api_keys.a.key_hash: must be as xinshi keys api"),
        ({"key_hash": "md5$" + "0" * 64}, "gateway.api_keys.a.key_hash: must be as"),
        ({"key_hash": "sha256$" + "0" * 64, "key": "k"}, "a.key_hash: give either key or key_hash"),
        ({"key_hash": "sha256$" + "0" * 64, "role": "operator"}, "a.key_hash: an operator's key"),
    ],
)
def test_a_hash_that_is_none_is_refused(key: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as told:
        keyring(a=key)

    assert said in str(told.value)


def test_the_hash_of_another_keys_key_is_the_same_key(bare: Xinshi) -> None:
    (made,) = bare("keys", "api", "--json").lines

    with pytest.raises(SettingsError, match="is the same key as another one's"):
        keyring(a=made["key"], b={"key_hash": made["key_hash"]})


def test_the_doctor_tells_of_keys_in_clear_and_not_which(xinshi: Xinshi, config: Any) -> None:
    config.write_text(config.read_text() + '[gateway.api_keys]\napp1 = "in-clear-5526"\n')

    ran = xinshi("doctor", "--json")

    told = [json.dumps(each) for each in ran.lines[0]["checks"] if each["check"] == "api keys"]
    assert len(told) == 1
    assert "app1" in told[0]
    assert "in-clear-5526" not in ran.out


@pytest.fixture
def keyed(xinshi: Xinshi, config: Any) -> Callable[..., Any]:
    """Run a command line with text keys."""
    plain = config.read_text()

    def call(keys: list[str], *args: str) -> Any:
        config.write_text(f"{plain}\n[privacy]\ntext_keys = {json.dumps(keys)}\n")
        return xinshi(*args)

    return call


def test_a_rotation_leaves_nothing_that_needs_the_older_key(
    keyed: Callable[..., Any], bare: Xinshi, raw: "redis.Redis"
) -> None:
    old, new = (bare("keys", "new", "--json").lines[0]["text_key"] for _ in range(2))
    ran = keyed([old], "send", "13800138000", "--text", "机密-4711", "--json")
    assert "4711" not in repr(everything(raw))

    ran = keyed([new, old], "keys", "rotate")
    assert (ran.code, ran.err) == (0, "")
    said = "sealed by the newest key: 1 messages, 0 shared texts, 0 replies, 0 pages\n"
    assert ran.out == said

    (done,) = keyed([new], "keys", "rotate", "--json").lines
    assert set(done.values()) == {0}, "nothing is left to do, and the new key opens everything"
    assert "4711" not in repr(everything(raw))


def test_a_rotation_says_what_none_of_its_keys_opens(
    keyed: Callable[..., Any], bare: Xinshi
) -> None:
    old, new = (bare("keys", "new", "--json").lines[0]["text_key"] for _ in range(2))
    keyed([old], "send", "13800138000", "--text", "机密-4711")

    ran = keyed([new], "keys", "rotate")

    assert ran.code == 1
    assert "1 stay as they are, as none of the keys opens them" in ran.out


def test_a_rotation_without_keys_is_bad_usage(keyed: Callable[..., Any]) -> None:
    ran = keyed([], "keys", "rotate")

    assert ran.code == 2
    assert "there are no text_keys in [privacy]: xinshi keys new" in ran.err


def test_the_doctor_says_that_texts_are_sealed_or_what_is_missing_for_it(
    keyed: Callable[..., Any], bare: Xinshi, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = bare("keys", "new", "--json").lines[0]["text_key"]

    def told() -> list[str]:
        found = keyed([key], "doctor", "--json").lines[0]["checks"]
        return [repr(each) for each in found if each["check"] == "text keys"]

    (well,) = told()
    monkeypatch.setitem(sys.modules, "cryptography.fernet", None)
    (missing,) = told()

    assert "texts are sealed; 1 can open them" in well
    assert "xinshi[crypto]" in missing
    assert key not in well + missing
