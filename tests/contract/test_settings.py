"""xinshi.toml: what it may say, and how a mistake is told."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from worker.contract.durations import QuietHours, Window
from worker.contract.errors import SettingsError
from worker.contract.settings import Breaker, Durability, Resend, Settings, load, parse
from worker.contract.status import Stream

WHOLE = """
redis_url = "redis://:hidden@somewhere:6379/3"

[vendors.tencent]
adapter = "tencent"
base_url = "https://example.invalid/release"
secret_key = "hidden"

[vendors.tencent.limits]
per_number = ["1/60s", "15/day"]
per_second = 100
concurrency = 50

[vendors.tencent.timeouts]
connect = 1.5
total = "8s"

[vendors.zhenzi]
adapter = "zhenzi"

[routes]
otp = ["zhenzi", "tencent"]

[streams.otp]
validity = "3m"

[templates.otp]
text = "您的验证码是{code}，{minutes}分钟内有效，{code}"
signature = "【信使】"
largesms = { skin = "1", params = ["code", "minutes"], sign = "123" }

[defaults]
signature = "信使"

[store]
timeout = 1
retention = "3d"

[gateway]
listen = "127.0.0.1:8080"
api_keys = { app1 = "hidden" }
"""


def read(text: str) -> Settings:
    return parse(tomllib.loads(text))


def test_a_whole_file_is_read() -> None:
    found = read(WHOLE)

    tencent = found.vendors["tencent"]
    assert tencent.adapter == "tencent"
    assert tencent.options == {"secret_key": "hidden"}
    assert tencent.limits.per_number == (Window(1, 60), Window(15, 0))
    assert (tencent.limits.per_second, tencent.limits.concurrency) == (100, 50)
    assert (tencent.timeouts.connect, tencent.timeouts.total) == (1.5, 8.0)
    assert found.streams[Stream.OTP].validity == 180
    assert found.streams[Stream.OTP].attempts == 3
    assert found.templates["otp"].signature == "信使"
    assert found.templates["otp"].forms["largesms"]["skin"] == "1"
    assert found.store.timeout == 1
    assert found.store.retention == 3 * 86400
    assert found.signature == "信使"


def test_no_secret_is_in_its_representation() -> None:
    assert "hidden" not in repr(read(WHOLE))


def test_nothing_at_all_is_enough() -> None:
    found = parse({})

    assert found.redis_url == "redis://127.0.0.1:6379/0"
    assert {*found.streams} == {*Stream}
    assert found.vendors == {}


def test_no_limits_is_not_the_adapters_limits() -> None:
    found = read('[vendors.a]\nadapter = "x"\n[vendors.a.limits]\nper_number = []')

    assert found.vendors["a"].limits.per_number == ()
    assert found.vendors["a"].limits.per_second is None


def test_without_a_route_every_account_serves_in_the_order_of_the_file() -> None:
    found = read(WHOLE)

    assert found.route(Stream.OTP) == ("zhenzi", "tencent")
    assert found.route(Stream.NOTICE) == ("tencent", "zhenzi")


def test_a_template_names_its_placeholders_once_and_renders() -> None:
    template = read(WHOLE).templates["otp"]

    assert template.placeholders == ("code", "minutes")
    assert template.render({"code": "{minutes}", "minutes": "5"}) == (
        "您的验证码是{minutes}，5分钟内有效，{minutes}"  # what a parameter says is not read again
    )


ONE = '[vendors.a]\nadapter = "x"\n'


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("colour = 1", "colour"),
        ("redis_url = 5", "redis_url"),
        ('redis_url = "localhost"', "redis_url"),
        ('redis_url = "memory://"', "redis_url"),
        ("vendors = 5", "vendors"),
        ("[vendors]\na = 5", "vendors.a"),
        ("[vendors.a]", "vendors.a.adapter"),
        ("[vendors.a]\nadapter = 5", "vendors.a.adapter"),
        ('[vendors."a.b"]\nadapter = "x"', "vendors.a.b"),
        ('[vendors.a]\nadapter = "x"\nbase_url = "ftp://x"', "vendors.a.base_url"),
        ('[vendors.a]\nadapter = "x"\nkey = 1.5', "vendors.a.key"),
        ('[vendors.a]\nadapter = "x"\nkey = ["x"]', "vendors.a.key"),
        ('[vendors.a]\nadapter = "x"\n[vendors.a.limits]\nper_day = 1', "vendors.a.limits.per_day"),
        (
            '[vendors.a]\nadapter = "x"\n[vendors.a.limits]\nper_number = "1/60s"',
            "vendors.a.limits.per_number",
        ),
        (
            '[vendors.a]\nadapter = "x"\n[vendors.a.limits]\nper_number = ["1/week"]',
            "vendors.a.limits.per_number",
        ),
        (
            '[vendors.a]\nadapter = "x"\n[vendors.a.limits]\nper_second = -1',
            "vendors.a.limits.per_second",
        ),
        (
            '[vendors.a]\nadapter = "x"\n[vendors.a.limits]\nconcurrency = 0',
            "vendors.a.limits.concurrency",
        ),
        (
            '[vendors.a]\nadapter = "x"\n[vendors.a.limits]\nconcurrency = true',
            "vendors.a.limits.concurrency",
        ),
        (
            '[vendors.a]\nadapter = "x"\n[vendors.a.timeouts]\ntotal = 0',
            "vendors.a.timeouts.total",
        ),
        (
            '[vendors.a]\nadapter = "x"\n[vendors.a.timeouts]\nread = 1',
            "vendors.a.timeouts.read",
        ),
        ('[routes]\notp = ["nobody"]', "routes.otp"),
        ("[routes]\notp = []", "routes.otp"),
        ('[routes]\notp = "a"', "routes.otp"),
        ('[vendors.a]\nadapter = "x"\n[routes]\nfax = ["a"]', "routes.fax"),
        ("[streams.fax]", "streams.fax"),
        ("[streams.otp]\ncolour = 1", "streams.otp.colour"),
        ("[streams.otp]\nvalidity = true", "streams.otp.validity"),
        ("[streams.otp]\nattempts = 0", "streams.otp.attempts"),
        ("[templates.t]", "templates.t.text"),
        ('[templates.t]\ntext = "x"\nlargesms = "1"', "templates.t.largesms"),
        ('[templates.t]\ntext = "x"\nsignature = "【a】b】"', "templates.t.signature"),
        ('[defaults]\nstream = "otp"', "defaults.stream"),
        ("[store]\ntimeout = 0", "store.timeout"),
        ("[store]\nsize = 1", "store.size"),
        ("[worker]\nreserve = 600", "worker.reserve"),
        ("[gateway]\nport = 1", "gateway.port"),
        *(
            (f"[streams.otp]\n{key} = {value}", f"streams.otp.{key}")
            for key, value in (
                ("per_number", '"1/60s"'),
                ("per_number", "[1]"),
                ("per_number", '["60s"]'),
                ("per_number", '["10001/day"]'),
                ("quiet_hours", '"21:00"'),
                ("quiet_hours", "21"),
                ("quiet_hours", "false"),
                ("resend_unknown", '"always"'),
                ("resend_unknown", "true"),
                ("resend_unknown", '""'),
                ("hold", "0"),
                ("hold", '"soon"'),
                ("evade_caps", '"yes"'),
                ("evade_caps", "1"),
                ("failover_rejected", "0"),
                ("spread", '"-1m"'),
                ("attempts", '"²"'),
            )
        ),
        ('[streams.notice]\nquiet_hours = "00:00-23:50"', "streams.notice.spread"),
        ('[streams.marketing]\nspread = "20h"', "streams.marketing.spread"),
        *(
            (f"{ONE}[routes]\notp = {table}", "routes.otp.a")
            for table in (
                "{ a = 0 }",
                "{ a = -1 }",
                "{ a = true }",
                '{ a = "2" }',
                "{ a = inf }",
                "{ a = nan }",
            )
        ),
        (f"{ONE}[routes]\notp = {{ b = 1 }}", "routes.otp"),
        (f"{ONE}[routes]\notp = {{}}", "routes.otp"),
        *(
            (f"{ONE}[vendors.a.limits]\notp_share = {value}", "vendors.a.limits.otp_share")
            for value in ("1", "1.5", "-0.1", "nan", "true", '"0.2"')
        ),
        ('[brake]\nprefix = "5/1m"', "brake.prefix"),
        ('[brake]\ntag = ["5"]', "brake.tag"),
        ("[brake]\nnumber = []", "brake.number"),
        ("[breaker]\nfailures = 0", "breaker.failures"),
        *((f"[breaker]\n{key} = 0", f"breaker.{key}") for key in ("open", "suspended", "longest")),
        ("[breaker]\nshut = 1", "breaker.shut"),
        ('[suppression]\nopt_out = "none"', "suppression.opt_out"),
        ("[suppression]\nopt_out = true", "suppression.opt_out"),
        ("[suppression]\nwords = []", "suppression.words"),
        ('[store]\ndurability = "disk"', "store.durability"),
        ("[store]\ndurability = 1", "store.durability"),
    ],
)
def test_a_mistake_names_its_key(text: str, key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(text)

    assert caught.value.key == key
    assert str(caught.value).startswith(f"{key}: ")


@pytest.mark.parametrize("text", ["a = ", '[vendors."x', "\ufeffa=1=2", 'x = "\\q"'])
def test_broken_toml_names_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "xinshi.toml"
    path.write_text(text, "utf-8")

    with pytest.raises(SettingsError, match="not valid TOML") as caught:
        load(path, environment={})

    assert caught.value.key == str(path)


def test_a_file_that_is_no_text_names_itself(tmp_path: Path) -> None:
    path = tmp_path / "xinshi.toml"
    path.write_bytes("signature = '信使'".encode("gb18030"))

    with pytest.raises(SettingsError, match="not valid TOML"):
        load(path, environment={})


def test_a_file_that_is_not_there_is_told_by_whoever_named_it(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere.toml")

    with pytest.raises(SettingsError) as by_argument:
        load(path, environment={})
    with pytest.raises(SettingsError) as by_environment:
        load(environment={"XINSHI_CONFIG": path})

    assert by_argument.value.key == "config"
    assert by_environment.value.key == "XINSHI_CONFIG"


def environment(**values: str) -> Settings:
    return load(environment=values)


def test_the_environment_makes_and_overrides_accounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "xinshi.toml").write_text('[vendors.my-app]\nadapter = "x"\nkey = "file"\n')

    found = load(
        environment={
            "XINSHI_VENDORS__MY_APP__KEY": "environment",
            "XINSHI_VENDORS__OTHER__ADAPTER": "y",
            "XINSHI_SOMETHING": "else",
        }
    )

    assert found.vendors["my-app"].options == {"key": "environment"}
    assert found.vendors["other"].adapter == "y"


@pytest.mark.parametrize(
    "name", ["XINSHI_VENDORS__A", "XINSHI_VENDORS____K", "XINSHI_VENDORS__A__B__C"]
)
def test_a_variable_of_another_form_is_a_mistake(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SettingsError) as caught:
        load(environment={name: "x"})

    assert caught.value.key == name


def test_the_argument_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values: dict[str, Any] = {"environment": {"XINSHI_REDIS_URL": "redis://environment/0"}}

    assert load(**values).redis_url == "redis://environment/0"
    assert load(redis_url="redis://argument/0", **values).redis_url == "redis://argument/0"


def test_by_default_marketing_is_quiet_at_night_and_nobody_else() -> None:
    found = parse({}).streams

    assert found[Stream.MARKETING].quiet_hours == QuietHours(21 * 60, 8 * 60)
    assert [found[each].quiet_hours for each in (Stream.OTP, Stream.NOTICE)] == [None, None]


def test_by_default_only_otp_goes_again_or_elsewhere() -> None:
    found = parse({}).streams

    assert {each: found[each].resend_unknown for each in Stream} == {
        Stream.OTP: Resend.SAME_ACCOUNT, Stream.NOTICE: Resend.NEVER, Stream.MARKETING: Resend.NEVER,
    }  # fmt: skip
    assert {each for each in Stream if found[each].evade_caps} == {Stream.OTP}
    assert not any(found[each].failover_rejected for each in Stream)


def test_by_default_nothing_of_our_own_holds_anybody_up() -> None:
    found = parse({})

    assert (found.brake.prefix, found.brake.tag) == ((), ())
    assert {found.streams[each].per_number for each in Stream} == {()}


def test_every_rule_of_a_stream_is_read() -> None:
    found = read(
        """
        [streams.notice]
        resend_unknown = "any"
        hold = "90s"
        evade_caps = true
        failover_rejected = true
        per_number = ["1/60s", "10/day"]
        quiet_hours = "22:30-07:00"
        spread = "1h"
        [streams.marketing]
        quiet_hours = ""
        """
    ).streams

    notice = found[Stream.NOTICE]
    assert (notice.resend_unknown, notice.hold) == (Resend.ANY, 90)
    assert (notice.evade_caps, notice.failover_rejected) == (True, True)
    assert notice.per_number == (Window(1, 60), Window(10, 0))
    assert (notice.quiet_hours, notice.spread) == (QuietHours(1350, 420), 3600)
    assert found[Stream.MARKETING].quiet_hours is None
    assert notice.attempts == 5, "what is not said keeps its default"


def test_a_route_may_have_weights() -> None:
    found = read(f'{ONE}[vendors.b]\nadapter = "x"\n[routes]\notp = {{ a = 3, b = 0.5 }}')

    assert (found.route(Stream.OTP), found.weights(Stream.OTP)) == (("a", "b"), (3.0, 0.5))
    assert found.weights(Stream.NOTICE) is None


def test_brakes_breakers_shares_and_durability_are_read() -> None:
    found = read(
        f"""
        {ONE}
        [vendors.a.limits]
        otp_share = 0
        [brake]
        prefix = ["200/10m"]
        tag = ["1000/1h", "5000/day"]
        [breaker]
        failures = 9
        open = "1s"
        suspended = 120
        longest = "1h"
        [store]
        durability = "replica"
        """
    )

    assert found.vendors["a"].limits.otp_share == 0
    assert found.brake.prefix == (Window(200, 600),)
    assert found.brake.tag == (Window(1000, 3600), Window(5000, 0))
    assert found.breaker == Breaker(failures=9, open=1, suspended=120, longest=3600)
    assert found.store.durability is Durability.REPLICA
