"""``xinshi doctor``: what it finds, and the judgements one by one."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from producers.commands import backlog, server
from producers.commands.backlog import Pile
from producers.commands.checks import Check
from worker.contract import jobs, keys, record
from worker.contract.settings import Durability
from worker.contract.status import Stream
from worker.store import balances, care, presence
from worker.store.client import Store
from worker.store.embedded import free_port
from worker.store.presence import Vitals

Xinshi = Callable[..., Any]
NUMBER = "13800138000"
HEALTHY = {
    "redis_version": "7.2.4",
    "maxmemory_policy": "noeviction",
    "maxmemory": 0,
    "used_memory": 1_000_000,
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
}


QUEUES = ("sms.otp", "sms.notice", "sms.marketing", "sms.ticks")
VITALS = Vitals(version="1", started=1, in_flight=3, queues=QUEUES)
NAME = "w@host:1"


@pytest.fixture
def store(redis_url: str) -> Store:
    return Store(redis_url)


@pytest.fixture(autouse=True)
def alive(store: Store) -> None:
    """A worker that serves everything."""
    store.run(presence.beat(NAME, VITALS))


def found(ran: Any) -> dict[str, dict[str, str]]:
    return {each["check"]: each for each in ran.lines[0]["checks"]}


def test_a_healthy_place_has_no_error(xinshi: Xinshi) -> None:
    ran = xinshi("doctor", "--json")

    checks = found(ran)
    assert ran.code == 0
    assert ran.lines[0]["verdict"] == "warning"  # the suite's server keeps nothing on disk
    assert {name for name, each in checks.items() if each["verdict"] != "ok"} == {"redis disk"}
    assert checks["route otp"]["found"] == "forms"
    assert checks["account main"]["found"] == "chuangxin, credentials are set"


def test_every_verdict_is_a_line_and_no_secret_is_shown(xinshi: Xinshi) -> None:
    ran = xinshi("doctor")

    lines = ran.out.splitlines()
    assert ran.code == 0
    assert all(line.startswith(("ok ", "warning ", "error ")) for line in lines)
    assert any(
        line.startswith("warning  redis disk") and " -> set append" in line for line in lines
    )
    assert "secret" not in ran.out
    assert ran.err == ""


def test_wrong_settings_end_it(bare: Xinshi, tmp_path: Path) -> None:
    (tmp_path / "xinshi.toml").write_text("colour = 1", "utf-8")

    ran = bare("doctor", "--json")

    assert ran.code == 1
    assert [each["verdict"] for each in ran.lines[0]["checks"]] == ["error"]
    assert found(ran)["settings"]["found"] == "colour: unknown key"


def test_every_broken_account_is_named(bare: Xinshi, tmp_path: Path, redis_url: str) -> None:
    (tmp_path / "xinshi.toml").write_text(
        f'redis_url = "{redis_url}"\n'
        '[vendors.one]\nadapter = "largesms"\n'
        '[vendors.two]\nadapter = "pigeon"\n'
        '[vendors.three]\nadapter = "largesms"\nappcode = "secret"\n'
        '[templates.t]\ntext = "您好{name}"\nlargesms = { skin = "1", params = ["x"] }\n'
        '[templates.u]\ntext = "您好"\n',
        "utf-8",
    )

    ran = bare("doctor", "--json")

    checks = found(ran)
    assert ran.code == 1
    assert "vendors.one.appcode: missing" in checks["account one"]["found"]
    assert "unknown adapter 'pigeon'" in checks["account two"]["found"]
    assert checks["account three"]["verdict"] == "ok"
    assert checks["route otp"]["verdict"] == "warning"
    assert checks["template t"]["verdict"] == "error"
    assert checks["template u"]["verdict"] == "warning"
    assert checks["template u"]["found"] == "has no form for three"


def test_a_file_that_all_may_read_is_warned_of(xinshi: Xinshi, config: Path) -> None:
    config.chmod(0o644)

    checks = found(xinshi("doctor", "--json"))

    assert checks["file mode"]["verdict"] == "warning"
    assert checks["file mode"]["advice"] == f"chmod 600 {config}"


def test_without_secrets_all_may_read_it(bare: Xinshi, tmp_path: Path, redis_url: str) -> None:
    path = tmp_path / "xinshi.toml"
    path.write_text(f'redis_url = "{redis_url}"', "utf-8")
    path.chmod(0o644)

    checks = found(bare("doctor", "--json"))

    assert "file mode" not in checks
    assert checks["accounts"]["verdict"] == "warning"


def test_without_redis_nothing_more_is_asked(bare: Xinshi) -> None:
    ran = bare("--redis-url", f"redis://:hidden@127.0.0.1:{free_port()}/0", "doctor", "--json")

    assert ran.code == 1
    assert ran.lines[0]["checks"][-1]["check"] == "redis"
    assert "cannot be reached" in found(ran)["redis"]["found"]
    assert "hidden" not in ran.out


def test_a_redis_that_hangs_is_an_error_in_time(bare: Xinshi, hung: str) -> None:
    begun = time.monotonic()

    ran = bare("--redis-url", hung, "doctor", "--json")

    assert ran.code == 1
    assert "did not answer in time" in found(ran)["redis"]["found"]
    assert time.monotonic() - begun < 60


def test_work_that_nobody_takes_is_an_error(xinshi: Xinshi, raw: redis.Redis) -> None:
    xinshi("send", NUMBER, "--text", "您好")
    fresh = found(xinshi("doctor", "--json"))["stream notice"]
    ring = raw.lpop(jobs.queue("notice"))
    assert isinstance(ring, bytes)
    old = b'"ring-%d-' % ((time.time() - 60) * 1000)
    start = ring.index(b'"ring-')
    stamp = ring[start : ring.index(b"-", start + 6) + 1]
    raw.rpush(jobs.queue("notice"), ring.replace(stamp, old))

    ran = xinshi("doctor", "--json")

    check = found(ran)["stream notice"]
    assert fresh["verdict"] == "ok"
    assert ran.code == 1
    assert check["verdict"] == "error"
    assert "1 ready, 1 rings on sms.notice, the oldest for 1 min" in check["found"]
    assert check["advice"] == "start a worker with -Q sms.notice"


def test_what_beat_should_have_moved_is_an_error(xinshi: Xinshi, raw: redis.Redis) -> None:
    long_ago = (time.time() - 120) * 1000
    raw.zadd(keys.WAITING, {"an-id": long_ago, "another": long_ago + 10**7})
    raw.sadd(keys.ACCOUNTS, "main")
    raw.zadd(f"{keys.OPEN}main", {"an-id": long_ago, "another": long_ago + 10**7})
    raw.rpush(jobs.TICKS, *[b"{}"] * 9)

    ran = xinshi("doctor", "--json")

    checks = found(ran)
    assert ran.code == 1
    assert checks["waiting"]["found"] == "2 messages, the oldest due 2 min ago"
    assert checks["attempts"]["found"] == "2 open, 1 of them past their deadline"
    assert checks["ticks"]["verdict"] == "warning"


def test_what_waits_for_its_time_is_all_right(xinshi: Xinshi, raw: redis.Redis) -> None:
    raw.zadd(keys.WAITING, {"an-id": (time.time() + 7200) * 1000})

    assert found(xinshi("doctor", "--json"))["waiting"]["found"] == "1 messages, the next in 2 h"


def test_a_pile_is_looked_at_in_the_store(xinshi: Xinshi, raw: redis.Redis, store: Store) -> None:
    message_id = xinshi("send", NUMBER, "--text", "您好", "--json").lines[0]["id"]
    packed = raw.get(keys.message(message_id))
    assert isinstance(packed, bytes)
    stored = record.decode(packed)
    stored.updated -= 90_000
    raw.set(keys.message(message_id), msgspec.msgpack.encode(stored))

    pile = backlog.pile(store, Stream.NOTICE, time.time())

    assert (pile.ready, pile.rings, pile.awake) == (1, 1, True)
    assert 89 < pile.head_age < 100
    assert pile.ring_age < 10
    assert backlog.pile(store, Stream.OTP, time.time()) == Pile()


@pytest.mark.parametrize(
    ("pile", "verdict", "word"),
    [
        (Pile(), "ok", "0 ready"),
        (Pile(ready=3, rings=1, ring_age=0.2, awake=True, head_age=0.2), "ok", "3 ready"),
        (Pile(ready=3, awake=True, head_age=30), "ok", "3 ready"),
        (Pile(rings=2, ring_age=3600), "ok", "0 ready"),  # rings without work hurt nobody
        (Pile(ready=3, rings=4, ring_age=6, awake=True), "error", "-Q sms.otp"),
        (Pile(ready=3, head_age=6), "error", "start beat"),
        (Pile(ready=3, awake=True, head_age=7200), "warning", "limits"),
    ],
)
def test_a_stream_is_judged(pile: Pile, verdict: str, word: str) -> None:
    check = backlog.stream("otp", pile)

    assert check.verdict == verdict
    assert word in check.found + check.advice


@pytest.mark.parametrize(
    ("change", "name", "verdict"),
    [
        ({}, "redis", "ok"),
        ({"redis_version": "6.2.0"}, "redis", "ok"),
        ({"redis_version": "6.0.16"}, "redis", "error"),
        ({"redis_version": "10.0"}, "redis", "ok"),
        ({"valkey_version": "9.1.2"}, "redis", "ok"),
        ({"cluster_enabled": 1}, "redis mode", "error"),
        ({"maxmemory_policy": "allkeys-lru"}, "redis memory", "error"),
        ({"maxmemory": 1_050_000}, "redis memory", "warning"),
        ({"aof_enabled": 0}, "redis disk", "warning"),
        ({"aof_last_write_status": "err"}, "redis disk", "error"),
    ],
)
def test_a_server_is_judged(change: dict[str, Any], name: str, verdict: str) -> None:
    checks: dict[str, Check] = {
        each.check: each for each in server.described(HEALTHY | change, 0.001)
    }

    assert checks[name].verdict == verdict
    assert bool(checks[name].advice) == (verdict != "ok")
    others = {each.verdict for each in checks.values() if each.check != name}
    assert others == {"ok"}


def test_a_slow_answer_is_warned_of() -> None:
    first = next(iter(server.described(HEALTHY, 0.2)))

    assert first.verdict == "warning"


@pytest.mark.parametrize(
    ("ahead", "verdict"),
    [(0.0, "ok"), (-0.9, "ok"), (1.5, "warning"), (-3, "warning"), (5.5, "error"), (-60, "error")],
)
def test_clocks_are_compared(ahead: float, verdict: str) -> None:
    assert server.clock(ahead).verdict == verdict


def test_this_machine_has_the_clock_of_its_redis(store: Store) -> None:
    assert abs(server.offset(store)) < 0.5


def test_a_replica_cannot_be_written_to(raw: redis.Redis, store: Store) -> None:
    raw.replicaof("127.0.0.1", str(free_port()))
    try:
        check = server.writable(store)
    finally:
        raw.replicaof("NO", "ONE")

    assert check.verdict == "error"
    assert "replica" in check.found
    assert server.writable(store).verdict == "ok"


@pytest.mark.parametrize(
    ("wanted", "change", "verdict"),
    [
        ("memory", {"aof_enabled": 0}, "ok"),
        ("fsync", {}, "ok"),
        ("fsync", {"appendfsync": "everysec"}, "warning"),
        ("fsync", {"aof_enabled": 0}, "error"),
        ("fsync", {"redis_version": "7.0.15"}, "error"),
        ("fsync", {"redis_version": "7.0.15", "valkey_version": "8.0.1"}, "ok"),
        ("replica", {}, "error"),
        ("replica", {"connected_slaves": 0}, "error"),
        ("replica", {"connected_slaves": 1}, "ok"),
    ],
)
def test_the_durability_asked_for_must_be_there(
    wanted: str, change: dict[str, Any], verdict: str
) -> None:
    check = server.durable(HEALTHY | change, Durability(wanted))

    assert check.verdict == verdict
    assert bool(check.advice) == (verdict != "ok")


def test_a_durability_that_the_server_lacks_is_an_error(xinshi: Xinshi, config: Path) -> None:
    config.write_text(f'{config.read_text("utf-8")}\n[store]\ndurability = "replica"\n', "utf-8")

    ran = xinshi("doctor", "--json")

    assert ran.code == 1
    assert found(ran)["durability"]["found"] == "replica, but no replica is connected"


def test_an_account_left_alone_is_warned_of(xinshi: Xinshi, work: Any) -> None:
    work.run(care.trip("main", 60, 900, "the balance is used up"))

    ran = xinshi("doctor", "--json")

    checks = found(ran)
    assert checks["breaker main"]["verdict"] == "warning"
    assert "left alone until" in checks["breaker main"]["found"]
    assert checks["breaker main"]["found"].endswith("the balance is used up")
    assert (ran.code, checks["accounts for marketing"]["verdict"]) == (1, "error")
    assert "accounts for notice" not in checks  # forms is left
    assert "breakers" not in checks


def test_a_drift_names_the_limit_to_correct(xinshi: Xinshi, raw: redis.Redis) -> None:
    raw.hset(f"{keys.STATE}forms", mapping={"drift:102": 3, "drifted": int(time.time() * 1000)})

    ran = xinshi("doctor", "--json")

    check = found(ran)["drift forms"]
    assert (ran.code, check["verdict"]) == (0, "warning")
    assert check["found"] == "code 102 throttled 3 times a number that our windows had let pass"
    assert check["advice"] == (
        "correct vendors.forms.limits.per_number, now 1/60s, 15/day; "
        "the code means one within 60s or day"
    )


def test_a_drift_of_days_ago_is_history(xinshi: Xinshi, raw: redis.Redis) -> None:
    long_ago = int((time.time() - 2 * 86400) * 1000)
    raw.hset(f"{keys.STATE}forms", mapping={"drift:102": 3, "drifted": long_ago})

    assert found(xinshi("doctor", "--json"))["drift"]["verdict"] == "ok"


def test_a_throttled_number_leaves_its_time(xinshi: Xinshi, work: Any) -> None:
    xinshi("send", NUMBER, "--text", "您好")
    (message_id,) = work.claim()
    work.defer(message_id, code="102", blocked="60000")

    check = found(xinshi("doctor", "--json"))["drift main"]

    assert check["found"].startswith("code 102 throttled 1 times")
    assert work.run(care.states(["main"])).accounts[0].drifted > 0


def test_unknown_messages_are_counted_also_those_that_stay_so(xinshi: Xinshi, work: Any) -> None:
    for _ in range(3):
        xinshi("send", NUMBER, "--text", "您好")
    ids = sorted(work.claim())
    for message_id in ids:
        work.settle(message_id, "unknown", reason="no answer in time")
    work.run(care.look(ids[0], 1, None, "stays so"))

    check = found(xinshi("doctor", "--json"))["unknown"]

    assert check["verdict"] == "warning"
    assert re.fullmatch(r"3 messages, the oldest accepted \d s ago", check["found"])
    assert check["advice"] == f"xinshi explain {ids[0]} says what is waited for"


def test_dead_letters_of_a_day_are_counted_by_reason(
    xinshi: Xinshi, work: Any, raw: redis.Redis
) -> None:
    for number in range(4):
        xinshi("send", f"1390000000{number}", "--text", "您好")
    ids = work.claim()
    for message_id in ids[:3]:
        work.settle(message_id, "rejected", code="106", reason="no such number")
    work.settle(ids[3], "rejected", reason="its template is gone")
    raw.zincrby(keys.DEAD, -90_000_000, ids[0])

    check = found(xinshi("doctor", "--json"))["dead letters"]

    assert check["verdict"] == "warning"
    assert check["found"] == (
        "3 in the last 24 h: 2 rejected (main 106 no such number), "
        "1 rejected (main its template is gone)"
    )


def test_without_trouble_all_of_it_is_fine(xinshi: Xinshi) -> None:
    checks = found(xinshi("doctor", "--json"))

    names = ("durability", "breakers", "drift", "unknown", "dead letters")
    assert {checks[name]["verdict"] for name in names} == {"ok"}


def test_a_balance_that_runs_out_or_is_old_is_told(
    bare: Xinshi, tmp_path: Path, redis_url: str, store: Store, raw: redis.Redis
) -> None:
    (tmp_path / "xinshi.toml").write_text(
        f'redis_url = "{redis_url}"\n'
        '[vendors.z]\nadapter = "zhenzi"\napp_id = "a"\napp_secret = "b"\n'
        '[vendors.y]\nadapter = "zhenzi"\napp_id = "a"\napp_secret = "b"\n'
        '[vendors.x]\nadapter = "zhenzi"\napp_id = "a"\napp_secret = "b"\nbalance_every = ""\n',
        "utf-8",
    )
    store.run(balances.keep("z", Decimal(0), "messages"))
    store.run(balances.keep("y", Decimal(5), "messages"))
    raw.set(f"{keys.POLLED}y:balance", int((time.time() - 3600) * 1000))

    checks = found(bare("doctor", "--json"))

    assert checks["balance z"]["verdict"] == "error"
    assert checks["balance z"]["found"] == "0 messages, lasts 0 h"
    assert checks["balance y"]["verdict"] == "ok"
    assert checks["poll z balance"]["verdict"] == "ok"
    assert checks["poll y balance"]["verdict"] == "warning"
    assert checks["poll y balance"]["found"] == "last 1 h ago"
    assert "balance.failed" in checks["poll y balance"]["advice"]
    assert "poll x balance" not in checks


def test_without_a_worker_doctor_says_what_to_do(xinshi: Xinshi, store: Store) -> None:
    store.run(presence.leave(NAME))
    ran = xinshi("doctor", "--json")
    store.run(presence.beat(NAME, VITALS))
    store.redis.zincrby(keys.WORKERS, -120_000, "w@host:1")

    again = found(xinshi("doctor", "--json"))

    check = found(ran)["workers"]
    assert (ran.code, check["verdict"]) == (1, "error")
    assert (check["found"], check["advice"]) == (
        "no worker is alive",
        "start one, as a line of the Procfile does",
    )
    assert again["workers"]["found"] == "no worker is alive; the last was heard 2 min ago"
    assert again["worker w@host:1"]["verdict"] == "warning"
    assert again["worker w@host:1"]["found"] == "heard 2 min ago"


def test_doctor_lists_the_workers_and_how_they_do(xinshi: Xinshi, store: Store) -> None:
    started = int(time.time() * 1000) - 3 * 3_600_000
    store.run(presence.beat("w@host:1", replace(VITALS, started=started)))
    store.run(presence.beat("old@host:2", replace(VITALS, version="0")))

    checks = found(xinshi("doctor", "--json"))

    assert checks["workers"]["verdict"] == "warning"
    assert checks["workers"]["found"] == "2 alive, of versions 0, 1"
    worker = checks["worker w@host:1"]
    assert worker["verdict"] == "ok"
    assert re.fullmatch(
        r"heard \d+ s ago, up 3 h, 3 in flight, serves sms.otp, sms.notice, sms.marketing, sms.ticks",
        worker["found"],
    )


def test_a_queue_that_no_worker_serves_is_an_error(xinshi: Xinshi, store: Store) -> None:
    store.run(presence.leave(NAME))
    store.run(presence.beat("otp@host:1", replace(VITALS, queues=("sms.otp", "sms.ticks"))))
    store.run(presence.beat("bulk@host:2", replace(VITALS, queues=("sms.notice",))))

    ran = xinshi("doctor", "--json")
    store.run(presence.beat("any@host:3", replace(VITALS, queues=())))
    unsure = found(xinshi("doctor", "--json"))

    checks = found(ran)
    assert ran.code == 1
    assert {name for name in checks if name.startswith("queue ")} == {"queue sms.marketing"}
    assert checks["queue sms.marketing"]["verdict"] == "error"
    assert checks["queue sms.marketing"]["advice"] == "start one with -Q sms.marketing"
    assert "queue sms.marketing" not in unsure, "who does not say what it serves may serve it"


def test_an_account_that_anybody_may_call_back_is_warned_of(
    bare: Xinshi, tmp_path: Path, redis_url: str
) -> None:
    account = 'adapter = "zhenzi"\napp_id = "a"\napp_secret = "b"\n'
    (tmp_path / "xinshi.toml").write_text(
        f'redis_url = "{redis_url}"\n'
        f"[vendors.open]\n{account}"
        f'[vendors.token]\n{account}callback_token = "t"\n'
        f'[vendors.fenced]\n{account}callback_addresses = "203.0.113.0/24"\n',
        "utf-8",
    )

    checks = found(bare("doctor", "--json"))

    assert {name for name in checks if name.startswith("callback ")} == {"callback open"}
    assert checks["callback open"]["verdict"] == "warning"
    assert "[vendors.open]" in checks["callback open"]["advice"]


def test_a_file_that_others_may_change_is_warned_of(xinshi: Xinshi, config: Path) -> None:
    config.chmod(0o620)

    check = found(xinshi("doctor", "--json"))["file mode"]

    assert (check["verdict"], check["advice"]) == ("warning", f"chmod go-w {config}")


@pytest.mark.parametrize(
    ("now", "ahead", "verdict", "said"),
    [
        ("2026-11-20T21:00:00+08:00", 0.01, "ok", "2026-11-20 in Asia/Shanghai, for another 3.0 h"),
        ("2026-11-20T23:59:59.9+08:00", -0.2, "ok", "2026-11-21"),  # a moment, and it is over
        ("2026-11-21T00:01:00+08:00", 120, "warning", "2026-11-20"),
        ("2026-11-20T23:59:00+08:00", -120, "warning", "2026-11-21"),
        ("2026-11-20T12:00:00+08:00", 120, "ok", "2026-11-20"),
        ("2026-11-20T12:00:00+09:00", 0, "error", "+0900"),
    ],
)
def test_the_day_in_shanghai_is_compared(now: str, ahead: float, verdict: str, said: str) -> None:
    check = server.day(datetime.fromisoformat(now), ahead)

    assert check.verdict == verdict
    assert said in check.found
    assert bool(check.advice) == (verdict != "ok")


def test_a_slice_that_outlives_the_visibility_is_warned_of(xinshi: Xinshi, config: Path) -> None:
    plain = found(xinshi("doctor", "--json"))["visibility"]
    config.write_text(f'{config.read_text("utf-8")}\n[worker]\nslice = "90s"\n', "utf-8")

    ran = xinshi("doctor", "--json")

    check = found(ran)["visibility"]
    assert (plain["verdict"], check["verdict"], ran.code) == ("ok", "warning", 0)
    assert check["found"] == "a task comes again after 120 s, a pump runs 90 s"


def test_tasks_that_nobody_brings_back_are_warned_of(xinshi: Xinshi, raw: redis.Redis) -> None:
    raw.zadd(jobs.UNACKED, {"fresh": time.time(), "hidden": time.time() - 100})
    fresh = found(xinshi("doctor", "--json"))["tasks"]
    raw.zadd(jobs.UNACKED, {"forgotten": time.time() - 600})

    check = found(xinshi("doctor", "--json"))["tasks"]

    assert (fresh["verdict"], fresh["found"]) == ("ok", "2 taken, not begun")
    assert check["verdict"] == "warning"
    assert check["found"] == "3 taken, not begun, 1 of them for more than 3 min"


def test_vendors_are_asked_only_where_that_is_wanted(
    bare: Xinshi, tmp_path: Path, redis_url: str
) -> None:
    (tmp_path / "xinshi.toml").write_text(
        f'redis_url = "{redis_url}"\n'
        '[vendors.z]\nadapter = "zhenzi"\napp_id = "a"\napp_secret = "hidden"\n'
        f'base_url = "http://127.0.0.1:{free_port()}"\n'
        '[vendors.f]\nadapter = "largesms"\nappcode = "hidden"\n',
        "utf-8",
    )

    plain, probed = bare("doctor", "--json"), bare("doctor", "--json", "--probe")

    assert not [name for name in found(plain) if name.startswith("credentials")]
    checks = found(probed)
    assert (probed.code, checks["credentials z"]["verdict"]) == (1, "error")
    assert checks["credentials z"]["found"] == "no connection"
    assert "allows this machine" in checks["credentials z"]["advice"]
    assert checks["credentials f"]["verdict"] == "ok"
    assert "hidden" not in probed.out
