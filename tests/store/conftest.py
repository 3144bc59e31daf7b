"""What the store's tests share: a plain way to act on a real server, and a way to move its time.

Scripts know one clock, Redis's own. So a test does not sleep: ``Lab.pass_time`` moves every stored
time into the past, which is the same to a script as a clock that went on.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import pytest
import pytest_asyncio
import redis
from hypothesis import HealthCheck
from hypothesis import settings as budget

from worker.contract import jobs, keys, record
from worker.contract.privacy import PLAIN
from worker.contract.record import Record
from worker.contract.status import Status, Stream
from worker.delivery.policy import PROVEN as PROVEN  # noqa: PLC0414 - tests take both from here
from worker.delivery.policy import RESENT as RESENT  # noqa: PLC0414
from worker.store import acts, care
from worker.store.acts import Accepted, Act, Claimed, Deferred, Entry, Released, Settled, Swept
from worker.store.acts import Ticket as Ticket  # noqa: PLC0414 - tests take it from here
from worker.store.client import AsyncStore, Store

T = TypeVar("T")
NUMBER = "+8613800138000"
ALIAS = PLAIN.number(NUMBER)  #: what stands for it in names of keys
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BEIJING = 8 * HOUR
PATIENCE = 60.0  # seconds; reached only by what fails

budget.register_profile(
    "store",
    deadline=None,  # the machine is shared
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),  # noqa: TID251 - the suite, not the product
)


def until(condition: Callable[[], object], what: str) -> None:
    """Wait on a condition, with a deadline that names it."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"never: {what}")
        time.sleep(0.005)


def account(name: str = "a", **rules: object) -> dict[str, object]:
    """An account without a limit, as worker.delivery.limits packs it; rules change it."""
    plain: dict[str, object] = {
        "name": name,
        "sign": "",
        "max_length": 500,
        "templates_only": False,
        "templates": {},
        "windows": [],
        "learns": False,
        "interval": 0,
        "share": 0.0,
        "burst": 50.0,
        "concurrency": 0,
        "life": 20_000,
    }
    assert rules.keys() <= plain.keys()
    return plain | rules


def pack(*accounts: dict[str, object], evade: bool = False, **plan: object) -> bytes:
    """A stream's plan, as worker.delivery.limits packs it: no caps of our own, no quiet hours."""
    caps: dict[str, list[object]] = {"number": [], "prefix": [], "tag": []}
    plain = {
        "accounts": accounts,
        "evade": evade,
        "caps": caps,
        "quiet": False,
        "suppress": False,
        "shards": False,
    }
    assert plan.keys() <= plain.keys()
    return msgspec.msgpack.encode(plain | plan)


def pack_windows(*windows: tuple[int, int]) -> bytes:
    return msgspec.msgpack.encode(windows) if windows else b""


def trail(found: Record) -> list[list[int | str]]:
    """A record's steps; an empty Lua table comes as a map."""
    return list(found.trail) if isinstance(found.trail, list) else []


def midnight(now: int) -> int:
    """The next midnight in Asia/Shanghai."""
    return (now + BEIJING) // DAY * DAY + DAY - BEIJING


def entry(message_id: str, **fields: Any) -> Entry:
    """A message to be accepted: a notice, at once, valid for an hour, to the one number."""
    plain: dict[str, Any] = {
        "key": "",
        "digest": "digest",
        "stream": "notice",
        "to": NUMBER,
        "content": b'{"text":"\xe9\xaa\x8c\xe8\xaf\x81"}',
        "length": 2,
        "segments": 1,
        "template": "",
        "pin": "",
        "tag": "",
        "due": 0,
        "validity": HOUR,
    }
    return Entry(id=message_id, **(plain | fields))


def accept(entries: Iterable[Entry]) -> Act[list[Accepted]]:
    return acts.accept(entries, retention=7 * 86400, idempotency=86400)


def claim(
    *accounts: dict[str, object],
    stream: str = "notice",
    most: int = 128,
    evade: bool = False,
    ticket: Ticket | None = None,
    **plan: object,
) -> Act[Claimed]:
    packed = pack(*(accounts or (account(),)), evade=evade, **plan)
    return acts.claim(Stream(stream), most, packed, ticket=ticket)


def settled(message_id: str, attempt: int = 1, status: str = "submitted", **more: Any) -> Settled:
    return Settled(id=message_id, attempt=attempt, status=Status(status), **more)


def settle(*items: Settled) -> Act[list[bool]]:
    return acts.settle(items, reports=72 * 3600)


def deferred(
    message_id: str, attempt: int = 1, *, wait: str = "0", counts: bool = True, **more: Any
) -> Deferred:
    return Deferred(id=message_id, attempt=attempt, wait=wait, counts=counts, **more)


_TIMES = ("created", "due", "expires", "updated", "deadline", "slot", "counted")
_FIELDS = msgspec.msgpack.encode([Record.__struct_fields__.index(each) + 1 for each in _TIMES])
_TRAIL = Record.__struct_fields__.index("trail") + 1
_PASS_TIME = """
local ms, prefix = tonumber(ARGV[1]), ARGV[2]
local times = cmsgpack.unpack(ARGV[4])
for _, key in ipairs(redis.call('KEYS', prefix .. '*')) do
  local name = string.sub(key, #prefix + 1)
  if string.find(name, '^m:') then
    local record = cmsgpack.unpack(redis.call('GET', key))
    for _, field in ipairs(times) do
      if (record[field] or 0) > 0 then
        record[field] = record[field] - ms
      end
    end
    for _, step in ipairs(record[tonumber(ARGV[5])] or {}) do
      step[1], step[5] = step[1] - ms, step[5] and step[5] - ms
    end
    redis.call('SET', key, cmsgpack.pack(record), 'KEEPTTL')
  elseif string.find(name, '^open:') or name == 'waiting' or name == 'unknown' or name == 'dead'
    or name == 'outlived' then
    for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      redis.call('ZINCRBY', key, -ms, id)
    end
  elseif string.find(name, '^account:') then
    for _, each in ipairs(redis.call('HKEYS', key)) do
      if each == 'tat' or each == 'bulk' or each == 'down' or each == 'limited'
        or each == 'bounded' or string.find(each, '^queued:') then
        redis.call('HINCRBYFLOAT', key, each, -ms)
      end
    end
  elseif string.find(name, '^balance:') then
    for _, each in ipairs({'at', 'hint_at'}) do
      if redis.call('HEXISTS', key, each) == 1 then
        redis.call('HINCRBY', key, each, -ms)
      end
    end
  elseif string.find(name, '^prompt:') then
    local counts, life = redis.call('HGETALL', key), redis.call('PTTL', key)
    redis.call('DEL', key)
    for at = 1, #counts, 2 do
      local what, span = string.match(counts[at], '^(%a+:)(%d+)$')
      redis.call('HSET', key, what .. span - math.floor(ms / 300000), counts[at + 1])
    end
    if life > 0 then
      redis.call('PEXPIRE', key, life)
    end
  elseif string.find(name, '^polled:') then
    redis.call('DECRBY', key, ms)
  elseif string.find(name, '^history:') then
    for at, point in ipairs(redis.call('LRANGE', key, 0, -1)) do
      local time, rest = string.match(point, '^(%d+)(.*)')
      redis.call('LSET', key, at - 1, string.format('%.0f', time - ms) .. rest)
    end
  elseif string.find(name, '^webhook%-due:') then
    for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      redis.call('ZINCRBY', key, -ms, id)
    end
  elseif string.find(name, '^webhook%-held:') then
    for _, id in ipairs(redis.call('HKEYS', key)) do
      local event = cmsgpack.unpack(redis.call('HGET', key, id))
      event[1] = event[1] - ms
      redis.call('HSET', key, id, cmsgpack.pack(event))
    end
  elseif string.find(name, '^webhooks:') then
    for _, each in ipairs({'rest', 'rested', 'lost'}) do
      if redis.call('HEXISTS', key, each) == 1 then
        redis.call('HINCRBYFLOAT', key, each, -ms)
      end
    end
  elseif string.find(name, '^n:') then
    local memory, moved = redis.call('GET', key), ''
    for at = 1, #memory, 6 do
      moved = moved .. struct.pack('>I6', math.max(0, (struct.unpack('>I6', memory, at)) - ms))
    end
    redis.call('SET', key, moved, 'KEEPTTL')
  end
  local left = redis.call('PTTL', key)
  if left >= 0 and ARGV[3] == '1' then
    redis.call('PEXPIRE', key, left - ms)
  end
end
"""


def report_as(raw: Any, *, taken: int = 100, usual: float = 0.97, **shares: float) -> None:
    """Let accounts have these shares of prompt reports of late, and the usual one all day before.

    A report is prompt within ten minutes. That five of them may end meanwhile makes no difference.
    """
    seconds, _ = raw.time()
    newest = (int(seconds) - 600) // 300
    for name, share in shares.items():
        for place, each in enumerate([share] * 6 + [usual] * 30):
            raw.hset(f"{keys.PROMPT}{name}", f"taken:{newest - place}", taken)
            raw.hset(f"{keys.PROMPT}{name}", f"prompt:{newest - place}", int(taken * each))


@dataclass
class Lab:
    """One store on an empty server, and what a test wants to do with it."""

    store: Store
    raw: Any  #: a plain client; its types are unions of what two protocols answer
    made: int = field(default=0)

    def run(self, act: Act[T]) -> T:
        return self.store.run(act)

    def now(self) -> int:
        seconds, micros = self.raw.time()
        return int(seconds * 1000 + micros // 1000)

    def put(self, count: int = 1, **fields: Any) -> list[str]:
        """Accept messages, each to a number of its own unless one is given; return their ids."""
        entries = []
        for _ in range(count):
            self.made += 1
            to = {"to": f"+86139{self.made:08d}"}
            entries.append(entry(f"m{self.made:05d}", **(to | fields)))
        assert all(each.state == "stored" for each in self.run(accept(entries)))
        return [each.id for each in entries]

    def put_one(self, **fields: Any) -> str:
        (message_id,) = self.put(**fields)
        return message_id

    def accept(self, *entries: Entry) -> list[Accepted]:
        return self.run(accept(entries))

    def claim(self, *accounts: dict[str, object], **more: Any) -> Claimed:
        return self.run(claim(*accounts, **more))

    def claimed(self, *accounts: dict[str, object], **more: Any) -> list[str]:
        """Claim, and return the ids of those that are to be submitted."""
        found = self.claim(*accounts, **more).messages
        return [message_id for message_id, each in found if each.status is Status.SUBMITTING]

    def settle(self, *items: Settled) -> list[bool]:
        return self.run(settle(*items))

    def defer(self, *items: Deferred) -> list[str]:
        return self.run(acts.defer(items))

    def unknown(self, rules: dict[str, object] | None = None, **fields: Any) -> str:
        """A message whose first attempt lost its answer; its account is a, or the one given."""
        message_id = self.put_one(**fields)
        stream = fields.get("stream", "notice")
        assert self.claimed(rules or account(), stream=stream) == [message_id]
        assert self.settle(settled(message_id, status="unknown")) == [True]
        return message_id

    def resend(self, message_id: str, how: Any, attempt: int = 1, **more: Any) -> str:
        """Submit an unknown message again, as worker.rounds.resolve does; returns its status."""
        reason = PROVEN if how == "proven" else RESENT
        (found,) = self.defer(deferred(message_id, attempt, resend=how, reason=reason, **more))
        return found

    def trip(self, name: str = "a", seconds: float = 60, **more: Any) -> int:
        """Leave an account alone, at the most for 15 minutes."""
        return self.run(care.trip(name, seconds, 900, "because", **more))

    def state(self, name: str = "a") -> dict[str, str]:
        """What is kept of an account."""
        found = self.raw.hgetall(keys.STATE + name)
        return {key.decode(): value.decode() for key, value in found.items()}

    def release(self, most: int = 1000) -> Released:
        return self.run(acts.release(most))

    def sweep(self, most: int = 1000) -> Swept:
        return self.run(acts.sweep(most))

    def cancel(self, message_id: str) -> tuple[bool, Status | None]:
        return self.run(acts.cancel(message_id))

    def record(self, message_id: str) -> Record:
        (found,) = self.run(acts.find([message_id]))
        assert found is not None
        return found

    def known_as(self, vendor_id: str, alias: str, name: str = "a") -> str:
        """Return the message that a vendor's id stands for at a number; "" for none."""
        last = (self.raw.get(f"{keys.LAST}{name}:{alias}") or b"").decode()
        message_id, _, its = last.partition(" ")
        before = self.raw.get(f"{keys.VENDOR_ID}{name}:{vendor_id}:{alias}") or b""
        return message_id if its == vendor_id else str(before.decode())

    def status(self, message_id: str) -> str:
        return str(self.record(message_id).status)

    def ready(self, stream: str = "notice") -> list[str]:
        return [each.decode() for each in self.raw.lrange(keys.ready(stream), 0, -1)]

    def waiting(self) -> dict[str, int]:
        """The waiting ids and the times at which they are due."""
        found = self.raw.zrange(keys.WAITING, 0, -1, withscores=True)
        return {each.decode(): int(score) for each, score in found}

    def open(self, name: str = "a") -> dict[str, int]:
        """The open attempts of an account and their deadlines."""
        found = self.raw.zrange(keys.OPEN + name, 0, -1, withscores=True)
        return {each.decode(): int(score) for each, score in found}

    def rings(self, stream: str = "notice") -> int:
        return int(self.raw.llen(jobs.queue(stream)))

    def memory(self, name: str = "a", to: str = NUMBER) -> list[int]:
        """The times that one number's memory holds: blocked until, then the messages taken."""
        packed = self.raw.get(f"{keys.NUMBER}{name}:{PLAIN.number(to)}") or b""
        return [int.from_bytes(packed[at : at + 6], "big") for at in range(0, len(packed), 6)]

    def remember(self, times: Iterable[int], name: str = "a", to: str = NUMBER) -> None:
        """Write one number's memory."""
        packed = b"".join(each.to_bytes(6, "big") for each in times)
        self.raw.set(f"{keys.NUMBER}{name}:{PLAIN.number(to)}", packed)

    def rewrite(self, message_id: str, **fields: object) -> None:
        """Change fields of a stored record."""
        packed = self.raw.get(keys.message(message_id))
        values = msgspec.structs.asdict(record.decode(packed)) | fields
        self.raw.set(
            keys.message(message_id), msgspec.msgpack.encode([*values.values()]), keepttl=True
        )

    def pass_time(self, ms: int, *, ends: bool = True) -> None:
        """Let time pass: move every stored time, and every key's end, into the past.

        Midnights stay where they are. So where calendar days count, parts of a day may move a
        time to another side of one than the end of its key: then leave the ends alone.
        """
        self.raw.eval(_PASS_TIME, 0, ms, keys.PREFIX, int(ends), _FIELDS, _TRAIL)

    def check(self) -> None:
        """What must hold at any time: every message is where its status says, and only there."""
        ready = [each for stream in Stream for each in self.ready(stream)]
        waiting = self.waiting()
        names = [key.decode() for key in self.raw.scan_iter(keys.OPEN + "*")]
        opened = [each for name in names for each in self.open(name.removeprefix(keys.OPEN))]
        assert len(opened) == len(set(opened)), "two open attempts for one message"
        for key in self.raw.scan_iter(keys.MESSAGE + "*"):
            message_id = key.decode().removeprefix(keys.MESSAGE)
            status = self.status(message_id)
            # A cancelled message stays in the list until somebody comes by; that is no harm.
            assert ready.count(message_id) == 1 or status != "accepted", "lost or doubled"
            assert message_id in waiting or status != "scheduled", "lost"
            assert (message_id in opened) == (status == "submitting"), "lost or left open"
            resent = any(step[3] in (RESENT, PROVEN) for step in trail(self.record(message_id)))
            assert status in ("accepted", "cancelled") or message_id not in ready or resent
            assert status == "scheduled" or message_id not in waiting


@pytest.fixture
def lab(redis_url: str, raw: "redis.Redis") -> Iterator[Lab]:
    store = Store(redis_url, timeout=10.0)
    yield Lab(store, raw)
    store.close()


@pytest_asyncio.fixture
async def astore(redis_url: str) -> AsyncIterator[AsyncStore]:
    store = AsyncStore(redis_url, timeout=10.0)
    yield store
    await store.close()


async def together(*runs: Callable[[], Any]) -> list[Any]:
    """Run functions that block at the same moment, each in a thread of its own."""
    return list(await asyncio.gather(*(asyncio.to_thread(run) for run in runs)))
