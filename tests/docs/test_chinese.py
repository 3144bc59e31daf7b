"""Chinese is no second language: each page for readers has its twin, and says the same in it."""

import re
from collections import Counter

import pytest

from docs.making import chinese as words
from docs.making import codes
from tests.docs.samples import DOCS, ROOT
from tests.docs.twins import (
    CHINESE,
    ENGLISH_ONLY,
    HAN,
    Parts,
    chinese,
    differing,
    english,
    excused,
    parts,
    same,
)
from worker import vendors
from worker.telemetry.metrics import METRICS, By
from worker.vendors.base import Outcome

TWINS = [name for name in english() if not excused(name)]


def test_every_page_for_readers_has_its_chinese_twin() -> None:
    """A page that needs none is in ENGLISH_ONLY, with the reason."""
    assert set(TWINS) - set(chinese()) == set()
    assert set(chinese()) - set(TWINS) == set()


def test_what_needs_no_twin_is_there_and_says_why() -> None:
    for name, why in ENGLISH_ONLY.items():
        assert (DOCS / name).exists(), name
        assert len(why) > 20, name


@pytest.mark.parametrize("name", TWINS)
def test_a_page_and_its_twin_have_the_same_parts(name: str) -> None:
    assert list(differing(parts(DOCS / name), parts(CHINESE / name))) == []


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_is_written_in_chinese(name: str) -> None:
    """By paragraphs, so that none is left in English."""
    text = re.sub(
        r"^```.*?^```", "", (CHINESE / name).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    for said in re.split(r"\n\s*\n", text):
        if said.startswith(("    ", "|", "#", "<!--", "!!!")):
            continue
        prose = re.sub(r"`[^`]*`|\]\([^)]*\)|https?://\S+|<!--.*?-->", "", said)
        foreign = re.findall(r"[A-Za-z]{2,}", prose)
        assert len(HAN.findall(prose)) >= len(foreign) or len(foreign) == 1, said


def test_the_navigations_have_the_same_order() -> None:
    (nav,) = re.findall(
        r"^nav:\n(.*)", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    named = re.findall(r"- ([\w/-]+\.md)$", nav, re.MULTILINE)
    twins = [name.removeprefix("zh/") for name in named if name.startswith("zh/")]

    assert twins == [name for name in named if not name.startswith("zh/") and not excused(name)]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("xinshi doctor", "xinshi doctor", True),
        ("xinshi doctor", "xinshi vendors", False),
        ("git clone <this repository>", "git clone <本仓库>", True),
        ("12,000 / 6,000 in all", "一共 12,000 / 6,000", True),
        ("12,000 / 6,000 in all", "一共 12,000 / 5,000", False),
        ('signature = "信使"', 'signature = "短信"', False),
    ],
)
def test_code_is_the_same_in_both_languages(one: str, other: str, alike: bool) -> None:
    assert same(one, other) is alike


def test_what_differs_between_twins_is_found() -> None:
    """A page that lacks everything differs in everything."""
    full = Parts([1, 2], [3], [["xinshi doctor"]], ["docs/events.md"], Counter({"word"}))
    bare = Parts([1], [], [], [], Counter({"other"}))

    found = [each.partition(":")[0] for each in differing(full, bare)]

    assert found == ["headings", "rows", "links", "code", "only in English", "only in Chinese"]
    assert list(differing(full, full)) == []


def test_the_readmes_have_the_same_parts_samples_links_and_figures() -> None:
    """What is no prose is the same; where a page is there in Chinese, that one is meant."""
    plain, other = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))
    twins = {
        "README.zh-CN.md": "README.md",
        "docs/zh/contributing.md": "CONTRIBUTING.md",
        "docs/pictures/life.zh.svg": "docs/pictures/life.svg",
    }

    for pattern in (r"^(#+) ", r"^    (\S+)", r"^\| `(\w+)`", r"^```(\w*)$", r"\]\(([^)]+)\)"):
        one, two = (re.findall(pattern, text, re.MULTILINE) for text in (plain, other))
        told = [twins.get(each, each.replace("docs/zh/", "docs/")) for each in two]
        assert [twins.get(each, each) for each in one] == told
    for link in re.findall(r"\]\((docs/[\w/-]+\.md)\)", other):
        assert link.startswith("docs/zh/") or excused(link.removeprefix("docs/")), link
    figures = [Counter(re.findall(r"\d[\d,.]*\d|\d", text)) for text in (plain, other)]
    assert figures[0] == figures[1]


# --- made tables --------------------------------------------------------------------------------


def test_every_reason_of_an_adapter_has_its_chinese_and_no_other() -> None:
    said = {
        each.reason or ("delivered" if table == "states" else "taken")
        for name in vendors.names()
        for table in ("codes", "results", "states")
        for each in getattr(codes.adapter(name), table, {}).values()
    }

    assert words.REASONS.keys() == said
    assert words.NEXT.keys() == set(Outcome)


def test_the_page_of_the_metrics_has_the_codes_names_and_labels() -> None:
    text = (CHINESE / "metrics.md").read_text("utf-8")
    rows = re.findall(r"^(\| `xinshi_\w+` \| \w+ \| [\w, ]*\|) (.+) \|$", text, re.MULTILINE)

    assert [row for row, _ in rows] == [
        f"| `{each.name}` | {each.kind} | {', '.join(each.labels)} |"
        for by in By
        for each in METRICS.values()
        if each.by is by
    ]
    assert all(HAN.search(said) for _, said in rows)
