"""The pages: all are reached, made parts are fresh, the pictures are twins, the site builds."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from docs.making import codes, command, http, python, settings
from producers.cli import command as xinshi
from tests.docs.samples import DOCS, PAGES, ROOT
from worker import __version__
from worker.contract.status import Status
from worker.vendors.base import Outcome

pytestmark = pytest.mark.timeout(300)  # building the site, on a busy machine

CONFIG = (ROOT / "mkdocs.yml").read_text("utf-8")


# --- what is made from the code -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path", "words"),
    [pytest.param(*each, id=str(each[1].relative_to(DOCS))) for each in codes.pages()],
)
def test_the_tables_of_codes_are_the_adapters(name: str, path: Path, words: codes.Words) -> None:
    """``python -m docs.making.codes`` writes them."""
    text = path.read_text("utf-8")

    assert codes.fresh(text, name, words) == text
    shown = set(re.findall(r"<!-- codes: (\w+) -->", text))
    assert shown == {
        each for each in ("codes", "results", "states") if hasattr(codes.adapter(name), each)
    }


def test_each_outcome_leads_somewhere_and_is_told() -> None:
    told = (DOCS / "outcomes.md").read_text("utf-8")

    assert codes.NEXT.keys() == set(Outcome)
    for outcome in Outcome:
        assert f"| `{outcome.upper()}` |" in told


@pytest.mark.parametrize("page", ["concepts.md", "zh/concepts.md"])
def test_each_status_is_told(page: str) -> None:
    told = (DOCS / page).read_text("utf-8")

    for status in Status:
        assert f"`{status}`" in told


def test_each_setting_of_the_example_is_in_the_reference() -> None:
    found = settings.reference()

    for line in settings.EXAMPLE.read_text("utf-8").splitlines():
        if heading := re.match(r"\[([\w.]+)\]", line):
            assert f"### `[{heading[1]}]`" in found
        elif key := re.match(r"([a-z_]+) = ", line):
            assert f"| `{key[1]}` |" in found


def test_each_command_is_in_the_reference() -> None:
    found = command.reference()

    for name in xinshi.commands:
        assert f"## `xinshi {name}`" in found


def test_each_operation_and_schema_is_in_the_reference() -> None:
    found = http.reference()

    for name in ("POST /v1/messages", "GET /v1/messages/{id}", "DELETE /v1/messages/{id}"):
        assert f"### `{name}`" in found
    for link in re.findall(r"\]\(#([\w-]+)\)", found):
        assert re.search(rf"^### {link}$", found, re.MULTILINE | re.IGNORECASE), link


def test_each_public_name_of_python_is_in_the_reference() -> None:
    import producers

    found = python.reference()

    for name in producers.__all__:
        assert re.search(rf"^##+ `?(producers\.)?{name}`?$", found, re.MULTILINE), name
    for method in ("send", "send_many", "status", "explain", "cancel", "events"):
        assert re.search(rf"^{method}\(", found, re.MULTILINE), method


# --- the pages ----------------------------------------------------------------------------------


def test_every_page_is_in_the_navigation_and_every_entry_a_page() -> None:
    named = set(re.findall(r"- ([\w/-]+\.md)$", CONFIG, re.MULTILINE))
    there = {str(path.relative_to(DOCS)) for path in PAGES if path.is_relative_to(DOCS)}
    decisions = {each for each in there if re.match(r"decisions/\d{4}-", each)}

    assert there - decisions == named


def test_every_decision_is_in_their_list() -> None:
    told = (DOCS / "decisions" / "README.md").read_text("utf-8")

    for path in (DOCS / "decisions").glob("0*.md"):
        assert f"({path.name})" in told


@pytest.mark.parametrize("name", ["life", "back"])
def test_the_pictures_say_the_same_in_both_languages(name: str) -> None:
    def shapes(path: Path) -> str:
        return re.sub(r">[^<>]*</(text|title)>", "></>", path.read_text("utf-8"))

    english, chinese = (DOCS / "pictures" / f"{name}{end}.svg" for end in ("", ".zh"))

    assert shapes(english) == shapes(chinese)
    assert re.search(r"[\u4e00-\u9fff]", chinese.read_text("utf-8"))


@pytest.mark.parametrize(
    ("page", "head", "same"),
    [
        ("comparison.md", "| what we say | read in |", "the same"),
        ("zh/comparison.md", "| 我们说的 | 出处 |", "同"),
    ],
)
def test_what_we_say_of_other_systems_has_its_source(page: str, head: str, same: str) -> None:
    told = (DOCS / page).read_text("utf-8")

    for section in re.split(r"^## ", told, flags=re.MULTILINE)[1:-1]:
        (_, table) = section.split(f"{head}\n|---|---|\n")
        for row in table.partition("\n\n")[0].splitlines():
            source = row.split(" | ")[1]
            assert source.startswith(same) or "](https://github.com/" in source, row


def test_every_link_of_the_files_at_the_top_leads_somewhere() -> None:
    for path in ROOT.glob("*.md"):
        for link in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
            assert link.startswith("https://") or (ROOT / link).exists(), f"{path.name}: {link}"


def test_the_changelog_begins_with_the_version_there_is() -> None:
    (newest, *_) = re.findall(
        r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )

    assert re.fullmatch(rf"{re.escape(newest)}(\.dev\d+)?", __version__)


# --- the site -----------------------------------------------------------------------------------


class Loads(HTMLParser):
    """What a page loads by itself, and where it leads."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.language = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html":
            self.language = given.get("lang") or ""
        if tag in ("script", "img", "iframe", "source", "object"):
            self.loads.append(given.get("src") or given.get("data") or "")
        if tag == "link" and given.get("rel") not in ("canonical", "prev", "next", "alternate"):
            self.loads.append(given.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly."""
    if find_spec("material") is None:
        pytest.skip("mkdocs-material is not installed: pip install 'xinshi[docs]'")
    folder = tmp_path_factory.mktemp("site")
    build = (sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder))
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # noqa: TID251 - a child's environment
    ran = subprocess.run(
        build, cwd=ROOT, env=env, capture_output=True, text=True, timeout=280, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return folder


def test_the_site_builds_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30

    for path in pages:
        page = Loads()
        page.feed(path.read_text("utf-8"))
        assert page.language == ("zh" if path.is_relative_to(site / "zh") else "en")
        assert [each for each in page.loads if re.match(r"(https?:)?//", each)] == []
    for sheet in site.rglob("*.css"):
        assert not re.search(
            r"url\(['\"]?https?://|@import ['\"]?https?://", sheet.read_text("utf-8")
        )


def test_the_pictures_are_in_the_page_and_follow_its_colours(site: Path) -> None:
    for page in ("concepts", "zh/concepts"):
        text = (site / page / "index.html").read_text("utf-8")
        assert text.count('<svg class="xs-picture"') == 2


@pytest.mark.parametrize(
    ("page", "english", "chinese"),
    [
        ("concepts", ".", "../zh/concepts"),
        ("zh/concepts", "../../concepts", "."),
        ("deploy", ".", "../zh/deploy"),
        ("zh/vendors/tencent", "../../../vendors/tencent", "."),
        ("decisions", ".", "../zh"),
        ("zh", "..", "."),
    ],
)
def test_a_page_leads_to_its_twin_in_the_other_language(
    page: str, english: str, chinese: str, site: Path
) -> None:
    text = (site / page / "index.html").read_text("utf-8")

    found = dict(re.findall(r'<a href="([^"]*)" hreflang="(en|zh)"', text))

    told = {language: (site / page / link).resolve() for link, language in found.items()}
    assert told == {
        "en": (site / page / english).resolve(),
        "zh": (site / page / chinese).resolve(),
    }


def test_chinese_words_are_found(site: Path) -> None:
    index = (site / "search" / "search_index.json").read_text("utf-8")

    assert "\u200b退\u200b" in index
