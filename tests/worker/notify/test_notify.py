"""Webhooks, end to end in one process: real events on a real server, real endpoints on loopback."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from tests.store.conftest import Lab
from tests.worker.conftest import until
from worker.contract import keys
from worker.contract.happenings import MIRROR_DRIFT
from worker.contract.settings import parse
from worker.contract.shards import Shard
from worker.notify import endpoint as endpoints
from worker.notify.endpoint import Endpoint
from worker.notify.notifier import Notifier
from worker.notify.patience import backoff, retry_after
from worker.store import webhooks
from worker.store.client import AsyncStore
from worker.store.feed import Feed, emit
from worker.store.webhooks import Condition

from .endpoints import SECRET, App, Came, running, says

MINUTE, HOUR = 60_000, 3_600_000
Start = Callable[..., "Case"]


class Case:
    """One process's notifier, and what a test does around it."""

    def __init__(self, url: str, lab: Lab, apps: dict[str, App], more: dict[str, Any]) -> None:
        self.lab = lab
        self.settings = parse(
            {
                "redis_url": url,
                "store": {"timeout": "10s"},
                "webhooks": {
                    name: {"url": app.url, "secret": SECRET, "allow_private": True, **more}
                    for name, app in apps.items()
                },
            }
        )
        self.notifier = Notifier(self.settings, grace=30)

    def look(self, name: str = "app") -> Condition:
        return webhooks.look(self.lab.store, name)

    async def ticks(self) -> None:
        """Tick until every endpoint has somebody who works for it."""
        await self.notifier.tick()
        await until(lambda: all(self.look(name).known for name in self.settings.webhooks))

    async def until_tick(self, condition: Callable[[], Any], what: str) -> None:
        """Tick as beat does, only faster, until something is so."""

        async def so() -> bool:
            await self.notifier.tick()
            return bool(condition())

        await until(so, what)

    async def delivers(self, count: int, name: str = "app") -> None:
        """Wait until an endpoint took so many, and nothing waits for it."""

        def done() -> bool:
            found = self.look(name)
            return (found.delivered, found.waiting) == (count, 0)

        await until(done, f"{count} are delivered")

    def emit(self, count: int = 1, kind: str = MIRROR_DRIFT) -> list[str]:
        """Let something happen; returns the ids of the webhooks that tell of it."""
        found = [self.lab.run(emit(kind, {"number": number})) for number in range(count)]
        return [f"evt_{each}" for each in found]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at a clock that was moved, and at a stop, sooner than once a second."""
    monkeypatch.setattr(endpoints, "_WAIT", 0.05)


@pytest_asyncio.fixture
async def start(redis_url: str, lab: Lab) -> AsyncIterator[Start]:
    """A factory of cases: ``start(app=endpoint)``; settings besides as a dict."""
    made: list[Case] = []

    def make(more: dict[str, Any] | None = None, /, **apps: App) -> Case:
        made.append(Case(redis_url, lab, apps, more or {}))
        return made[-1]

    yield make
    for case in made:
        await case.notifier.close()


@pytest_asyncio.fixture
async def app() -> AsyncIterator[App]:
    async with running() as found:
        yield found


async def test_an_event_is_posted_signed_and_in_its_form(start: Start, app: App) -> None:
    case = start(app=app)
    await case.ticks()

    (webhook_id,) = case.emit()
    await case.delivers(1)

    (came,) = app.came
    found = came.verified()
    assert (found.id, found.type, found.data) == (webhook_id, MIRROR_DRIFT, {"number": 0})
    milliseconds = int(webhook_id.removeprefix("evt_").partition("-")[0])
    assert found.timestamp.timestamp() == milliseconds / 1000
    assert (case.look().delivered, case.look().failed) == (1, 0)


async def test_events_of_a_later_shard_have_ids_that_the_first_ones_cannot_have(
    redis_url: str, start: Start, app: App
) -> None:
    case = start({"concurrency": 5}, app=app)
    shards = (Shard("0", f"{redis_url[:-1]}1"), Shard("1", redis_url))
    case.notifier = Notifier(replace(case.settings, shards=shards, shard=1), grace=30)
    await case.ticks()

    plain = case.emit()
    letter = case.lab.run(emit("inbound", {"id": "7-0", "account": "main"}))
    await case.delivers(2)

    by_id = {each.id: each.verified().data for each in app.came}
    assert set(by_id) == {f"{plain[0]}.1", f"evt_{letter}.1"}
    assert by_id[f"evt_{letter}.1"]["id"] == "7-0.1", "as /v1/inbound has it"


async def test_only_what_an_endpoint_asked_for_comes(start: Start, app: App) -> None:
    case = start({"events": ["inbound"]}, app=app)
    await case.ticks()

    case.emit(5)
    wanted = case.emit(2, "inbound")
    case.emit(5)
    await until(lambda: len(app.came) == 2)

    group = case.lab.raw.xinfo_groups(keys.EVENTS)[0]
    assert app.ids == wanted
    await until(lambda: case.lab.raw.xinfo_groups(keys.EVENTS)[0]["pending"] == 0)
    assert group["name"] == b"webhook:app"


async def test_a_new_endpoint_is_told_what_comes_and_not_what_was(start: Start, app: App) -> None:
    case = start(app=app)
    case.emit(5)
    await case.ticks()

    ids = case.emit(1)
    await case.delivers(1)

    assert app.ids == ids


async def test_an_endpoint_goes_on_where_it_was_when_no_worker_ran(start: Start, app: App) -> None:
    first = start(app=app)
    await first.ticks()
    await first.notifier.close()

    ids = first.emit(5)
    second = start(app=app)
    await second.ticks()
    await until(lambda: len(app.came) == 5)

    assert app.ids == ids


async def test_what_fails_is_posted_again_with_the_same_id_and_body(start: Start, app: App) -> None:
    app.script = says(500)
    case = start(app=app)
    await case.ticks()
    case.emit()
    await until(lambda: case.look().failed == 1)

    app.script = says(204)
    case.lab.pass_time(10_000)
    await case.delivers(1)

    one, two = app.came
    assert (one.id, one.body) == (two.id, two.body)
    assert two.verified().id == one.id


async def test_an_event_is_tried_at_longer_and_longer_times_for_a_day(
    start: Start, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is Redis's, and moved; in the end it is given up, and nothing of it is left."""
    monkeypatch.setattr(webhooks, "_FAILURES", 10**6)  # the endpoint's own rest is another story
    app.script = says(500)
    case = start(app=app)
    case.notifier._make = _punctual
    await case.ticks()
    case.emit()

    def failed(times: int) -> bool:
        return case.look().failed == times

    waited: list[float] = []
    for tries in range(1, 99):
        await until(partial(failed, tries))
        found = case.look()
        if not found.waiting:
            break
        wait = found.oldest - found.last_failure
        waited.append(wait / 1000)
        case.lab.pass_time(wait + 50)

    assert waited == [5, 30, 120, 600, 1800, 3600, 7200, *(5 * [14400])]
    assert (len(app.came), len(app.times())) == (13, 1)
    assert case.look().given_up == 1
    assert not case.lab.raw.exists(keys.WEBHOOK_DUE + "app", keys.WEBHOOK_HELD + "app")


def _punctual(name: str, webhook: Any, store: AsyncStore) -> Endpoint:
    return Endpoint(name, webhook, store, chance=lambda: 0.0)


def test_waits_have_jitter() -> None:
    assert backoff(0, 0.0) == 5.0
    assert backoff(0, 0.5) == pytest.approx(5.5)
    assert backoff(3, 0.999) < 720.0
    assert backoff(99, 0.0) == 14400.0


def test_a_date_without_a_zone_or_sense_asks_for_nothing() -> None:
    assert retry_after("Thu, 99 Nov 2025 04:02:00 GMT", 0.0) == 0.0
    assert retry_after("٣", 0.0) == 0.0


async def test_a_dead_endpoint_neither_delays_another_nor_is_hammered(
    start: Start, app: App
) -> None:
    async with running() as dead:
        dead.script = dead.silent
        case = start(app=app, dead=dead)
        await case.ticks()

        ids = case.emit(300)
        await case.delivers(300)

        assert app.times() == Counter(ids)
        await until(lambda: case.look("dead").waiting == 300)
        assert dead.most_open <= 16


async def test_an_endpoint_that_only_fails_rests_and_then_gets_everything(
    start: Start, app: App
) -> None:
    app.script = says(500)
    case = start(app=app)
    await case.ticks()
    ids = case.emit(200)
    await until(lambda: case.look().rest and case.look().waiting == 200)
    await until(lambda: app.open == 0)
    hit = len(app.came)

    assert hit <= 5 + 16, "those that were open when it began to rest, and no more"

    case.lab.pass_time(5_000)
    await until(lambda: len(app.came) > hit)
    await until(lambda: case.look().rest > case.lab.now())
    assert len(app.came) == hit + 1, "one event told that it is not well"

    app.script = says(204)
    case.lab.pass_time(10 * MINUTE)
    await case.delivers(200)
    assert set(app.ids) == set(ids)
    assert case.look().delivered == 200


async def test_no_more_posts_are_open_than_the_settings_say(start: Start, app: App) -> None:
    async def slow(_: Came) -> web.StreamResponse:
        await asyncio.sleep(0.01)
        return web.Response()

    app.script = slow
    case = start({"concurrency": 3}, app=app)
    await case.ticks()

    ids = case.emit(60)
    await case.delivers(60)

    assert app.most_open == 3
    assert app.times() == Counter(ids)


async def test_what_was_open_when_the_process_died_comes_again(start: Start, app: App) -> None:
    """Posted, and not told of: the endpoint may see it twice, and never not at all."""
    took = asyncio.Event()

    async def took_it(_: Came) -> web.StreamResponse:
        took.set()
        await app.ending.wait()
        return web.Response()

    app.script = took_it
    case = start({"timeout": "30s"}, app=app)
    await case.ticks()
    ids = case.emit()
    await took.wait()
    await _kill(case)

    app.script = says(204)
    heir = start({"timeout": "30s"}, app=app)
    case.lab.pass_time(HOUR)
    await heir.until_tick(lambda: heir.look().delivered == 1, "it came again")

    assert app.ids == ids * 2


async def test_what_was_taken_from_the_stream_when_the_process_died_comes_again(
    start: Start, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the stream and what waits for the endpoint it is in both, and never in none."""
    monkeypatch.setattr(endpoints, "_IDLE", 0.05)
    case = start(app=app)
    await case.ticks()
    await _kill(case)
    ids = case.emit(3)
    store = AsyncStore(case.settings.redis_url, timeout=10)
    taken = await Feed(store, "webhook:app", "notifier").take(10)
    await store.close()
    assert len(taken) == 3

    heir = start(app=app)
    case.lab.pass_time(HOUR)
    await heir.until_tick(lambda: heir.look().delivered == 3, "they came again")

    assert app.times() == Counter(ids)


async def _kill(case: Case) -> None:
    """End a notifier as a kill does: nothing is told, no lease given back."""
    for found, task in list(case.notifier._running.values()):
        found._lease.release = _nothing  # type: ignore[method-assign]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _nothing() -> None:
    pass


async def test_410_pauses_an_endpoint_until_somebody_acts(start: Start, app: App) -> None:
    app.script = says(410)
    case = start(app=app)
    await case.ticks()
    case.emit()
    await until(lambda: case.look().gone)
    case.emit(5)
    await until(lambda: case.look().waiting == 6)
    case.lab.pass_time(HOUR)
    posts = len(app.came)

    app.script = says(204)
    case.lab.run(webhooks.resume("app"))
    await case.delivers(6)

    assert posts == 1
    assert case.look().delivered == 6


async def test_410_holds_until_the_settings_change(start: Start, app: App) -> None:
    app.script = says(410)
    first = start(app=app)
    await first.ticks()
    first.emit()
    await until(lambda: first.look().gone)
    await first.notifier.close()

    app.script = says(204)
    same = start(app=app)
    same.lab.pass_time(HOUR)
    await same.notifier.tick()
    await until(lambda: same.look().served)
    assert same.look().gone
    await same.notifier.close()
    other = start({"events": [MIRROR_DRIFT]}, app=app)
    await other.until_tick(lambda: other.look().delivered == 1, "the pause is over")


async def test_a_retry_after_holds_for_the_whole_endpoint(start: Start, app: App) -> None:
    app.script = says(429, Retry_After="120")
    case = start({"concurrency": 1}, app=app)
    await case.ticks()
    ids = case.emit(4)
    await until(lambda: case.look().rest)
    posts = len(app.came)

    app.script = says(204)
    case.lab.pass_time(119_000)
    await asyncio.sleep(0.05)
    assert (posts, len(app.came)) == (1, 1)

    case.lab.pass_time(10_000)
    await case.delivers(4)
    assert set(app.ids) == set(ids)


async def test_of_two_notifiers_one_posts_and_the_other_takes_over(start: Start, app: App) -> None:
    one, two = start(app=app), start(app=app)
    await one.ticks()
    for _ in range(5):
        await two.notifier.tick()
        await asyncio.sleep(0.01)

    ids = one.emit(100)
    await one.delivers(100)
    await one.notifier.close()
    ids += two.emit(100)
    await two.until_tick(lambda: two.look().delivered == 200, "the other one posts")

    assert app.times() == Counter(ids), "each of them once"


async def test_only_so_many_wait_and_the_rest_is_dropped_and_counted(
    start: Start, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = webhooks.hold

    def few(endpoint: str, events: Sequence[tuple[str, bytes]]) -> Any:
        return act(endpoint, events, most=10)

    monkeypatch.setattr(webhooks, "hold", few)
    app.script = says(410)
    case = start({"concurrency": 1}, app=app)
    await case.ticks()
    case.emit(1)
    await until(lambda: case.look().gone)

    case.emit(29)
    await until(lambda: case.look().dropped == 20)

    assert case.look().waiting == 10


async def test_stopping_lets_open_posts_end(start: Start, app: App) -> None:
    opened, release = asyncio.Event(), asyncio.Event()

    async def slow(_: Came) -> web.StreamResponse:
        opened.set()
        await release.wait()
        return web.Response()

    app.script = slow
    case = start(app=app)
    await case.ticks()
    case.emit()
    await opened.wait()
    closing = asyncio.create_task(case.notifier.close())
    await asyncio.sleep(0)
    release.set()
    await closing

    assert (case.look().delivered, case.look().waiting) == (1, 0)
    assert case.look().served is False


async def test_stopping_does_not_wait_for_an_endpoint_that_is_silent(
    start: Start, app: App
) -> None:
    app.script = app.silent
    case = start({"timeout": "60s"}, app=app)
    case.notifier._grace = 0.05
    await case.ticks()
    case.emit()
    await until(lambda: app.open)

    await case.notifier.close()

    assert (case.look().waiting, case.look().failed) == (1, 0), "it comes again"
    assert await case.notifier.tick() == 0


async def test_a_tick_returns_at_once_and_starts_one_for_each_endpoint(
    start: Start, app: App
) -> None:
    app.script = app.silent
    case = start(app=app)

    assert await case.notifier.tick() == 1
    await case.ticks()
    case.emit(3)
    await until(lambda: app.open)
    assert await case.notifier.tick() == 0


async def test_without_redis_it_begins_again_at_the_next_tick(start: Start, app: App) -> None:
    case = start(app=app)
    await case.ticks()

    case.lab.raw.client_kill_filter(_type="normal", skipme=True)
    ids = case.emit(3)
    await case.until_tick(lambda: case.look().delivered == 3, "all of them came")

    assert set(app.ids) == set(ids)


async def test_a_bug_in_one_endpoint_is_told_and_costs_no_other_its_events(
    start: Start, app: App
) -> None:
    async with running() as other:
        case = start(app=app, other=other)

        def make(name: str, webhook: Any, store: AsyncStore) -> Endpoint:
            found = Endpoint(name, webhook, store)
            if name == "other":
                found._feed.open = _broken  # type: ignore[method-assign,assignment]
            return found

        case.notifier._make = make
        await case.notifier.tick()
        await until(lambda: case.look("app").known)
        ids = case.emit(2)
        await case.delivers(2)

    assert app.ids == ids


async def _broken(*_: object) -> None:
    raise KeyError("a bug")


async def test_neither_bodies_nor_secrets_are_logged(
    start: Start, app: App, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    app.script = says(500)
    case = start(app=app)
    await case.ticks()
    case.lab.run(emit("inbound", {"from": "+86138****8000", "secret-data": "x"}))
    await until(lambda: case.look().failed == 1)
    await case.notifier.close()

    said = caplog.text + "".join(capsys.readouterr())
    assert "webhook.failed" in said
    for hidden in ("secret-data", "8000", SECRET, "token=hidden"):
        assert hidden not in said
