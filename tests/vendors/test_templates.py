"""Vendors that carry templates: their forms are checked before anything is sent."""

from collections.abc import Callable
from typing import Any

import pytest

from worker.contract.durations import Window
from worker.contract.errors import SettingsError
from worker.vendors.base import Outgoing, Vendor

Make = Callable[..., Vendor]
Write = Callable[..., Outgoing]

CARRIERS = [("largesms", {}), ("zhenzi", {"api": "v2"})]
NAMES = {"largesms": "skin", "zhenzi": "template_id"}


@pytest.mark.parametrize(("name", "options"), CARRIERS)
def test_a_message_without_a_form_is_refused(
    name: str, options: Any, make: Make, write: Write
) -> None:
    vendor = make(name, **options)

    assert vendor.templates_only
    assert "templates only" in str(vendor.refuse(write(name, form={})))
    assert vendor.refuse(write(name)) is None


@pytest.mark.parametrize(("name", "options"), CARRIERS)
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"number": None}, "missing"),
        ({"number": ""}, "missing"),
        ({"number": True}, "string"),
        ({"number": [1]}, "string"),
        ({"params": None}, "missing"),
        ({"params": "code"}, "list"),
        ({"params": ["code", 7]}, "list"),
        ({"params": ["code", "name"]}, "no parameter 'name'"),
        ({"skim": "1"}, "unknown"),
    ],
)
def test_a_form_that_cannot_be_sent_is_named(
    *, name: str, options: Any, change: dict[str, Any], rule: str, make: Make, write: Write
) -> None:
    vendor = make(name, **options)
    key, value = next(iter(change.items()))
    key = NAMES[name] if key == "number" else key
    form = {**write(name).form, key: value}

    with pytest.raises(SettingsError, match=rule) as raised:
        vendor.check_form(form, ("code", "minutes"), f"templates.otp.{name}")

    assert raised.value.key == f"templates.otp.{name}.{key}"
    assert rule in str(vendor.refuse(write(name, form=form)))


@pytest.mark.parametrize(("name", "options"), CARRIERS)
def test_a_good_form_passes(name: str, options: Any, make: Make, write: Write) -> None:
    vendor = make(name, **options)

    vendor.check_form(write(name).form, ("minutes", "code"), "templates.otp")
    vendor.check_form({NAMES[name]: 5, "params": []}, (), "templates.otp")


@pytest.mark.parametrize("name", ["chuangxin", "tencent", "chuangrui"])
def test_a_vendor_of_free_texts_knows_no_form(name: str, make: Make) -> None:
    with pytest.raises(SettingsError, match=r"templates\.otp\.skin: unknown key"):
        make(name).check_form({"skin": "1"}, (), "templates.otp")


def test_a_bar_in_a_parameter_is_refused_by_name(make: Make, write: Write) -> None:
    vendor = make("largesms")
    message = write("largesms", params={"code": "58|73", "minutes": "3"})

    rule = vendor.refuse(message)

    assert rule is not None
    assert rule.startswith("params.code:")
    assert "|" in rule
    assert "58" not in rule


def test_a_bar_in_a_parameter_that_is_not_sent_does_not_matter(make: Make, write: Write) -> None:
    params = {"code": "5873", "minutes": "3", "shop": "a|b"}

    assert make("largesms").refuse(write("largesms", params=params)) is None


def test_the_first_api_sends_a_text_whether_or_not_there_is_a_form(
    make: Make, write: Write
) -> None:
    vendor = make("zhenzi")

    assert not vendor.templates_only
    assert vendor.refuse(write("zhenzi", form={})) is None
    assert "templateId" not in vendor.submit([write("zhenzi")]).form


def test_another_api_is_refused(make: Make) -> None:
    with pytest.raises(SettingsError, match=r"vendors\.zhenzi\.api: must be one of v1, v2"):
        make("zhenzi", api="v3")


def test_a_signature_in_the_console_does_not_count_for_the_length(make: Make, write: Write) -> None:
    longest = write("zhenzi", text="字" * 1000)

    assert make("zhenzi").refuse(longest) is None
    assert make("zhenzi", signature_in_text=True).refuse(longest) is not None


def test_without_an_id_of_ours_zhenzi_can_neither_be_asked_nor_report(make: Make) -> None:
    with_id, without = make("zhenzi"), make("zhenzi", send_message_id=False)

    assert with_id.reported
    assert with_id.query("m-1") is not None
    assert not without.reported
    assert without.query("m-1") is None


@pytest.mark.parametrize(
    ("name", "code", "windows"),
    [
        ("largesms", "102", ("60s", "day")),
        ("zhenzi", "109", ("day",)),
        ("tencent", "MA:0022", ("1800s",)),
    ],
)
def test_a_capping_code_says_how_long_it_blocks(
    name: str, code: str, windows: tuple[str, ...], make: Make
) -> None:
    vendor = make(name)

    assert vendor.windows == {code: windows}
    for window in windows:
        Window.parse(f"1/{window}")


@pytest.mark.parametrize("name", ["chuangxin", "largesms", "chuangrui", "tencent", "zhenzi"])
def test_every_code_that_caps_a_number_has_its_windows(name: str, make: Make) -> None:
    vendor = make(name)
    capping = {code for code, found in vendor.codes.items() if found.outcome == "capped"}

    assert capping <= set(vendor.windows)
    for limit in vendor.per_number:
        Window.parse(limit)


def test_only_largesms_limits_numbers_by_default(make: Make) -> None:
    limits = {name: make(name).per_number for name in NAMES | {"tencent": "", "chuangrui": ""}}

    assert limits.pop("largesms") == ("1/60s", "15/day")
    assert set(limits.values()) == {()}


@pytest.mark.parametrize(
    ("name", "reported"),
    [
        ("chuangxin", False),
        ("largesms", False),
        ("chuangrui", True),
        ("tencent", True),
        ("zhenzi", True),
    ],
)
def test_who_reports(name: str, *, reported: bool, make: Make) -> None:
    assert make(name).reported is reported
