"""What the claim is told about each account."""

from typing import Any

import msgspec
import pytest

from worker import vendors
from worker.contract.durations import Window
from worker.contract.record import Record
from worker.contract.settings import Settings, WorkerSettings, parse
from worker.contract.status import Status, Stream
from worker.delivery import limits

TABLE: dict[str, Any] = {
    "vendors": {
        "texts": {"adapter": "zhenzi", "app_id": "1", "app_secret": "2"},
        "forms": {"adapter": "largesms", "appcode": "3"},
    },
    "routes": {"otp": ["forms", "texts"], "notice": ["texts"]},
    "templates": {
        "otp": {"text": "验证码{code}", "largesms": {"skin": "1", "params": ["code"]}},
        "own": {"text": "验证码{code}", "forms": {"skin": "2", "params": ["code"]}},
        "other": {"text": "您好{code}", "texts": {"template_id": "1", "params": ["code"]}},
    },
    "worker": {"grace": "7s"},
}


def settings(**vendor: Any) -> Settings:
    table = {**TABLE["vendors"], "forms": {**TABLE["vendors"]["forms"], **vendor}}
    return parse({**TABLE, "vendors": table})


def unpacked(found: Settings, stream: Stream = Stream.OTP) -> list[dict[str, Any]]:
    packed = limits.pack(stream, found, vendors.load_all(found))
    accounts: list[dict[str, Any]] = msgspec.msgpack.decode(packed)["accounts"]
    return accounts


def test_a_stream_has_the_accounts_of_its_route_best_first() -> None:
    found = settings()

    assert [each["name"] for each in unpacked(found)] == ["forms", "texts"]
    assert [each["name"] for each in unpacked(found, Stream.NOTICE)] == ["texts"]
    assert [each["name"] for each in unpacked(found, Stream.MARKETING)] == ["texts", "forms"]


def test_an_account_has_its_adapters_limits_where_the_settings_name_none() -> None:
    forms, texts = unpacked(settings())

    assert forms == {
        "name": "forms",
        "sign": "",
        "max_length": 200,
        "templates_only": True,
        "templates": {"otp": True, "own": True},
        "windows": [[1, 60_000], [15, 0]],
        "learns": True,
        "interval": 0,
        "share": 0.0,
        "burst": 50.0,
        "concurrency": 0,
        "life": 17_000,
    }
    assert texts["windows"] == []
    assert texts["templates"] == {"other": True}


def test_the_settings_limits_win_over_the_adapters() -> None:
    found = settings(
        limits={"per_number": ["2/1h"], "per_second": 20, "concurrency": 5},
        timeouts={"total": "3s"},
    )

    forms = unpacked(found)[0]

    assert forms["windows"] == [[2, 3_600_000]]
    assert (forms["interval"], forms["concurrency"], forms["life"]) == (50.0, 5, 10_000)


def test_an_empty_list_means_no_windows() -> None:
    found = settings(limits={"per_number": []})

    assert unpacked(found)[0]["windows"] == []
    assert limits.pack_windows(()) == b""


def test_a_window_shorter_than_a_millisecond_does_not_become_the_day() -> None:
    assert msgspec.msgpack.decode(limits.pack_windows((Window.parse("1/0.0004s"),))) == [[1, 1]]


def test_an_attempt_lives_as_long_as_the_call_and_the_grace() -> None:
    account = settings().vendors["forms"]

    assert limits.life(account, WorkerSettings(grace=2.5)) == account.timeouts.total + 2.5


@pytest.mark.parametrize(
    ("account", "template", "pin", "length", "carried"),
    [
        ("texts", "", "", 70, True),
        ("texts", "otp", "", 70, True),
        ("texts", "", "forms", 70, False),
        ("texts", "", "", 1041, False),
        ("forms", "", "", 70, False),
        ("forms", "otp", "", 70, True),
        ("forms", "own", "forms", 70, True),
        ("forms", "other", "", 70, False),
        ("forms", "otp", "", 201, False),
    ],
)
def test_what_an_account_carries_is_said_here_as_the_claim_says_it(
    account: str, template: str, pin: str, length: int, carried: bool
) -> None:
    found = settings()
    record = Record(
        status=Status.SUBMITTING,
        stream=Stream.OTP,
        to="+8613800138000",
        content="",
        length=length,
        segments=1,
        template=template,
        pin=pin,
        tag="",
        created=0,
        due=0,
        expires=1,
        updated=0,
    )

    vendor = vendors.load_all(found)[account]

    assert limits.carries(account, found, vendor, record) is carried


def plan(stream: Stream, **more: Any) -> dict[str, Any]:
    found = parse({**TABLE, **more})
    packed = limits.pack(stream, found, vendors.load_all(found))
    unpacked: dict[str, Any] = msgspec.msgpack.decode(packed)
    return unpacked


def test_without_settings_of_its_own_a_plan_holds_nobody_up() -> None:
    found = plan(Stream.NOTICE)

    assert found["caps"] == {"number": [], "prefix": [], "tag": []}
    assert (found["quiet"], found["evade"]) == (False, False)
    assert plan(Stream.OTP)["evade"] is True
    assert plan(Stream.MARKETING)["quiet"] == [21 * 60, 8 * 60, 1_800_000]


def test_a_plan_has_the_streams_caps_and_everybodys_brakes() -> None:
    more = {
        "streams": {"otp": {"per_number": ["1/60s", "10/day"]}},
        "brake": {"prefix": ["200/10m"], "tag": ["1000/1h"]},
    }

    assert plan(Stream.OTP, **more)["caps"] == {
        "number": [[1, 60_000], [10, 0]],
        "prefix": [[200, 600_000]],
        "tag": [[1000, 3_600_000]],
    }
    assert plan(Stream.NOTICE, **more)["caps"]["number"] == []
    assert plan(Stream.NOTICE, **more)["caps"]["tag"] == [[1000, 3_600_000]]


def test_otp_may_use_all_of_the_rate_and_the_others_leave_it_its_share() -> None:
    found = settings(limits={"per_second": 100, "otp_share": 0.3})

    def share(stream: Stream) -> float:
        shares: dict[str, float] = {each["name"]: each["share"] for each in unpacked(found, stream)}
        return shares["forms"]

    assert (share(Stream.OTP), share(Stream.MARKETING)) == (0.0, 0.3)


def test_the_order_asked_for_is_the_plans() -> None:
    found = settings()

    packed = limits.pack(Stream.OTP, found, vendors.load_all(found), ["texts", "forms"])

    assert [each["name"] for each in msgspec.msgpack.decode(packed)["accounts"]] == [
        "texts", "forms",
    ]  # fmt: skip
