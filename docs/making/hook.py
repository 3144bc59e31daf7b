"""The site's hook: references written as the pages are read, pictures inlined, two languages.

mkdocs calls the ``on_`` functions; mkdocs.yml names this file. Pages under zh/ are Chinese: they
have a navigation and the theme's words of their own.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

from docs.making import command, http, python, settings

MADE = {
    "command": command.reference,
    "http": http.reference,
    "python": python.reference,
    "settings": settings.reference,
}
_MADE = re.compile(r"<!-- made: (\w+) -->")
_PICTURE = re.compile(r'<p><img alt="([^"]*)" src="[^"]*?(pictures/[\w.-]+\.svg)"\s*/?></p>')
_HAN = re.compile(r"([\u4e00-\u9fff])")
_BROKEN = re.compile(r"(?<=[\u4e00-\u9fff，。；：、！？）】])\n(?=[\u4e00-\u9fff（【])")
_CHINESE = "zh/"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put each reference where its page says so; join lines of Chinese, which has no blanks."""
    del config, files
    if page.url.startswith(_CHINESE):
        markdown = _BROKEN.sub("", markdown)
    return _MADE.sub(lambda found: MADE[found[1]](), markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the pictures into the page itself, where they follow its light or dark."""
    del page, files

    def inlined(found: re.Match[str]) -> str:
        svg = (Path(config.docs_dir) / found[2]).read_text("utf-8")
        return f'<div class="xs-frame" role="img" aria-label="{found[1]}">{svg}</div>'

    return _PICTURE.sub(inlined, html)


def on_page_context(
    context: dict[str, Any], page: Page, config: MkDocsConfig, nav: Navigation
) -> dict[str, Any]:
    """Give a page its language's words and navigation, and the way to the other language."""
    chinese = page.url.startswith(_CHINESE)
    config.theme["language"] = "zh" if chinese else "en"
    config.extra["alternate"] = _languages(page, nav)
    own = [each for each in nav.items if (each.title == "中文") is chinese]
    context["nav"] = _Part(nav, own[0].children or [] if chinese else own)
    return context


def on_post_build(config: MkDocsConfig) -> None:
    """Let Chinese be found: the index parts words at blanks, and Chinese has none."""
    path = Path(config.site_dir) / "search" / "search_index.json"
    index = json.loads(path.read_text("utf-8"))
    for each in index["docs"]:
        each["text"] = _HAN.sub("\u200b\\1\u200b", each["text"])
        each["title"] = _HAN.sub("\u200b\\1\u200b", each["title"])
    path.write_text(json.dumps(index, ensure_ascii=False), "utf-8")


def _languages(page: Page, nav: Navigation) -> list[Mapping[str, str]]:
    """Return the theme's list of languages, each with this page's twin or its first page."""
    there = {each.url for each in nav.pages}
    plain = page.url.removeprefix(_CHINESE)
    english = plain if plain in there else ""
    chinese = _CHINESE + plain
    return [
        {"name": "English", "lang": "en", "link": english or "."},
        {"name": "中文", "lang": "zh", "link": chinese if chinese in there else _CHINESE},
    ]


class _Part(Navigation):
    """A part of the navigation, with the whole one's pages."""

    def __init__(self, whole: Navigation, items: list[Any]) -> None:
        super().__init__(items, whole.pages)
        self.homepage = whole.homepage
