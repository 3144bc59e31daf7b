"""The console as an operator meets it: in Chromium, by mouse and by keyboard, in both languages."""

import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest
import pytest_asyncio
import redis
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, BrowserContext, Page, expect

from producers.gateway import create_app
from tests.browsing import PATIENCE, SEEN, choose_dark, poor
from tests.browsing import opened_browser as opened_browser  # noqa: PLC0414 - a fixture
from tests.browsing import patient as patient  # noqa: PLC0414 - likewise
from tests.producers.conftest import Work
from tests.producers.gateway.conftest import NUMBER, configured
from tests.producers.gateway.console.conftest import OPERATOR, Send, watched
from tests.store.conftest import report_as
from worker.contract import keys
from worker.contract.settings import Settings
from worker.contract.shards import Shard
from worker.store import care, presence
from worker.store.client import Store
from worker.store.inbox import Letter
from worker.store.presence import Vitals
from worker.store.suppression import Suppression

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(600),
]

VIEWS = ("now", "search", "dead", "inbound", "suppression")
QUEUES = ("sms.otp", "sms.notice", "sms.marketing", "sms.ticks")
MASKED = "+86138****8000"
ACCOUNTS = ("chuangrui", "tencent", "zhenzi", "guarded", "aliyun")
COLOUR = "element => getComputedStyle(element).color"


@dataclass
class Desk:
    """A gateway of its own, and pages that look at it."""

    server: TestServer
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return str(self.server.make_url("/")).rstrip("/")

    async def open(self, path: str = "/", **options: Any) -> Page:
        """Open the page; whatever goes wrong in it, and whoever else it asks, is a trouble."""
        context = await self.browser.new_context(**options)
        context.set_default_timeout(PATIENCE)
        self.contexts.append(context)
        page = await context.new_page()
        page.on("console", lambda said: self._note(said.text, said.type in ("error", "warning")))
        page.on("pageerror", lambda error: self._note(str(error), True))
        page.on("request", lambda each: self._note(each.url, not each.url.startswith(self.url)))
        await page.goto(self.url + path)
        return page

    async def enter(self, path: str = "/", **options: Any) -> Page:
        """Open the page and sign in."""
        page = await self.open(path, **options)
        await page.fill("#key", OPERATOR)
        await page.press("#key", "Enter")
        await expect(page.locator("#tabs")).to_be_visible()
        return page

    def forgive(self, part: str) -> None:
        """Forget the troubles that a test means to have."""
        assert any(part in each for each in self.troubles)
        self.troubles = [each for each in self.troubles if part not in each]

    def _note(self, text: str, matters: bool) -> None:
        if matters:
            self.troubles.append(text)


Start = Callable[[Settings], Any]


@pytest_asyncio.fixture(loop_scope="module")
async def start(browser: Browser) -> AsyncIterator[Start]:
    made: list[Desk] = []

    async def one(settings: Settings) -> Desk:
        store = replace(settings.store, timeout=PATIENCE / 1000)  # a busy machine is no outage
        server = TestServer(create_app(replace(settings, store=store)))
        await server.start_server()
        made.append(Desk(server, browser))
        return made[-1]

    yield one
    for each in made:
        for context in each.contexts:
            await context.close()
        await each.server.close()
    assert [each.troubles for each in made] == [[] for _ in made]


@pytest_asyncio.fixture(loop_scope="module")
async def desk(start: Start, redis_url: str) -> Desk:
    found: Desk = await start(watched(redis_url))
    return found


@pytest.fixture
def well(work: Work, raw: redis.Redis) -> None:
    """A worker that serves everything, and polls."""
    work.run(presence.beat("w@host-1", Vitals(version="1.0", started=1, queues=QUEUES)))
    for kind in ("report", "inbound"):
        raw.set(f"{keys.POLLED}tencent:{kind}", int(time.time() * 1000))


@pytest.fixture
def busy(work: Work, raw: redis.Redis, send: Send, kill: Send) -> str:
    """Something of everything there is to see; returns the id of a dead letter."""
    now = int(time.time() * 1000)
    for hour in range(24):
        raw.rpush(keys.HISTORY + "zhenzi", f"{now - (24 - hour) * 3_600_000} {1000 - hour * 40}")
    raw.hset(keys.BALANCE + "zhenzi", mapping={"amount": "20", "unit": "messages", "at": now})
    work.run(care.trip("tencent", 600, 900, "the balance is used up", code="5"))
    raw.hset(keys.STATE + "chuangrui", mapping={"limit": 4, "limited": now + 3_600_000})
    work.run(presence.beat("w@host-1", Vitals(version="1.0", started=1, queues=QUEUES)))
    raw.zadd(keys.WORKERS, {"w@host-2": now - 60_000})
    raw.xadd(keys.UNREADABLE, {"x": "y"})
    report_as(raw, zhenzi=0.1, guarded=0.6, tencent=0.97)
    for place in range(3):
        letter = Letter(
            account="tencent", sender=f"+86{NUMBER}", opted_out=place == 1, message_id="m"
        )
        raw.xadd(keys.INBOUND, {"letter": msgspec.json.encode(letter)})
    Suppression(work.store).add([f"+86{NUMBER}"])
    dead = kill()
    taken = send()
    work.claim()
    work.settle(taken, "submitted", vendor_message_id="v1")
    work.settle(taken, "delivered")
    kill("13900139000")
    send(stream="otp")
    return dead


async def test_an_operator_signs_in_and_sees_how_things_are(desk: Desk, well: None) -> None:
    page = await desk.enter()

    await expect(page.locator("#door")).to_be_hidden()
    await expect(page.locator("#who")).to_have_text("night")
    await expect(page.locator("#live")).to_contain_text("live")
    await expect(page.locator("#accounts tbody tr")).to_have_count(5)
    await expect(page.locator("#workers tbody tr")).to_contain_text("w@host-1")
    await expect(page.locator("#troubles li")).to_contain_text("Nothing needs you.")
    await expect(page.locator("#troubles li")).to_contain_text("well: 5 of 5")
    await expect(page).to_have_title("Xinshi console")


async def test_a_wrong_key_opens_nothing(desk: Desk) -> None:
    page = await desk.open()
    await page.fill("#key", "guess")
    await page.click("#sign-in button")

    await expect(page.locator("#refused")).to_have_text("This is no operator's key.")
    await expect(page.locator("#tabs")).to_be_hidden()
    desk.forgive("401")


async def test_without_an_operator_the_page_says_how_to_set_one(
    start: Start, redis_url: str
) -> None:
    desk = await start(configured(redis_url))
    page = await desk.open()

    await expect(page.locator("#unset")).to_contain_text('role = "operator"')
    await expect(page.locator("#sign-in")).to_be_hidden()
    await expect(page.locator("#tabs")).to_be_hidden()


async def test_what_is_wrong_stands_on_top_and_in_the_title(desk: Desk, busy: str) -> None:
    page = await desk.enter()
    troubles = page.locator("#troubles li")

    await expect(troubles.first).to_have_attribute("data-tone", "bad")
    for part in ("tencent says it is unusable: 5", "zhenzi: the balance lasts", "w@host-2"):
        await expect(page.locator("#troubles")).to_contain_text(part)
    await expect(page.locator("[data-account=tencent] .pill")).to_have_text("unusable")
    await expect(page.locator("[data-account=chuangrui] .pill")).to_have_text("slowed")
    await expect(page.locator("[data-account=zhenzi] .spark path")).to_have_count(1)
    await expect(page.locator("[data-account=zhenzi]")).to_contain_text("20 messages")
    await expect(page).to_have_title(re.compile(r"\([1-9]\) Xinshi console"))


async def test_an_account_whose_reports_stay_away_is_seen_and_told(
    desk: Desk, well: None, raw: redis.Redis
) -> None:
    report_as(raw, zhenzi=0.1, guarded=0.55, tencent=0.97)
    page = await desk.enter()
    reports = {name: page.locator(f"[data-account={name}] td").nth(4) for name in ACCOUNTS}

    await expect(reports["zhenzi"]).to_have_text("10\u00a0%usually 97\u00a0% · routing steps back")
    await expect(reports["zhenzi"]).to_have_attribute("data-tone", "doubtful")
    await expect(reports["guarded"]).to_contain_text("fewer than usual")
    await expect(reports["tencent"]).to_have_text("97\u00a0%usually 97\u00a0%")
    await expect(reports["tencent"]).to_have_attribute("data-tone", "")
    await expect(reports["chuangrui"]).to_have_text("too few of late")
    await expect(reports["aliyun"]).to_have_text("sends none")
    await expect(page.locator("#troubles li")).to_have_text(
        [
            "zhenzi: 10\u00a0% of its reports came within 10 min, usually 97\u00a0%. Routing steps back from it; ask the vendor.",
            "guarded: 55\u00a0% of its reports came within 10 min, usually 97\u00a0%. Is it still delivering? Ask the vendor.",
        ]
    )
    colours = [await each.evaluate(COLOUR) for each in (reports["zhenzi"], reports["tencent"])]
    assert colours[0] != colours[1]

    await page.click("#language")
    await expect(page.locator("th").nth(4)).to_have_text("报告及时率")
    await expect(reports["zhenzi"]).to_have_text("10\u00a0%平时 97\u00a0% · 路由已让开")


async def test_where_all_reports_stay_away_we_are_doubted_and_no_vendor(
    desk: Desk, well: None, raw: redis.Redis
) -> None:
    report_as(raw, zhenzi=0.1, tencent=0.1)
    page = await desk.enter()

    await expect(page.locator("#troubles li")).to_have_count(1)
    await expect(page.locator("#troubles li")).to_contain_text("more likely our intake")
    await expect(page.locator("#troubles li")).to_have_attribute("data-tone", "bad")
    await expect(page.locator("[data-account=zhenzi]")).to_contain_text("fewer than usual")


async def test_what_vendors_and_web_apps_keep_back_needs_somebody(
    start: Start, redis_url: str, well: None, raw: redis.Redis
) -> None:
    secret = "whsec_c2V0IG1lOiAyNCB0byA2NCByYW5kb20gYnl0ZXM="
    hook = f'[webhooks.shop]\nurl = "https://shop.example.com/"\nsecret = "{secret}"\n'
    raw.delete(f"{keys.POLLED}tencent:report")
    raw.hset(f"{keys.WEBHOOKS}shop", mapping={"rest": 1, "reason": "HTTP 500"})
    desk = await start(watched(redis_url, hook))
    page = await desk.enter()

    for part in (
        "tencent: reports cannot be fetched (never yet)",
        "Webhook shop: 0 events wait: HTTP 500. Try it: xinshi webhooks test shop",
    ):
        await expect(page.locator("#troubles")).to_contain_text(part)


async def test_each_shard_needs_workers_of_its_own(
    start: Start, urls: list[str], well: None
) -> None:
    shards = tuple(Shard(*each) for each in zip(("north", "south"), urls, strict=True))
    with closing(Store(urls[1], timeout=10.0)) as store:
        store.run(presence.beat("w@host-1", Vitals(version="1.0", started=1, queues=QUEUES[:3])))
    desk = await start(replace(watched(urls[0]), shards=shards))
    page = await desk.enter()

    await expect(page.locator("#troubles li")).to_have_text(
        ["Nobody serves sms.ticks on shard south."]
    )
    heard = page.locator("#workers tbody tr")
    await expect(heard).to_have_count(2)
    await expect(heard.filter(has_text="shard south")).to_contain_text("w@host-1")
    steps = page.locator("#clock")
    seen = await steps.inner_text()
    for _ in range(7):  # longer than from one look at the workers to the next
        await expect(steps).not_to_have_text(seen)
        seen = await steps.inner_text()
    await expect(heard).to_have_count(2)


async def test_charts_move_as_messages_go(desk: Desk, send: Send, work: Work) -> None:
    page = await desk.enter()
    depth = page.locator("[data-chart=depth]")
    await expect(depth.locator(".legend .line-notice b")).to_have_text("0")
    for _ in range(7):
        send()

    await expect(depth.locator(".legend .line-notice b")).to_have_text("7")
    throughput = page.locator("[data-chart=throughput]")
    await expect(throughput.locator(".legend .line-accepted b")).to_have_text("0.7")
    for message_id in work.claim():
        work.settle(message_id, "submitted", vendor_message_id=message_id)
    await expect(throughput.locator(".legend .line-submitted b")).to_have_text("0.7")
    latency = page.locator("[data-chart=latency] .legend .line-median b")
    await expect(latency).to_have_text(re.compile(r"\d (m?s|min)$"))
    heights = re.findall(r"L[\d.]+ ([\d.]+)", str(await throughput.locator(".curve.line-submitted").get_attribute("d")))  # fmt: skip
    assert len(set(heights)) > 1
    await expect(page.locator("[data-account=chuangrui]")).to_contain_text("7\u00a0taken")


async def test_a_chart_is_read_by_keyboard_and_by_ear(desk: Desk, send: Send) -> None:
    for _ in range(5):
        send()
    page = await desk.enter()
    chart = page.locator("[data-chart=throughput]")
    await expect(chart.locator(".legend .line-accepted b")).to_have_text("0.5")
    picture = chart.locator("svg")
    await expect(picture).to_have_attribute(
        "aria-label", re.compile("^Messages a second.*accepted")
    )

    await picture.focus()
    await picture.press("PageUp")
    await expect(chart.locator(".cross")).to_have_count(1)
    await expect(chart.locator(".legend .line-accepted b")).to_have_text("0")
    await expect(chart.locator("figcaption .muted")).to_have_text(
        re.compile(r"^at \d\d:\d\d:\d\d$")
    )
    await expect(picture).to_have_attribute("aria-label", re.compile("second at .*accepted 0,"))
    await picture.press("Escape")
    await expect(chart.locator(".cross")).to_have_count(0)
    await picture.hover(position={"x": 60, "y": 40})
    await expect(chart.locator(".cross")).to_have_count(1)


async def test_a_number_is_searched_and_its_life_is_told(desk: Desk, busy: str) -> None:
    page = await desk.enter()
    await page.keyboard.press("/")
    await expect(page.locator("#wanted")).to_be_focused()
    await page.keyboard.type("138 0013 8000")
    await page.keyboard.press("Enter")

    await expect(page.locator("#found li")).to_have_count(3)
    await page.click(f"#found a[href='#search/{busy}']")
    await expect(page.locator("#life-id")).to_have_text(busy)
    await expect(page.locator("#life-status")).to_have_text("rejected")
    await expect(page.locator("#life-facts")).to_contain_text(MASKED)
    await expect(page.locator("#steps li")).to_have_count(4)
    await expect(page.locator("#steps li").nth(2)).to_contain_text("no such number")
    assert NUMBER not in page.url
    text = await page.inner_text("body")
    assert NUMBER not in text
    assert "机密" not in text


async def test_a_life_has_an_address(desk: Desk, busy: str) -> None:
    page = await desk.enter(f"/#search/{busy}")
    await expect(page.locator("#life-id")).to_have_text(busy)

    await page.fill("#wanted", "nobody-has-it")
    await page.press("#wanted", "Enter")
    await expect(page.locator("#found-note")).to_have_text("Nothing is known of it.")


async def test_a_life_that_goes_on_is_followed(desk: Desk, send: Send, work: Work) -> None:
    message_id = send()
    page = await desk.enter(f"/#search/{message_id}")
    await expect(page.locator("#life-status")).to_have_text("accepted")
    work.claim()
    work.settle(message_id, "submitted", vendor_message_id="v1")

    await expect(page.locator("#life-status")).to_have_text("submitted")
    work.settle(message_id, "delivered")
    await expect(page.locator("#life-status")).to_have_text("delivered")


async def test_who_finds_the_same_again_sees_it_as_it_is_now(
    desk: Desk, busy: str, work: Work
) -> None:
    page = await desk.enter(f"/#search/{busy}")
    await expect(page.locator("#steps li")).to_have_count(4)
    work.run(care.replay(busy, "01jd4m8x7v3k9q2r5t6w8y0z1a", validity=300, retention=3600))
    await page.fill("#wanted", busy)
    await page.press("#wanted", "Enter")

    await expect(page.locator("#steps")).to_contain_text("replayed as 01jd4m8x7v3k9q2r5t6w8y0z1a")


async def test_a_dead_letter_is_sent_again_after_a_question(
    desk: Desk, busy: str, work: Work
) -> None:
    page = await desk.enter()
    await expect(page.locator("#dead-count")).to_have_text("2")
    await page.click("#tabs a[href='#dead']")
    await expect(page.locator("#dead-rows tbody tr")).to_have_count(2)
    await expect(page.locator("#replay")).to_be_disabled()

    await page.fill("#dead-reason", "no such")
    await page.press("#dead-reason", "Enter")
    await page.check(f"#dead-rows tr:has-text('{busy}') input")
    await page.click("#replay")
    await expect(page.locator("#sure")).to_contain_text("Send 1 again?")
    await page.click("#no")
    await expect(page.locator("#dead-rows tbody tr")).to_have_count(2)
    await page.click("#replay")
    await page.click("#yes")

    await expect(page.locator("#said")).to_have_text("Sent again: 1")
    await expect(page.locator("#dead-rows tbody tr")).to_have_count(1)
    await expect(page.locator("#dead-count")).to_have_text("1")
    (fresh,) = work.claim()
    await page.goto(f"{desk.url}/#search/{busy}")
    await expect(page.locator("#steps")).to_contain_text(f"replayed as {fresh}")


async def test_all_that_is_shown_is_chosen_at_once(desk: Desk, busy: str) -> None:
    page = await desk.enter("/#dead")
    await expect(page.locator(f"#dead-rows tr:has-text('{busy}')")).to_be_visible()
    await page.check("#dead-all")
    await expect(page.locator("#replay")).to_have_text("Send 2 again")
    await page.uncheck(f"#dead-rows tr:has-text('{busy}') input")
    await expect(page.locator("#replay")).to_have_text("Send 1 again")
    assert await page.locator("#dead-all").evaluate("box => box.indeterminate")


async def test_a_number_is_suppressed_and_set_free(desk: Desk, busy: str) -> None:
    page = await desk.enter("/#suppression")
    await expect(page.locator("#masked li")).to_have_text([MASKED])
    await page.fill("#number", "13900139000")
    await page.press("#number", "Enter")
    await expect(page.locator("#suppressed")).to_have_text("+86139****9000 is on no list.")

    await page.select_option("#scope", "tencent")
    await page.click("#suppress [value=add]")
    await expect(page.locator("#suppressed")).to_contain_text("is listed now: tencent")
    await expect(page.locator("#masked li")).to_have_text(["+86139****9000"])
    await page.click("#suppress [value=remove]")
    await expect(page.locator("#suppressed")).to_contain_text("not listed any more")
    await expect(page.locator("#masked li")).to_have_count(0)


async def test_inbound_messages_are_listed_without_their_texts(desk: Desk, busy: str) -> None:
    page = await desk.enter("/#inbound")

    await expect(page.locator("#inbound-rows tbody tr")).to_have_count(3)
    await expect(page.locator("#inbound-rows")).to_contain_text(MASKED)
    await expect(page.locator("#inbound-rows .pill")).to_have_text(["opted out"])


async def test_what_is_asked_carries_no_whole_number_in_its_address(desk: Desk, busy: str) -> None:
    page = await desk.enter("/#search")
    asked: list[str] = []
    page.on("request", lambda each: asked.append(each.url))
    await page.fill("#wanted", NUMBER)
    await page.press("#wanted", "Enter")
    await expect(page.locator("#found li")).to_have_count(3)

    assert any(each.endswith("/console/api/search") for each in asked)
    assert not any(NUMBER in each for each in asked)


async def test_the_language_is_the_browsers_until_it_is_switched(desk: Desk, busy: str) -> None:
    page = await desk.enter(locale="zh-CN")
    await expect(page).to_have_title(re.compile("信使控制台"))
    await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    await expect(page.locator("[data-account=tencent] .pill")).to_have_text("不可用")
    await expect(page.locator("[data-chart=throughput] h3")).to_have_text("每秒短信数")

    await page.click("#language")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.locator("[data-account=tencent] .pill")).to_have_text("unusable")
    await expect(page.locator("#who")).to_have_text("night")
    await page.reload()
    await expect(page.locator("#accounts-title")).to_have_text("Accounts")


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
async def test_no_word_is_missing_on_any_view(desk: Desk, busy: str, locale: str) -> None:
    page = await desk.enter(locale=locale)
    await expect(page.locator("#accounts tbody tr")).to_have_count(5)
    for view in (*VIEWS, f"search/{busy}"):
        await _look_at(page, view)
        text = await page.inner_text("body")
        pattern = r"\b(?:status|state|trouble|chart|series|tab|unit|age|next|door|theme)\.\w"
        assert not re.search(pattern, text), text
        assert not re.search(r"undefined|NaN|null|\[object|\{\w+\}", text), text


async def _look_at(page: Page, view: str) -> None:
    await page.evaluate("view => { location.hash = view; }", view)
    await expect(page.locator(f"#{view.partition('/')[0]}")).to_be_visible()
    waits = {"dead": "#dead-rows tbody tr", "inbound": "#inbound-rows tbody tr", "now": "#facts b"}
    waits |= {"suppression": "#masked li", "search": "#find button"}
    await expect(page.locator(waits.get(view, "#steps li")).first).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_text_can_be_read(desk: Desk, busy: str, theme: Any) -> None:
    page = await desk.open(color_scheme=theme)
    await expect(page.locator("#key")).to_be_visible()
    found = await page.evaluate(SEEN)
    await page.fill("#key", "guess")
    await page.press("#key", "Enter")
    await expect(page.locator("#refused")).to_be_visible()
    desk.forgive("401")
    found += await page.evaluate(SEEN)
    await page.fill("#key", OPERATOR)
    await page.press("#key", "Enter")
    await expect(page.locator("#accounts tbody tr")).to_have_count(5)
    await expect(page.locator("#troubles li")).not_to_have_count(0)
    for view in (*VIEWS, f"search/{busy}"):
        await _look_at(page, view)
        found += await page.evaluate(SEEN)
    await _look_at(page, "dead")
    await page.check("#dead-all")
    await page.click("#replay")
    found += await page.evaluate(SEEN)

    names = "\n".join(name for name, _, _ in found)
    for part in ("pill", "muted", "quiet", "text.", "TD", "TH", "count", "placeholder", "refused"):
        assert part in names, part
    assert poor(found) == {}


async def test_a_theme_can_be_chosen_against_the_systems(desk: Desk) -> None:
    await choose_dark(await desk.enter(color_scheme="light"))


@pytest.mark.parametrize("width", [360, 800, 1440])
async def test_nothing_is_wider_than_the_window(desk: Desk, busy: str, width: int) -> None:
    page = await desk.enter(viewport={"width": width, "height": 800})
    await expect(page.locator("#accounts tbody tr")).to_have_count(5)
    for view in (*VIEWS, f"search/{busy}"):
        await _look_at(page, view)
        assert await page.evaluate("() => document.documentElement.scrollWidth") <= width, view


async def test_the_tab_of_the_open_view_is_in_sight_on_a_phone(desk: Desk) -> None:
    page = await desk.enter("/#suppression", viewport={"width": 360, "height": 700})
    tab = page.locator("#tabs a[aria-current=page]")

    await expect(tab).to_have_text("Suppressed")
    await expect(tab).to_be_in_viewport(ratio=0.95)


async def test_everything_can_be_reached_by_keyboard_and_the_focus_is_seen(
    desk: Desk, busy: str
) -> None:
    page = await desk.enter()
    await expect(page.locator("#accounts tbody tr")).to_have_count(5)
    await page.reload()
    await expect(page.locator("#accounts tbody tr")).to_have_count(5)
    reached = []
    for _ in range(13):
        await page.keyboard.press("Tab")
        reached.append(
            await page.evaluate(
                """() => {
                  const at = document.activeElement, style = getComputedStyle(at);
                  const box = at.getBoundingClientRect();
                  return [at.id || at.getAttribute('href') || at.tagName,
                          style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
                          box.width > 0];
                }"""
            )
        )

    names = [name for name, _, _ in reached]
    for name in ("#main", "#now", "#dead", "#suppression", "language", "theme", "leave", "svg"):
        assert name in names, reached
    assert all(seen and wide for _, seen, wide in reached), reached


async def test_nothing_moves_for_who_wants_no_motion(desk: Desk) -> None:
    page = await desk.enter(reduced_motion="reduce")

    await expect(page.locator("#live")).to_contain_text("live")
    running = "() => document.getAnimations({ subtree: true }).length"
    assert await page.evaluate(running) == 0


async def test_a_session_that_is_over_leads_back_to_the_door(desk: Desk, busy: str) -> None:
    page = await desk.enter("/#dead")
    await expect(page.locator("#dead-rows tbody tr")).to_have_count(2)
    await desk.contexts[-1].clear_cookies()
    await page.click("#tabs a[href='#inbound']")

    await expect(page.locator("#refused")).to_have_text("The session is over. Sign in again.")
    await expect(page.locator("#dead")).to_be_hidden()
    await expect(page.locator("#tabs")).to_be_hidden()
    desk.forgive("401")


async def test_who_signs_out_leaves_nothing_on_the_page(desk: Desk, busy: str) -> None:
    page = await desk.enter(f"/#search/{busy}")
    await expect(page.locator("#life-id")).to_have_text(busy)
    await page.click("#leave")

    await expect(page.locator("#key")).to_be_visible()
    assert busy not in await page.content()
    cookies = await desk.contexts[-1].cookies()
    assert cookies == []


async def test_the_session_is_out_of_scripts_reach(desk: Desk) -> None:
    page = await desk.enter()

    assert await page.evaluate("() => document.cookie") == ""
    (cookie,) = await desk.contexts[-1].cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    kept = await page.evaluate("() => JSON.stringify({ ...localStorage, ...sessionStorage })")
    assert OPERATOR not in kept
    assert set(json.loads(kept)) <= {"language", "theme"}


async def test_what_vendors_and_producers_write_stays_text(
    desk: Desk, kill: Send, work: Work
) -> None:
    evil = "<img src=x onerror=alert(1)>"
    dead = kill(reason=evil, code="<b>1</b>")
    work.run(presence.beat(evil, Vitals(version=evil, queues=QUEUES)))
    page = await desk.enter()

    await expect(page.locator("#workers")).to_contain_text(evil)
    await page.goto(f"{desk.url}/#search/{dead}")
    await expect(page.locator("#steps")).to_contain_text(evil)
    await page.goto(f"{desk.url}/#dead")
    await expect(page.locator("#dead-rows")).to_contain_text(evil)
    assert await page.locator("main img").count() == 0


async def test_a_gateway_that_ends_and_comes_back_is_noticed(desk: Desk) -> None:
    page = await desk.enter()
    await expect(page.locator("#live")).to_contain_text("live")
    await desk.contexts[-1].set_offline(True)
    await page.route("**/console/live", lambda route: route.abort())
    await page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")

    await expect(page.locator("#live")).to_contain_text("no connection")
    await page.unroute_all()
    await desk.contexts[-1].set_offline(False)
    await expect(page.locator("#live")).to_contain_text("live")
    desk.troubles = [each for each in desk.troubles if "ERR_" not in each]
