"""The code in our Markdown: fenced and indented blocks, each with what a comment before it says."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*ROOT.glob("*.md"), *(path for path in DOCS.rglob("*.md") if "examples" not in path.parts)]
)
_FENCE = re.compile(r"^( *)(```+|~~~+) *([\w-]*)[^\n]*\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
_SAID = re.compile(r"<!-- (not run|from): (.+?) -->\s*\Z")
_BLOCK = re.compile(r"(?:\A|(?<=\n)\n)((?: {4}[^\n]*\S[^\n]*\n)+)")
_TABLE = re.compile(r"\[[a-z][\w.-]*\]\s*(#.*)?")


@dataclass(frozen=True, slots=True)
class Sample:
    """One block of code on a page."""

    page: str  #: path from the root
    line: int
    language: str  #: of the fence; of an indented block toml, or sh for all others
    text: str
    left_out: str = ""  #: why it is not run
    file: str = ""  #: the file that it is a part of

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def read(path: Path) -> Iterator[Sample]:
    """Yield the samples of a page."""
    text, page = path.read_text("utf-8"), str(path.relative_to(ROOT))
    for found in _FENCE.finditer(text):
        said = _SAID.search(text[: found.start()])
        kind, value = said.groups() if said else ("", "")
        yield Sample(
            page,
            _line(text, found.start()),
            found[3],
            found[4],
            left_out=value if kind == "not run" else "",
            file=value if kind == "from" else "",
        )
    bare = _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text)
    for found in _BLOCK.finditer(bare):
        block = "".join(line[4:] for line in found[1].splitlines(keepends=True))
        toml = _TABLE.fullmatch(block.splitlines()[0])
        yield Sample(page, _line(bare, found.start(1)), "toml" if toml else "sh", block)


def every(*languages: str) -> list[Sample]:
    """Return the samples of all pages in these languages that are no part of a file."""
    found = (sample for path in PAGES for sample in read(path))
    return [each for each in found if each.language in languages and not each.file]


def inline(path: Path) -> list[str]:
    """Return the pieces of code in a page's own lines."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", _FENCE.sub("", path.read_text("utf-8")))


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
