"""A page and its Chinese twin: which pages have one, and what the two have in common.

What is no prose is the same in both: the levels of the headings, the code but for its comments,
the rows of the tables, where links lead, and every piece of code in the lines.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from tests.docs.samples import DOCS, PAGES, ROOT, inline, read

CHINESE = DOCS / "zh"
#: Pages and folders without a twin, each with the reason.
ENGLISH_ONLY = {
    "api/command.md": "made from the help texts of the commands, which are English",
    "api/http.md": "made from the OpenAPI description, which is English",
    "api/python.md": "made from the docstrings of the code, which are English",
    "changelog.md": "the file CHANGELOG.md, for those who change the code",
    "decisions/": "why the code is as it is, for those who change it",
}
HAN = re.compile(r"[\u4e00-\u9fff]")
_SNIPPET = re.compile(r'^--8<-- "([\w./-]+)"$', re.MULTILINE)
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*|<!--.*?-->")
_FIGURE = re.compile(r"\d[\d,.]*\d|\d")
_LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")
_ROW = re.compile(r"^\|.*\|$")


def english() -> list[str]:
    """Return the names of the English pages under docs."""
    found = (path for path in PAGES if path.is_relative_to(DOCS))
    return [str(path.relative_to(DOCS)) for path in found if not path.is_relative_to(CHINESE)]


def chinese() -> list[str]:
    """Return the names of the Chinese pages under docs/zh."""
    return [str(path.relative_to(CHINESE)) for path in PAGES if path.is_relative_to(CHINESE)]


def excused(name: str) -> bool:
    """Return whether a page, or its folder, needs no twin."""
    return any(name == each or (each[-1] == "/" and name.startswith(each)) for each in ENGLISH_ONLY)


@dataclass(frozen=True, slots=True)
class Parts:
    """What of a page does not depend on its language."""

    headings: list[int]  #: their levels
    rows: list[int]  #: of each table
    code: list[list[str]]  #: the lines of each block, without comments
    links: list[str]  #: where they lead: a file of ours as its path from the root
    names: Counter[str]  #: the pieces of code in the lines; how often is left open


def parts(path: Path) -> Parts:
    """Read a page; one that shows another file stands for that file."""
    text = path.read_text("utf-8")
    if shown := _SNIPPET.fullmatch(text.strip()):
        return parts(ROOT / shown[1])
    prose = "\n".join(_prose(text))
    return Parts(
        [len(each) for each in re.findall(r"^(#+) ", prose, re.MULTILINE)],
        list(_tables(prose)),
        [_lines(sample.text) for sample in read(path)],
        [_target(path, found[1]) for found in _LINK.finditer(prose)],
        Counter(set(inline(path))),
    )


def same(one: str, other: str) -> bool:
    """Return whether a line of code is the other one, or says it in Chinese with its figures."""
    said = HAN.search(other) and not HAN.search(one)
    return _FIGURE.findall(one) == _FIGURE.findall(other) if said else one == other


def differing(one: Parts, other: Parts) -> Iterator[str]:
    """Yield what a page and its twin do not have in common."""
    for what in ("headings", "rows", "links"):
        pair = getattr(one, what), getattr(other, what)
        if pair[0] != pair[1]:
            yield f"{what}: {pair[0]} and {pair[1]}"
    none: list[str] = []
    for block, twin in zip_longest(one.code, other.code, fillvalue=none):
        for line, told in zip_longest(block, twin, fillvalue=""):
            if not same(line, told):
                yield f"code: {line!r} and {told!r}"
    yield from (f"only in English: `{each}`" for each in one.names - other.names)
    yield from (f"only in Chinese: `{each}`" for each in other.names - one.names)


def _prose(text: str) -> Iterator[str]:
    """Yield the lines outside of fences."""
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            yield line


def _tables(prose: str) -> Iterator[int]:
    rows = 0
    for line in [*prose.splitlines(), ""]:
        if _ROW.match(line):
            rows += 1
        elif rows:
            yield rows
            rows = 0


def _lines(block: str) -> list[str]:
    bare = (_COMMENT.sub("", line).rstrip() for line in block.splitlines())
    return [re.sub(r"\s+", " ", line) for line in bare if line]


def _target(path: Path, link: str) -> str:
    """Return where a link leads, in English: of a picture or a page the one without language."""
    if not link or "://" in link:
        return link
    leads = str((path.parent / link).resolve().relative_to(ROOT))
    return leads.replace("docs/zh/", "docs/").replace(".zh.", ".")
