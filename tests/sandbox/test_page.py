"""The page as a person meets it: in Chromium, by mouse and by keyboard, in both languages."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browsing import PATIENCE, SEEN, choose_dark, contrast, poor
from tests.browsing import opened_browser as opened_browser  # noqa: PLC0414 - a fixture
from tests.browsing import patient as patient  # noqa: PLC0414 - likewise
from worker.sandbox import Sandbox, create_app

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(600),
]

NUMBER, UNLUCKY = "13800138000", "13900139000"


@dataclass
class Desk:
    """A sandbox of its own, and pages that look at it."""

    sandbox: Sandbox
    url: str
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def take(
        self, number: str, text: str, vendor: str = "chuangrui", ending: str = "delivered"
    ) -> None:
        account = self.sandbox.state.directory.at(vendor)[0]
        self.sandbox.state.take(account, number, text, ending=ending, vendor_id="7")

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
        await expect(page.locator("#live")).not_to_have_class(re.compile("away"))
        return page

    def _note(self, text: str, matters: bool) -> None:
        if matters:
            self.troubles.append(text)


@pytest_asyncio.fixture(loop_scope="module")
async def desk(browser: Browser) -> AsyncIterator[Desk]:
    sandbox = Sandbox()
    async with TestServer(create_app(sandbox)) as server:
        made = Desk(sandbox, str(server.make_url("/")).rstrip("/"), browser)
        yield made
        for context in made.contexts:
            await context.close()
    assert made.troubles == []


async def test_messages_appear_by_themselves_and_as_text_only(desk: Desk) -> None:
    page = await desk.open()
    await expect(page.locator("#nothing")).to_be_visible()
    await expect(page.locator("#how")).to_contain_text("--print-config")

    desk.take(NUMBER, "<img src=x onerror=alert(1)><b>您好</b>")

    await expect(page.locator(".bubble")).to_have_text("<img src=x onerror=alert(1)><b>您好</b>")
    await expect(page.locator("#number")).to_have_text("138 0013 8000")
    await expect(page.locator("#taken")).to_have_text("1")
    await expect(page.locator(".about")).to_contain_text("chuangrui")
    await expect(page.locator(".about")).to_contain_text("report has no address to go to")


async def test_a_handset_is_found_by_its_number(desk: Desk) -> None:
    for place in range(20):
        desk.take(f"1380013{place:04d}", f"第{place}条")
    page = await desk.open()
    await expect(page.locator("#handsets li")).to_have_count(20)

    await page.fill("#search", "0013 0007")
    await expect(page.locator("#handsets li")).to_have_count(1)
    await page.click(".handset")
    await expect(page.locator(".bubble")).to_have_text("第7条")
    await page.fill("#search", "99999")
    await expect(page.locator("#nobody")).to_have_text("No handset has these digits")


async def test_a_message_that_did_not_arrive_looks_so(desk: Desk) -> None:
    desk.take(UNLUCKY, "您好", ending="undelivered")
    page = await desk.open()

    await expect(page.locator(".pill")).to_have_text("did not arrive")
    await expect(page.locator("#fate")).to_have_text("Its last digits: did not arrive")
    await expect(page.locator(".line")).to_have_attribute("data-tone", "bad")


async def test_a_fault_is_pressed_met_and_ended(desk: Desk) -> None:
    page = await desk.open()
    await page.select_option("#vendor", "tencent")
    await page.select_option("#often", "ten")
    await page.click("[data-kind='throttle.number']")

    await expect(page.locator("#force li")).to_contain_text("number too often · tencent")
    await expect(page.locator("#force li")).to_contain_text("0 of 10 met")
    (fault,) = desk.sandbox.faults.listed
    assert (fault.kind, fault.reason, fault.vendor) == ("throttle", "number", "tencent")
    assert fault.count == 10
    desk.sandbox.faults.pick("tencent", "send", ["13800138000"])
    await expect(page.locator("#force li")).to_contain_text("1 of 10 met")

    await page.click("#force li button")
    await expect(page.locator("#calm")).to_be_visible()
    assert desk.sandbox.faults.listed == []


async def test_every_fault_button_works_and_all_end_at_once(desk: Desk) -> None:
    page = await desk.open()
    buttons = page.locator(".kind")
    for place in range(await buttons.count()):
        await buttons.nth(place).click()
        await expect(page.locator("#force li")).to_have_count(place + 1)

    assert len(desk.sandbox.faults.listed) == 13
    await page.click("#mend")
    await expect(page.locator("#force li")).to_have_count(0)


async def test_a_handset_replies_to_the_vendor_that_wrote_to_it(desk: Desk) -> None:
    desk.take(NUMBER, "退订回T", vendor="tencent")
    page = await desk.open()
    await expect(page.locator("#via option:checked")).to_have_text("tencent")
    await page.fill("#text", "T")
    await page.press("#text", "Enter")

    await expect(page.locator(".mine .bubble")).to_have_text("T")
    await expect(page.locator("#text")).to_have_value("")
    (waiting,) = desk.sandbox.state.directory.at("tencent")[0].inbound
    assert (waiting["mobile"], waiting["content"]) == (NUMBER, "T")


async def test_clear_asks_first_and_then_clears(desk: Desk) -> None:
    desk.take(NUMBER, "您好")
    desk.sandbox.settings.latency = 0.01
    page = await desk.open()

    await page.click("#clear")
    await page.keyboard.press("Escape")
    await expect(page.locator("#sure")).to_be_hidden()
    await expect(page.locator(".bubble")).to_have_count(1)
    await page.click("#clear")
    await page.click("#yes")

    await expect(page.locator("#nothing")).to_be_visible()
    await expect(page.locator("#said")).to_have_text("Everything is as at the start")
    assert desk.sandbox.settings.latency == 0
    assert list(desk.sandbox.state.ledger.entries) == []


async def test_everything_can_be_done_by_keyboard(desk: Desk) -> None:
    for number in ("13800138001", "13800138002"):
        desk.take(number, "您好")
    page = await desk.open()
    await expect(page.locator("#handsets li")).to_have_count(2)
    keys = page.keyboard

    await keys.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await keys.press("/")
    await expect(page.locator("#search")).to_be_focused()
    await keys.press("ArrowDown")
    await keys.press("ArrowDown")
    await expect(page.locator(".handset").nth(1)).to_be_focused()
    await keys.press("Enter")
    await expect(page.locator("#number")).to_have_text("138 0013 8001")
    await expect(page.locator(".handset").nth(1)).to_have_attribute("aria-current", "true")
    for _ in range(3):
        await keys.press("Tab")  # the messages, the reply, the account
    await expect(page.locator("#via")).to_be_focused()
    await page.focus("[data-kind=hang]")
    await keys.press("Space")
    await expect(page.locator("#force li")).to_have_count(1)
    await expect(page.locator("[data-kind=hang]")).to_be_focused()  # through the next looks too


async def test_the_language_is_the_browsers_until_it_is_switched(desk: Desk) -> None:
    desk.take(NUMBER, "您好")
    page = await desk.open(locale="zh-CN")
    await expect(page).to_have_title("信使沙箱")
    await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    await expect(page.locator(".pill")).to_have_text("已送达")

    await page.click("#language")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.locator(".pill")).to_have_text("arrived")
    await page.reload()
    await expect(page).to_have_title("Xinshi sandbox")


async def test_no_word_is_missing_on_the_page(desk: Desk) -> None:
    for place, ending in enumerate(("delivered", "undelivered", "busy")):
        desk.take(f"1380013800{place}", "您好", ending=ending)
    for locale in ("en", "zh"):
        page = await desk.open(locale=locale)
        await page.click("summary")
        await expect(page.locator("#fates div")).to_have_count(11)
        text = await page.inner_text("body")
        assert not re.search(r"\b(?:ending|report|fault|group|digits|theme)\.\w", text)
        assert "undefined" not in text


async def test_a_sandbox_that_ends_and_comes_back_is_noticed(desk: Desk) -> None:
    page = await desk.open()
    await page.route("**/page.json*", lambda route: route.abort())
    await expect(page.locator("#live")).to_have_text("no answer")
    await page.unroute_all()
    desk.take(NUMBER, "您好")

    await expect(page.locator("#live")).to_have_text("live")
    await expect(page.locator(".bubble")).to_have_count(1)
    desk.troubles = [each for each in desk.troubles if "ERR_FAILED" not in each]


async def test_what_was_being_read_and_written_stays_while_messages_come(desk: Desk) -> None:
    for place in range(60):
        desk.take(NUMBER, f"第{place}条")
    page = await desk.open()
    await expect(page.locator(".line")).to_have_count(60)
    await page.fill("#text", "一半")
    await page.locator("#lines").evaluate("element => { element.scrollTop = 0; }")
    desk.take(NUMBER, "又一条")
    await expect(page.locator(".line")).to_have_count(61)

    assert await page.locator("#lines").evaluate("element => element.scrollTop") == 0
    await expect(page.locator("#text")).to_have_value("一半")
    await expect(page.locator("#text")).to_be_focused()


async def test_the_contrast_is_computed_as_wcag_has_it() -> None:
    assert contrast("rgb(0, 0, 0)", ["rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"]) == pytest.approx(21)
    assert contrast("rgb(118, 118, 118)", ["rgb(255, 255, 255)"]) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_text_can_be_read(desk: Desk, theme: Any) -> None:
    for ending in ("delivered", "undelivered", "busy"):
        desk.take(NUMBER, f"您好 {ending}", ending=ending)
    desk.take(UNLUCKY, "您好")
    page = await desk.open(f"/#{NUMBER}", color_scheme=theme)
    await page.select_option("#often", "ten")
    for kind in ("hang", "503"):
        await page.click(f"[data-kind='{kind}']")
        await expect(page.locator("#force li")).to_have_count(1 + (kind == "503"))
    for _ in range(10):
        desk.sandbox.faults.pick("tencent", "send", [NUMBER])
    await expect(page.locator("#force .spent")).to_have_count(1)
    await page.click("summary")
    await page.fill("#text", "T")
    await page.press("#text", "Enter")
    await expect(page.locator(".mine")).to_have_count(1)
    found = await page.evaluate(SEEN)
    await page.click("#clear")
    found += await page.evaluate(SEEN)

    names = "\n".join(name for name, _, _ in found)
    for part in ("placeholder", "bubble", "pill", "muted", "kind", "quiet", "danger", "said", "DT"):
        assert part in names, part
    assert poor(found) == {}


async def test_a_theme_can_be_chosen_against_the_systems(desk: Desk) -> None:
    await choose_dark(await desk.open(color_scheme="light"))


@pytest.mark.parametrize("width", [360, 800, 1400])
async def test_nothing_is_wider_than_the_window(desk: Desk, width: int) -> None:
    desk.take(NUMBER, "一二三四五六七八九十" * 20 + "x" * 300)
    page = await desk.open(viewport={"width": width, "height": 800})
    await expect(page.locator(".bubble")).to_have_count(1)

    assert await page.evaluate("() => document.documentElement.scrollWidth") <= width
