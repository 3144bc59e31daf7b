"""``xinshi events``: to look without taking, or to take as a group."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from worker.contract import keys
from worker.contract.settings import environment
from worker.store.client import Store
from worker.store.feed import emit

Xinshi = Callable[..., Any]
NUMBER = "13800138000"


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    store = Store(redis_url, timeout=10.0)
    yield store
    store.close()


@pytest.fixture
def message_id(xinshi: Xinshi) -> str:
    """A message that was sent and taken back."""
    found = str(xinshi("send", NUMBER, "--text", "您的包裹已到", "--json").lines[0]["id"])
    xinshi("cancel", found)
    return found


def test_the_last_ones_are_shown_masked_and_stay_for_others(
    xinshi: Xinshi, message_id: str, raw: redis.Redis
) -> None:
    ran, again = xinshi("events"), xinshi("events")

    accepted, cancelled = ran.out.splitlines()
    assert (ran.code, again.out) == (0, ran.out)
    assert accepted.split()[2:4] == ["accepted", f"id={message_id}"]
    assert "to=+86138****8000" in accepted
    assert cancelled.endswith("reason=by the producer  attempts=0  segments=1")
    assert "包裹" not in ran.out
    assert NUMBER not in ran.out
    assert raw.xinfo_groups(keys.EVENTS) == []


def test_as_json_they_are_what_webhooks_post(xinshi: Xinshi, message_id: str) -> None:
    first, _ = xinshi("events", "--json").lines

    assert list(first) == ["id", "type", "at", "data"]
    assert (first["type"], first["data"]["id"]) == ("accepted", message_id)
    assert first["at"].endswith("Z")


def test_only_the_last_so_many_of_a_type(xinshi: Xinshi, store: Store) -> None:
    told = [store.run(emit(kind, {})) for kind in ["inbound", "opt_out"] * 1200]

    ran = xinshi("events", "--type", "inbound", "--last", "2", "--json")
    many = xinshi("events", "--last", "2200", "--json")

    assert [each["id"] for each in ran.lines] == told[-4::2]
    assert [each["id"] for each in many.lines] == told[-2200:]
    assert len(xinshi("events", "--json").lines) == 20


def test_a_group_takes_each_event_once(xinshi: Xinshi, message_id: str) -> None:
    first = xinshi("events", "--group", "billing", "--json")
    again = xinshi("events", "--group", "billing", "--json")
    other = xinshi("events", "--group", "other", "--type", "cancelled", "--json")

    assert [each["type"] for each in first.lines] == ["accepted", "cancelled"]
    assert (again.code, again.out) == (0, "")
    assert [each["type"] for each in other.lines] == ["cancelled"]


@pytest.mark.parametrize("group", [(), ("--group", "g")])
def test_it_goes_on_with_those_to_come(
    config: Path, store: Store, raw: redis.Redis, group: tuple[str, ...]
) -> None:
    first = store.run(emit("inbound", {"account": "a"}))
    command = [sys.executable, "-m", "producers", "--config", str(config), "events"]
    with subprocess.Popen(
        [*command, "--follow", "--json", *group],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(PYTHONPATH=str(Path(__file__).parents[2])),
    ) as process:
        assert process.stdout is not None
        seen = [json.loads(process.stdout.readline())["id"]]
        later = [store.run(emit("inbound", {"account": "a"})) for _ in range(2)]
        seen += [json.loads(process.stdout.readline())["id"] for _ in range(2)]
        process.terminate()

    assert seen == [first, *later]


def test_what_would_not_work_is_refused(xinshi: Xinshi) -> None:
    both = xinshi("events", "--group", "g", "--last", "5")
    kind = xinshi("events", "--type", "lost")
    name = xinshi("events", "--group", " ")

    assert (both.code, kind.code, name.code) == (2, 2, 2)
    assert "--last" in both.err
    assert "group: " in name.err


def test_none_is_no_error(xinshi: Xinshi) -> None:
    assert (xinshi("events").code, xinshi("events").out) == (0, "")


def test_a_server_that_is_away_is(bare: Xinshi) -> None:
    ran = bare("--redis-url", "redis://127.0.0.1:1/0", "events")

    assert ran.code == 1
    assert "cannot be reached" in ran.err
