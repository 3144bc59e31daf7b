"""The scripts as files: each says what it does, fits the contract, and asks no more than Redis 6.2."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from worker.contract import keys
from worker.contract.record import Record
from worker.contract.status import FOLLOWS, Status
from worker.delivery import policy
from worker.store import scripts

LUA = {
    Path(each.name).stem: each.read_text(encoding="utf-8")
    for each in files("worker.store").joinpath("lua").iterdir()
    if each.name.endswith(".lua")
}
ACTS = sorted(name for name in LUA if not name.startswith("_"))
PARTS = sorted(name.removeprefix("_") for name in LUA if name.startswith("_"))
COMMANDS = {
    *("GET", "SET", "DEL", "INCR", "TIME"),
    *("LLEN", "LPUSH", "LRANGE", "LTRIM", "RPUSH"),
    *("MGET", "EXISTS", "PERSIST", "PEXPIRE", "PTTL", "RENAME"),
    *("HEXISTS", "SISMEMBER", "XADD", "XLEN", "XRANGE", "XTRIM"),
    *("HDEL", "HGET", "HGETALL", "HINCRBY", "HMGET", "HSET", "SADD", "SMEMBERS"),
    *("ZADD", "ZCARD", "ZCOUNT", "ZRANGE", "ZRANGEBYSCORE", "ZREVRANGEBYSCORE", "ZREM", "ZSCORE"),
}


def header(text: str) -> str:
    lines = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line)
    return "\n".join(lines)


def uses(name: str) -> list[str]:
    """The parts of a file, each behind those that it uses itself."""
    found = re.search(r"^-- uses: (.+)$", LUA[name], re.MULTILINE)
    named = found[1].split() if found else []
    return [each for part in named for each in (*uses(f"_{part}"), part)]


def test_there_are_scripts() -> None:
    assert {"accept", "claim", "settle", "defer", "release", "cancel", "sweep"} <= set(ACTS)


@pytest.mark.parametrize("name", ACTS)
def test_a_script_says_what_it_does_what_it_takes_and_what_it_returns(name: str) -> None:
    said, body = header(LUA[name]), LUA[name].removeprefix(header(LUA[name]))

    taken = {int(each) for each in re.findall(r"ARGV\[(\d+)\]", body)}
    told = {int(each) for each in re.findall(r"ARGV\[(\d+)(?:\.\.)?\]", said)}
    assert re.match(r"-- [A-Z][a-z]+ ", said)
    assert "-- returns " in said
    assert taken <= told
    assert bool(re.search(r"ARGV\[\d+\.\.\]", said)) == ("#ARGV" in body)


@pytest.mark.parametrize("name", sorted(LUA))
def test_a_script_is_short(name: str) -> None:
    assert len(LUA[name].splitlines()) <= 160
    assert all(len(line) <= 120 for line in LUA[name].splitlines())


@pytest.mark.parametrize("name", ACTS)
def test_every_act_is_carried_out_by_somebody(name: str) -> None:
    sources = Path(scripts.__file__).parent.glob("*.py")
    source = "".join(path.read_text(encoding="utf-8") for path in sources)

    assert f'scripts.load("{name}")' in source


@pytest.mark.parametrize("name", PARTS)
def test_every_part_is_used_and_named_with_what_it_needs(name: str) -> None:
    users = [each for each in ACTS if name in uses(each)]
    needs = re.search(r"^-- Needs the parts?: (.+)\.$", LUA[f"_{name}"], re.MULTILINE)

    assert users
    for user in users:
        order = uses(user)
        assert set(order) <= set(PARTS)
        for need in needs[1].split() if needs else []:
            assert order.index(need) < order.index(name)


@pytest.mark.parametrize("name", sorted(LUA))
def test_only_commands_that_redis_6_2_has(name: str) -> None:
    called = re.findall(r"redis\.call\('([A-Z]+)'", LUA[name])

    assert len(called) == len(re.findall(r"redis\.(?!sha1hex)", LUA[name]))
    assert set(called) <= COMMANDS


@pytest.mark.parametrize("name", ACTS)
def test_a_script_uses_every_part_it_loads(name: str) -> None:
    body = LUA[name] + "".join(LUA[f"_{each}"] for each in uses(name))
    for part in uses(name):
        functions = re.findall(r"^local function (\w+)", LUA[f"_{part}"], re.MULTILINE)

        assert any(len(re.findall(rf"\b{each}\(", body)) > 1 for each in functions), part


def test_every_key_has_the_same_name_in_the_scripts() -> None:
    names = scripts.load("claim").source

    for name, value in vars(keys).items():
        if name.isupper() and name != "PREFIX" and isinstance(value, str):
            assert f"local {name} = '{value}'\n" in names
    assert "local QUEUE = 'sms.'\n" in names


def test_no_key_is_the_beginning_of_another() -> None:
    """Else one message's key could be another kind's."""
    found = [
        value
        for name, value in vars(keys).items()
        if name.isupper() and name != "PREFIX" and isinstance(value, str)
    ]

    assert all(value.startswith(keys.PREFIX) for value in found)
    for one in found:
        assert [other for other in found if other.startswith(one)] == [one]


def test_the_fields_of_a_record_have_their_places() -> None:
    source = scripts.load("find").source

    (line,) = re.findall(r"^local (STATUS, .+) = (.+)$", source, re.MULTILINE)
    assert line[0].split(", ") == [each.upper() for each in Record.__struct_fields__]
    assert [int(each) for each in line[1].split(", ")] == [
        *range(1, len(Record.__struct_fields__) + 1)
    ]


def test_the_table_of_statuses_is_the_contracts() -> None:
    (line,) = re.findall(r"^local FOLLOWS = \{(.+)\}$", scripts.load("find").source, re.MULTILINE)

    found = {
        name: set(re.findall(r"(\w+) = true", inside))
        for name, inside in re.findall(r"(\w+) = \{(.*?)\}", line)
    }
    assert found == {str(each): {str(after) for after in FOLLOWS[each]} for each in Status}


def test_every_status_a_script_sets_exists() -> None:
    for text in LUA.values():
        for status in re.findall(r"move\(record, '(\w+)'", text):
            assert status in set(Status)
        for status in re.findall(r"record\[STATUS\] [=~]= '(\w+)'", text):
            assert status in set(Status)


def test_a_resend_has_the_same_words_in_the_policy() -> None:
    source = LUA["_trail"]

    assert f"local RESENT = '{policy.RESENT}'" in source
    assert f"local PROVEN = '{policy.PROVEN}'" in source


def test_only_one_place_changes_a_status() -> None:
    writes = [
        name for name, text in LUA.items() if re.search(r"record\[STATUS\]\s*(=[^=]|,)", text)
    ]

    assert writes == ["_record"]


def test_a_script_is_known_by_its_digest() -> None:
    digests = {scripts.load(each).digest for each in ACTS}

    assert len(digests) == len(ACTS)
    assert scripts.load("claim") is scripts.load("claim")


@pytest.mark.parametrize(
    ("act", "begins"),
    [("accept", "local record = {"), ("replay", "local fresh = whole(cmsgpack.pack({")],
)
def test_a_new_record_ends_before_the_fields_that_say_what_happened(act: str, begins: str) -> None:
    written = LUA[act].partition(begins)[2].partition("}")[0]
    rest = LUA["_load"].partition("cmsgpack.pack({")[2].partition("})")[0]

    new = re.sub(r"\[[^\[\]]*\]|\([^()]*\)", "", written).rstrip(", \n").count(",") + 1
    assert Record.__struct_fields__[new] == "updated"
    assert new + rest.count(",") + 1 == len(Record.__struct_fields__)
