"""Shards: where a number lives, for ever; what an id tells; how the settings name them."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from producers.ids import new_id
from worker.contract import shards
from worker.contract.errors import SettingsError
from worker.contract.settings import Settings, load, parse
from worker.contract.shards import MOST, Placing

NUMBERS = [f"138{place:08d}" for place in range(20_000)]
URLS = ["redis://a/0", "redis://b/0"]


def names(many: int) -> list[str]:
    return [str(place) for place in range(many)]


def homes(many: int) -> list[int]:
    placing = Placing(names(many))
    return [placing.of(number) for number in NUMBERS]


def test_where_a_number_lives_never_changes() -> None:
    """What is stored depends on it: other values here are a loss of every per-number limit."""
    three, named = Placing(names(3)), Placing(["beijing", "shanghai"])
    numbers = [f"1380013800{digit}" for digit in range(10)]

    assert [three.of(number) for number in numbers] == [2, 2, 1, 2, 0, 0, 0, 0, 1, 2]
    assert [named.of(number) for number in numbers] == [0, 1, 1, 0, 1, 0, 0, 1, 1, 0]


def test_both_forms_of_a_number_live_at_one_place() -> None:
    placing = Placing(names(5))

    assert all(placing.of(f"+86{number}") == placing.of(number) for number in NUMBERS[:100])


@pytest.mark.parametrize("many", [2, 3, 8, MOST])
def test_each_shard_has_its_part_of_the_numbers(many: int) -> None:
    counts = Counter(homes(many))

    assert len(counts) == many
    assert max(counts.values()) < 1.25 * len(NUMBERS) / many
    assert min(counts.values()) > 0.75 * len(NUMBERS) / many


@pytest.mark.parametrize("many", [1, 2, 3, 7])
def test_one_more_shard_takes_over_its_part_and_nothing_else_moves(many: int) -> None:
    before, after = homes(many), homes(many + 1)
    moved = [(one, other) for one, other in zip(before, after, strict=True) if one != other]

    assert {other for _, other in moved} == {many}
    assert len(moved) == pytest.approx(len(NUMBERS) / (many + 1), rel=0.1)


def test_the_order_of_names_moves_no_number() -> None:
    one, other = Placing(["a", "b", "c"]), Placing(["c", "a", "b"])

    for number in NUMBERS[:200]:
        assert "abc"[one.of(number)] == "cab"[other.of(number)]


@pytest.mark.parametrize("many", [2, 3, MOST])
def test_an_id_tells_the_shard_of_its_number(many: int) -> None:
    placing = Placing(names(many))
    for number in NUMBERS[:200]:
        message_id = placing.marked(new_id(), number)

        assert len(message_id) == 26
        assert placing.of_id(message_id) == placing.of(number)
        assert placing.order(message_id)[0] == placing.of(number)


def test_ids_with_a_mark_still_sort_by_time_and_differ() -> None:
    placing = Placing(names(2))
    made = [new_id() for _ in range(1000)]
    marked = [placing.marked(each, NUMBERS[0]) for each in made]

    assert [each[:10] for each in marked] == [each[:10] for each in made]
    assert len(set(marked)) == len(marked)


def test_every_shard_is_asked_for_an_id_that_tells_none() -> None:
    placing = Placing(names(3))

    for message_id in ("", "short", "0" * 10 + "u" + "0" * 15, "0" * 10 + "z" + "0" * 15):
        assert placing.of_id(message_id) is None
        assert sorted(placing.order(message_id)) == [0, 1, 2]


def test_one_server_has_everything_and_ids_are_left_alone() -> None:
    placing = Placing(["0"])
    message_id = new_id()

    assert placing.marked(message_id, NUMBERS[0]) == message_id
    assert placing.order(message_id) == (0,)
    assert {placing.of(number) for number in NUMBERS[:50]} == {0}


def test_several_servers_are_read_in_their_order() -> None:
    found = parse({"redis_urls": URLS})

    assert [(each.name, each.url) for each in found.cells] == [
        ("0", "redis://a/0"),
        ("1", "redis://b/0"),
    ]
    assert found.redis_url == "redis://a/0"


def test_shards_may_have_names_of_their_own() -> None:
    found = parse({"redis_urls": {"north": "redis://a/0", "south": "redis://b/0"}})

    assert [each.name for each in found.cells] == ["north", "south"]


def test_one_server_is_the_only_shard() -> None:
    assert [each.url for each in Settings(redis_url="redis://a/0").cells] == ["redis://a/0"]
    assert len(parse({"redis_urls": ["redis://a/0"]}).cells) == 1


def test_no_address_is_in_its_representation() -> None:
    assert "redis" not in repr(parse({"redis_urls": ["redis://:secret@a/0", *URLS[1:]]}).shards)


@pytest.mark.parametrize(
    "urls",
    [
        [],
        "redis://a/0",
        [5],
        ["redis://a/0", "redis://a/0"],
        ["redis://a/0", "nothing"],
        {"Upper": "redis://a/0"},
        {"n": 5},
        [f"redis://a/{place}" for place in range(MOST + 1)],
    ],
)
def test_a_mistake_names_its_key(urls: object) -> None:
    with pytest.raises(SettingsError, match=r"^redis_urls"):
        parse({"redis_urls": urls})


def test_either_one_server_or_several() -> None:
    with pytest.raises(SettingsError, match=r"^redis_urls: set this or redis_url"):
        parse({"redis_url": "redis://a/0", "redis_urls": URLS})


def read(tmp_path: Path, environment: Mapping[str, str], text: str = "") -> Settings:
    path = tmp_path / "xinshi.toml"
    path.write_text(text)
    return load(path, environment=environment)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("redis://a/0,redis://b/0", {"0": "redis://a/0", "1": "redis://b/0"}),
        (" redis://a/0, rediss://b/0 ", {"0": "redis://a/0", "1": "rediss://b/0"}),
        ("n=redis://a/0,s=redis://b/0", {"n": "redis://a/0", "s": "redis://b/0"}),
        (
            "sentinel://h1:1,h2:2/one/0,sentinel://h3,h4/two/0",
            {"0": "sentinel://h1:1,h2:2/one/0", "1": "sentinel://h3,h4/two/0"},
        ),
        (
            "redis://:p,ss@a/0?x=1,2,redis://b/0",
            {"0": "redis://:p,ss@a/0?x=1,2", "1": "redis://b/0"},
        ),
    ],
)
def test_the_environment_may_name_them(tmp_path: Path, said: str, expected: dict[str, str]) -> None:
    found = read(tmp_path, {"XINSHI_REDIS_URLS": said}, 'redis_url = "redis://file/0"')

    assert {each.name: each.url for each in found.cells} == expected


@pytest.mark.parametrize("said", ["n=redis://a/0,redis://b/0", "n=redis://a/0,n=redis://b/0"])
def test_all_have_names_or_none(tmp_path: Path, said: str) -> None:
    with pytest.raises(SettingsError, match="a name of its own"):
        read(tmp_path, {"XINSHI_REDIS_URLS": said})


def test_a_file_may_hold_them(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(",".join(URLS) + "\n")

    assert len(read(tmp_path, {"XINSHI_REDIS_URLS_FILE": str(secret)}).cells) == 2


def test_the_environment_wins_over_the_file_either_way(tmp_path: Path) -> None:
    several = f"redis_urls = {URLS}".replace("'", '"')
    one = read(tmp_path, {"XINSHI_REDIS_URL": "redis://other/0"}, several)

    assert [each.url for each in one.cells] == ["redis://other/0"]
    with pytest.raises(SettingsError, match="not both"):
        read(tmp_path, {"XINSHI_REDIS_URL": URLS[0], "XINSHI_REDIS_URLS": ",".join(URLS)})


@pytest.mark.parametrize(("said", "place"), [("0", 0), ("1", 1), ("south", 1)])
def test_a_worker_serves_the_shard_that_is_said(tmp_path: Path, said: str, place: int) -> None:
    text = '[redis_urls]\nnorth = "redis://a/0"\nsouth = "redis://b/0"'

    assert read(tmp_path, {"XINSHI_SHARD": said}, text).served() == place


def test_one_server_need_not_be_said(tmp_path: Path) -> None:
    assert read(tmp_path, {}).served() == 0
    assert read(tmp_path, {"XINSHI_SHARD": "0"}).served() == 0


@pytest.mark.parametrize("said", ["2", "-1", "east", "0x1"])
def test_an_unknown_shard_is_a_mistake(tmp_path: Path, said: str) -> None:
    text = f"redis_urls = {URLS}".replace("'", '"')
    with pytest.raises(SettingsError, match=r"^XINSHI_SHARD: unknown"):
        read(tmp_path, {"XINSHI_SHARD": said}, text)


def test_of_several_a_worker_must_be_told_which(tmp_path: Path) -> None:
    text = f"redis_urls = {URLS}".replace("'", '"')
    with pytest.raises(SettingsError, match=r"^XINSHI_SHARD: missing"):
        read(tmp_path, {}, text).served()


def test_the_settings_for_one_server_have_no_shards() -> None:
    assert parse({"redis_urls": URLS}).at("redis://one/0").cells[0].url == "redis://one/0"


def test_an_account_allows_each_shard_one_attempt_at_least() -> None:
    table = {"one": {"adapter": "zhenzi", "limits": {"concurrency": 1}}}

    assert parse({"vendors": table}).vendors["one"].limits.concurrency == 1
    with pytest.raises(SettingsError, match=r"^vendors.one.limits.concurrency: at least 2"):
        parse({"vendors": table, "redis_urls": URLS})


def test_split_keeps_one_address_whole() -> None:
    assert shards.split("sentinel://h1,h2/one/0") == ["sentinel://h1,h2/one/0"]
