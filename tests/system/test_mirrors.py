"""Our windows to one number against the vendors' own, over simulated days: no slip, no slot lost.

Both sides work on one clock that the test hands in: the sandbox takes one, and the scripts read a
key instead of asking the server for its time. Between them stand the real adapters and the real
plan; HTTP alone is left out. An answer takes time, and the vendor counts from somewhere in it, we
from its end: so no slot is lost means, none that the answers leave free.
"""

import random
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from multidict import CIMultiDict

from worker import vendors
from worker.contract import settings as reading
from worker.contract.durations import Window
from worker.contract.keys import WAITING
from worker.contract.record import Content, Record
from worker.contract.status import Status, Stream
from worker.delivery import limits
from worker.sandbox import Sandbox, example_config
from worker.sandbox import Settings as Rules
from worker.sandbox.exchange import FORM, Incoming
from worker.store import acts, care, scripts
from worker.store.acts import Entry, Settled
from worker.store.client import Store
from worker.vendors.base import Outcome, Response, Submission

from .conftest import figures, number

MINUTE, HOUR, DAY, BEIJING = 60_000, 3_600_000, 86_400_000, 28_800_000
START = 1_780_000_000_000 // DAY * DAY - BEIJING + 8 * HOUR  # eight in the morning, Shanghai
CLOCK = "clock"  # a hash: seconds and microseconds, as TIME answers them
SLOWEST = 400  # ms of an answer


@dataclass(frozen=True)
class Mirror:
    """One vendor's windows: what the sandbox keeps, and what our settings say of them."""

    account: str
    windows: Sequence[str]  #: () means the adapter's own
    rules: Mapping[str, Any]


LARGESMS = Mirror("largesms", (), {})
ZHENZI = Mirror("zhenzi", ("5/day",), {"zhenzi": {"daily": 5}})
TENCENT = Mirror("tencent", ("3/30m",), {"tencent": {"half_hour": 3}})


@pytest.fixture
def clocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Scripts that read the clock from a key."""
    read = scripts._read

    def reading_a_key(name: str) -> str:
        return read(name).replace(
            "redis.call('TIME')", f"redis.call('HMGET', '{CLOCK}', 's', 'us')"
        )

    monkeypatch.setattr(scripts, "_read", reading_a_key)
    scripts.load.cache_clear()
    yield
    scripts.load.cache_clear()


class World:
    """One account, its vendor, and the time."""

    def __init__(self, mirror: Mirror, redis_url: str, seed: int) -> None:
        self.heard = self.now = START  # heard: the moment at which the vendor gets a request
        table = tomllib.loads(example_config("http://sandbox", redis_url))
        table["routes"] = {"notice": [mirror.account]}
        if mirror.windows:
            table["vendors"][mirror.account]["limits"] = {"per_number": list(mirror.windows)}
        settings = reading.parse(table)
        account = settings.vendors[mirror.account]
        self.mirror = mirror
        self.vendor = vendors.load(
            mirror.account, account, lambda: datetime.fromtimestamp(self.heard / 1000, UTC)
        )
        self.template = settings.templates["notice"]
        self.windows: tuple[Window, ...] = limits.windows(self.vendor, account)
        self.packed = limits.pack_windows(self.windows)
        self.plan = limits.pack(Stream.NOTICE, settings, {mirror.account: self.vendor})
        self.sandbox = Sandbox(
            settings.vendors,
            settings=msgspec.convert(mirror.rules, Rules),
            clock=lambda: self.heard / 1000,
        )
        self.store = Store(redis_url, timeout=30.0)
        self.chance = random.Random(seed)
        self.pending: Counter[str] = Counter()
        self.answers: dict[str, list[int]] = defaultdict(list)
        self.made = self.waits = self.looks = 0
        self.set(START)

    def set(self, moment: int) -> None:
        self.now = moment
        self.store.redis.hset(CLOCK, items=["s", moment // 1000, "us", moment % 1000 * 1000])

    def send(self, numbers: Sequence[str]) -> None:
        entries = [self._entry(each) for each in numbers]
        for first in range(0, len(entries), 500):
            act = acts.accept(entries[first : first + 500], retention=DAY, idempotency=DAY)
            assert all(each.state == "stored" for each in self.store.run(act))
        self.pending.update(numbers)

    def _entry(self, to: str) -> Entry:
        self.made += 1
        said = Content(template="notice", params={"order": str(self.made)}, signature="信使")
        return Entry(
            id=f"m{self.made:06d}",
            key="",
            digest="-",
            stream=Stream.NOTICE,
            to=f"+86{to}",
            content=msgspec.json.encode(said),
            length=20,
            segments=1,
            template="notice",
            pin="",
            tag="",
            due=0,
            validity=60 * DAY,
        )

    def work(self) -> None:
        """Claim and answer until nothing is ready; then compare what waits with the vendor."""
        while True:
            found = self.store.run(acts.claim(Stream.NOTICE, 128, self.plan))
            opened = [each for each in found.messages if each[1].status is Status.SUBMITTING]
            self.waits += len(found.messages) - len(opened)
            if opened:
                self._answer(opened)
            elif not found.messages and not found.left:
                break
            if found.pause:
                self.set(self.now + max(1, int(found.pause * 1000)))
        self._no_slot_is_free()

    def _answer(self, opened: Sequence[tuple[str, Record]]) -> None:
        sent, settled = self.now, []
        for message_id, record in opened:
            self.heard = sent + self.chance.randrange(SLOWEST)
            submission = self._submit(message_id, record)
            assert submission.outcome is Outcome.SUBMITTED, f"{submission} {record.trail}"
            settled.append(
                Settled(
                    id=message_id,
                    attempt=record.attempt,
                    status=Status.SUBMITTED,
                    vendor_message_id=submission.vendor_message_id,
                    windows=self.packed,
                )
            )
        self.set(sent + SLOWEST)
        for _, record in opened:
            self.answers[record.to[3:]].append(self.now)
        self.pending.subtract(record.to[3:] for _, record in opened)
        written = self.store.run(acts.settle(settled, reports=HOUR))
        assert all(written)

    def _submit(self, message_id: str, record: Record) -> Submission:
        said = msgspec.json.decode(record.content, type=Content)
        outgoing = self.vendor.outgoing(message_id, record.to, said, self.template)
        call = self.vendor.submit([outgoing])
        path = call.url.removeprefix("http://sandbox")
        kind = FORM if call.form else ""
        asked = Incoming(call.method, path, call.query, call.form, CIMultiDict(call.headers), kind)
        found = self.sandbox._find(path)
        assert found is not None
        dialect, operation = found
        order = self.sandbox._order(dialect, operation, asked)
        answer = dialect.answer(operation, asked, order)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        (submission,) = call.read(Response(answer.status, answer.body.decode(), headers))
        return submission

    def _no_slot_is_free(self) -> None:
        """What waits, waits because its number has had enough, counted from the answers."""
        for to, left in self.pending.items():
            if left:
                self.looks += 1
                assert not self._free(to), f"{to} waits for nothing"

    def _free(self, to: str) -> bool:
        """Whether one more fits every window: the vendors' rules, said here once more."""
        for window in self.windows:
            if window.seconds:
                since = self.now - int(window.seconds * 1000)
                taken = sum(each > since for each in self.answers[to])
            else:
                today = (self.now + BEIJING) // DAY
                taken = sum((each + BEIJING) // DAY == today for each in self.answers[to])
            if taken >= window.count:
                return False
        return True

    def next_due(self) -> int | None:
        found = self.store.redis.zrange(WAITING, 0, 0, withscores=True)
        return int(found[0][1]) if found else None

    def drift(self) -> dict[str, int]:
        (state,) = self.store.run(care.states([self.mirror.account])).accounts
        return state.drift

    def finish(self, sent: Mapping[str, int], seed: int) -> None:
        """Everything arrived once, and the vendor never had to say no."""
        ledger = self.sandbox.state.ledger
        assert ledger.numbers == sent
        assert set(ledger.endings) == {"delivered"}, "the vendor throttled what it took"
        assert self.drift() == {}
        days = (self.now - START) / DAY
        figures(
            f"{self.mirror.account}: {sum(sent.values())} messages to {len(sent)} numbers in "
            f"{days:.1f} simulated days, put aside {self.waits} times, {self.looks} looks at "
            f"numbers that waited, drift 0 (seed {seed})"
        )
        self.store.close()


def _backlog(mirror: Mirror, redis_url: str, numbers: int, each: int) -> World:
    """All at once; returns the world at its end."""
    seed = random.randrange(10**6)
    world = World(mirror, redis_url, seed)
    everyone = [number(place) for place in range(numbers)]
    world.send(everyone * each)
    while True:
        world.work()
        due = world.next_due()
        if due is None:
            break
        world.set(max(due, world.now))
    world.finish(dict.fromkeys(everyone, each), seed)
    return world


def _arrivals(mirror: Mirror, redis_url: str, numbers: int, each: int, hours: float) -> None:
    """At random moments of some days."""
    seed = random.randrange(10**6)
    world = World(mirror, redis_url, seed)
    everyone = [number(place) for place in range(numbers)]
    moments = sorted(_moments(world.chance, everyone, each, hours))
    sent = 0
    while True:
        nexts = [each for each, _ in moments[sent : sent + 1]]
        if (due := world.next_due()) is not None:
            nexts.append(due)
        if not nexts:
            break
        world.set(max(min(nexts), world.now))
        here = [to for moment, to in moments[sent : sent + 500] if moment <= world.now]
        world.send(here)
        sent += len(here)
        world.work()
    world.finish(dict.fromkeys(everyone, each), seed)


def _moments(
    chance: random.Random, numbers: Sequence[str], each: int, hours: float
) -> Iterator[tuple[int, str]]:
    """Bursts of up to four, a third of them within two seconds of a midnight."""
    for to in numbers:
        left = each
        while left:
            burst = min(left, chance.randint(1, 4))
            moment = START + chance.randrange(int(hours * HOUR))
            if chance.random() < 1 / 3:
                midnight = (moment + BEIJING) // DAY * DAY + DAY - BEIJING
                moment = midnight + chance.randint(-2000, 1000)
            yield from [(moment, to)] * burst
            left -= burst


def _days(world: World) -> dict[str, Counter[int]]:
    """How many messages the vendor took each day, by number."""
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for entry in world.sandbox.state.ledger.entries:
        found[entry.number][int(entry.time * 1000 - START + 8 * HOUR) // DAY] += 1
    return found


@pytest.mark.usefixtures("clocked")
@pytest.mark.system
def test_a_backlog_uses_every_slot_that_the_vendor_allows(redis_url: str) -> None:
    world = _backlog(LARGESMS, redis_url, numbers=10, each=40)

    assert all(days == {0: 15, 1: 15, 2: 10} for days in _days(world).values())


@pytest.mark.usefixtures("clocked")
@pytest.mark.system
@pytest.mark.parametrize("mirror", [LARGESMS, ZHENZI, TENCENT], ids=lambda each: each.account)
def test_messages_at_random_moments_meet_no_throttle_code(redis_url: str, mirror: Mirror) -> None:
    _arrivals(mirror, redis_url, numbers=20, each=20, hours=30)


@pytest.mark.usefixtures("clocked")
@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_twenty_thousand_messages_to_five_hundred_numbers_use_every_slot(redis_url: str) -> None:
    world = _backlog(LARGESMS, redis_url, numbers=500, each=40)

    assert all(days == {0: 15, 1: 15, 2: 10} for days in _days(world).values())


@pytest.mark.usefixtures("clocked")
@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mirror", [LARGESMS, ZHENZI, TENCENT], ids=lambda each: each.account)
def test_twenty_thousand_messages_at_random_moments_meet_no_throttle_code(
    redis_url: str, mirror: Mirror
) -> None:
    _arrivals(mirror, redis_url, numbers=500, each=40, hours=60)
