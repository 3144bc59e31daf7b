"""[gateway]: what it may say, and how a mistake is named."""

import tomllib
from typing import Any

import pytest

from producers.gateway.keyring import Keyring
from producers.gateway.problems import Problem
from worker.contract.errors import SettingsError
from worker.contract.gateway import Role
from worker.contract.settings import ApiKey, GatewaySettings, parse
from worker.contract.status import Stream

WATCH = 'key = "sixteen-and-more", role = "operator"'


def read(text: str) -> GatewaySettings:
    return parse(tomllib.loads(f"[gateway]\n{text}")).gateway


def test_nothing_said_is_the_default() -> None:
    assert parse({}).gateway == read("") == GatewaySettings()
    assert read("").listen == ("127.0.0.1", 8080)


def test_a_whole_table_is_read() -> None:
    found = read(
        """
        listen = "[::1]:9"
        trusted_proxies = ["10.0.0.0/8", "::1"]
        max_body = 1
        max_callback = 2
        max_params = 3
        timeout = "4s"
        api_keys.plain = "secret"
        api_keys.night = { key = "sixteen-and-more", role = "operator" }
        api_keys.full = { key = "s2", streams = ["otp"], signatures = ["【信使】"], per_second = 1.5 }
        """
    )

    assert (found.listen, found.max_body, found.max_callback) == (("::1", 9), 1, 2)
    assert (found.max_params, found.timeout) == (3, 4.0)
    assert [str(each) for each in found.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    plain, full = found.api_keys["plain"], found.api_keys["full"]
    assert (plain.key, plain.streams) == ("secret", frozenset(Stream))
    assert (plain.signatures, plain.per_second) == (None, None)
    assert (plain.role, found.api_keys["night"].role) == (Role.APP, Role.OPERATOR)
    assert full.streams == {Stream.OTP}
    assert (full.signatures, full.per_second) == (frozenset({"信使"}), 1.5)
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("port = 1", "gateway.port"),
        ("listen = 1", "gateway.listen"),
        ('listen = "8080"', "gateway.listen"),
        ('listen = "host:70000"', "gateway.listen"),
        ("max_body = 0", "gateway.max_body"),
        ("timeout = 0", "gateway.timeout"),
        ("trusted_proxies = 1", "gateway.trusted_proxies"),
        ('trusted_proxies = ["10.0.0.1/8"]', "gateway.trusted_proxies"),
        ('trusted_proxies = ["host"]', "gateway.trusted_proxies"),
        ('api_keys = "secret"', "gateway.api_keys"),
        ("api_keys.a = 1", "gateway.api_keys.a.key"),
        ('api_keys.a = ""', "gateway.api_keys.a.key"),
        ('api_keys.a = "two words"', "gateway.api_keys.a.key"),
        ("api_keys.a = {}", "gateway.api_keys.a.key"),
        ('api_keys."a:b" = "x"', "gateway.api_keys.a:b"),
        ('api_keys.a = "x"\napi_keys.b = "x"', "gateway.api_keys.b"),
        ('api_keys.a = { key = "x", colour = 1 }', "gateway.api_keys.a.colour"),
        ('api_keys.a = { key = "x", streams = "otp" }', "gateway.api_keys.a.streams"),
        ('api_keys.a = { key = "x", streams = ["fax"] }', "gateway.api_keys.a.streams"),
        ('api_keys.a = { key = "x", signatures = [1] }', "gateway.api_keys.a.signatures"),
        ('api_keys.a = { key = "x", per_second = 0 }', "gateway.api_keys.a.per_second"),
        ('api_keys.a = { key = "x", role = "king" }', "gateway.api_keys.a.role"),
        ('api_keys.a = { key = "x", role = 1 }', "gateway.api_keys.a.role"),
        ('api_keys.a = { key = "fifteen-letters", role = "operator" }', "gateway.api_keys.a.key"),
        (f"api_keys.a = {{ {WATCH}, streams = [] }}", "gateway.api_keys.a.streams"),
        (f"api_keys.a = {{ {WATCH}, signatures = [] }}", "gateway.api_keys.a.signatures"),
        (f"api_keys.a = {{ {WATCH}, per_second = 1 }}", "gateway.api_keys.a.per_second"),
        (f"api_keys.a = {{ {WATCH}, colour = 1 }}", "gateway.api_keys.a.colour"),
    ],
)
def test_a_mistake_names_its_key(text: str, key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(text)

    assert caught.value.key == key


def test_a_rate_is_held_over_time() -> None:
    now = [0.0]
    key = ApiKey(name="a", key="k", per_second=10)
    ring = Keyring({"a": key}, clock=lambda: now[0])
    passed = 0

    for _ in range(1000):  # ten seconds, a hundred tries each
        now[0] += 0.01
        try:
            ring.admit(key)
        except Problem:
            continue
        passed += 1

    assert 100 <= passed <= 111


def test_a_slow_rate_says_how_long_to_wait() -> None:
    key = ApiKey(name="a", key="k", per_second=0.1)
    ring = Keyring({"a": key}, clock=lambda: 0.0)
    ring.admit(key)

    with pytest.raises(Problem) as caught:
        ring.admit(key)

    assert caught.value.headers == {"Retry-After": "10"}


@pytest.mark.parametrize("header", ["Bearer k", "bearer k", "  BEARER   k "])
def test_the_scheme_is_read_as_http_wants_it(header: str) -> None:
    key: Any = ApiKey(name="a", key="k")

    assert Keyring({"a": key}).authorize(header) is key
