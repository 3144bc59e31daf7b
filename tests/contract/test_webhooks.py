"""Webhooks: their settings, the signature, and which addresses are public."""

import base64
import hashlib
import hmac
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from worker.contract import addresses, signing
from worker.contract.errors import SettingsError
from worker.contract.happenings import TYPES
from worker.contract.settings import load, parse
from worker.contract.webhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
OTHER = "whsec_" + base64.b64encode(b"x" * 64).decode()
URL = "https://app.example.com/sms?token=hidden"


def webhook(**fields: Any) -> Webhook:
    return parse({"webhooks": {"app": {"url": URL, "secret": SECRET, **fields}}}).webhooks["app"]


def refused(**fields: Any) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        webhook(**fields)
    return caught.value


def test_an_endpoint_gets_all_events_unless_told_otherwise() -> None:
    found = webhook()

    assert found == Webhook(url=URL, secret=SECRET)
    assert found.events == frozenset(TYPES)
    assert (found.timeout, found.concurrency, found.allow_private) == (10.0, 16, False)
    assert webhook(events=["inbound", "delivered"]).events == {"inbound", "delivered"}


def test_neither_secret_nor_address_is_ever_shown() -> None:
    found = webhook(previous_secret=OTHER)

    for shown in (repr(found), str(found), found.host, found.digest):
        for hidden in (SECRET, OTHER, "hidden"):
            assert hidden not in shown
    assert found.host == "https://app.example.com"


def test_an_event_that_there_is_not_is_named() -> None:
    error = refused(events=["delivered", "arrived"])

    assert error.key == "webhooks.app.events"
    assert "unknown event 'arrived'; there are accepted, scheduled, " in error.rule


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("url", ""),
        ("url", "http://app.example.com/"),
        ("url", "ftp://app.example.com/"),
        ("url", "https:///path"),
        ("url", "https://app.example.com:0/"),
        ("url", "https://app.example.com:http/"),
        ("url", "https://user:password@app.example.com/"),
        ("url", "https://app.example.com/#part"),
        ("url", "https://app.example.com/a b"),
        ("url", "https://信使.example.com/"),
        ("url", "https://10.0.0.1/"),
        ("url", "https://127.0.0.1:8443/"),
        ("url", "https://169.254.169.254/latest/meta-data"),
        ("url", "https://[::1]/"),
        ("url", "https://[::ffff:10.0.0.1]/"),
        ("secret", ""),
        ("secret", "whsec_"),
        ("secret", SECRET.removeprefix("whsec_")),
        ("secret", "whsec_" + base64.b64encode(b"x" * 23).decode()),
        ("secret", "whsec_" + base64.b64encode(b"x" * 65).decode()),
        ("secret", "whsec_not base64, not base64, not base64, not base64"),
        ("previous_secret", "whsec_c2hvcnQ="),
        ("events", []),
        ("events", "delivered"),
        ("timeout", "61s"),
        ("timeout", "0s"),
        ("allow_private", "yes"),
        ("concurrency", 0),
        ("concurrency", 257),
        ("colour", "red"),
    ],
)
def test_a_wrong_setting_is_named_and_not_quoted(key: str, value: object) -> None:
    error = refused(**{key: value})

    assert error.key == f"webhooks.app.{key}"
    if key in ("secret", "previous_secret") and len(str(value)) > len("whsec_"):
        assert str(value) not in str(error)


def test_inside_ones_own_network_addresses_may_be_private_and_without_tls() -> None:
    assert webhook(url="http://127.0.0.1:8000/", allow_private=True).allow_private
    assert webhook(url="https://[fd00::1]/", allow_private=True).allow_private


def test_a_name_of_another_form_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"webhooks\.App: an endpoint's name is up to 32"):
        parse({"webhooks": {"App": {"url": URL, "secret": SECRET}}})


def test_its_secret_may_come_from_the_environment(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "xinshi.toml").write_text(f'[webhooks.my-app]\nurl = "{URL}"\n')
    (tmp_path / "secret").write_text(OTHER + "\n")

    said = load(environment={"XINSHI_WEBHOOKS__MY_APP__SECRET": SECRET})
    filed = load(environment={"XINSHI_WEBHOOKS__MY_APP__SECRET_FILE": str(tmp_path / "secret")})

    assert said.webhooks["my-app"].secret == SECRET
    assert filed.webhooks["my-app"].secret == OTHER
    with pytest.raises(SettingsError, match=r"XINSHI_WEBHOOKS__A: must be XINSHI_WEBHOOKS__<NAME>"):
        load(environment={"XINSHI_WEBHOOKS__A": "x"})


def test_the_digest_tells_settings_apart() -> None:
    plain = webhook()

    assert plain.digest == webhook(timeout="20s").digest, "its patience changes nothing there"
    changes: tuple[dict[str, Any], ...] = (
        {"url": "https://b.example.com/"}, {"secret": OTHER}, {"events": ["inbound"]},
    )  # fmt: skip
    for change in changes:
        assert webhook(**change).digest != plain.digest


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example of its reference libraries."""
    key = signing.key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    found = signing.sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')

    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_signature_is_an_hmac_of_id_time_and_body() -> None:
    digest = hmac.digest(b"0123456789abcdef01234567", b"evt_1-0.17.\xe4\xbf\xa1", hashlib.sha256)

    found = signing.sign(signing.key(SECRET), "evt_1-0", "17", "信".encode())

    assert found == "v1," + base64.b64encode(digest).decode()


PRIVATE = """
    0.0.0.0 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.8.9.10 169.254.169.254 172.16.0.1
    172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 203.0.113.5 224.0.0.1
    239.1.2.3 240.0.0.1 255.255.255.255 168.63.129.16
    :: ::1 ::10.0.0.1 ::ffff:10.0.0.1 ::ffff:127.0.0.1 64:ff9b::a00:1 64:ff9b:1::1 2001::1
    2001:db8::1 2002:a00:1::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 100::1
"""
PUBLIC = """
    1.1.1.1 8.8.8.8 101.37.0.1 172.32.0.1 192.169.0.1 100.128.0.1
    2400:3200::1 2606:4700:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808
"""


@pytest.mark.parametrize("text", PRIVATE.split())
def test_an_address_inside_some_network_is_not_public(text: str) -> None:
    assert not addresses.is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC.split())
def test_an_address_of_the_internet_is_public(text: str) -> None:
    assert addresses.is_public(ip_address(text))


def test_a_name_is_no_address() -> None:
    assert addresses.literal("app.example.com") is None
    assert addresses.literal("[::1]") == ip_address("::1")


def test_every_type_is_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text("utf-8")

    assert [each for each in TYPES if f"`{each}`" not in text] == []
