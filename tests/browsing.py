"""Pages in Chromium: how it is opened, and whether what it shows can be read."""

import re
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

CHROMIUM = shutil.which("chromium", path="/usr/bin:/usr/local/bin")
ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PATIENCE = 60_000  # ms
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3


@pytest.fixture(autouse=True, scope="module")
def patient() -> Iterator[None]:
    expect.set_options(timeout=PATIENCE)
    yield
    expect.set_options(timeout=5000)


@pytest_asyncio.fixture(name="browser", scope="module", loop_scope="module")
async def opened_browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium at /usr/bin/chromium; `make browser` installs it")
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS], timeout=PATIENCE
        )
        yield opened
        await opened.close()


SEEN = """() => {
  const layers = (element) => {
    const found = [];
    for (let at = element; at; at = at.parentElement) found.push(getComputedStyle(at).backgroundColor);
    return found;
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const said = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const box = element.getBoundingClientRect();
    if (!element.checkVisibility() || !box.width) continue;
    const field = element.matches('input, select');
    if (!said && !field) continue;
    const name = `${element.tagName}.${element.className} ${element.textContent.slice(0, 20)}`;
    const style = getComputedStyle(element);
    found.push([name, element instanceof SVGElement ? style.fill : style.color, layers(element)]);
    if (element.placeholder) {
      found.push([`${name} placeholder`, getComputedStyle(element, '::placeholder').color, layers(element)]);
    }
  }
  return found;
}"""


def parsed(color: str) -> tuple[float, float, float, float]:
    """Read ``rgb(r, g, b)`` or ``rgba(r, g, b, a)``; 0 to 1 each."""
    assert color.startswith("rgb"), color
    red, green, blue, *alpha = (float(each) for each in re.findall(r"[\d.]+", color))
    return red / 255, green / 255, blue / 255, alpha[0] if alpha else 1.0


def luminance(red: float, green: float, blue: float) -> float:
    """Return the relative luminance, as WCAG defines it."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(color: str, layers: list[str]) -> float:
    """Return the ratio between a text and the first layer behind it that is not transparent."""
    red, green, blue, alpha = parsed(color)
    behind = next(found for each in layers if (found := parsed(each))[3] > 0)
    assert alpha == behind[3] == 1.0, (color, layers)
    one, two = luminance(red, green, blue), luminance(*behind[:3])
    return (max(one, two) + 0.05) / (min(one, two) + 0.05)


def poor(found: Iterable[tuple[str, str, list[str]]]) -> dict[str, float]:
    """Return what of SEEN has too little contrast to be read."""
    return {
        name: round(ratio, 2)
        for name, color, layers in found
        if (ratio := contrast(color, layers)) < LEAST_CONTRAST
    }


async def choose_dark(page: Page) -> None:
    """Choose the dark theme against a system's light one; it must stay chosen."""
    body = page.locator("body")
    light = await body.evaluate("element => getComputedStyle(element).backgroundColor")
    await page.click("#theme")
    await expect(page.locator("#theme")).to_have_text("Theme: light")
    await page.click("#theme")
    await expect(page.locator("#theme")).to_have_text("Theme: dark")
    dark = await body.evaluate("element => getComputedStyle(element).backgroundColor")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")

    assert luminance(*parsed(light)[:3]) > 0.8
    assert luminance(*parsed(dark)[:3]) < 0.05
