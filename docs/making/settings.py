"""The reference of the settings, from the example file: what it says of each key, as tables."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

DOCS = Path(__file__).parents[1]
EXAMPLE = DOCS.parent / "deploy" / "xinshi.example.toml"
_HEADING = re.compile(r"\[([\w.]+)\]\s*(?:#\s*(.*))?")
_KEY = re.compile(r"(\w+) = (.+?)(?:\s{2,}#\s*(.*))?")
_CODE = re.compile(r"\w+ = |python |[a-z]+://")
_PAGE = re.compile(r"docs/([\w-]+)\.md")
_RULE = re.compile(r"# -{20,}")


@dataclass
class Part:
    """One table of the file: its keys in order, and what stands beside them."""

    name: str
    about: str = ""
    keys: list[tuple[str, str, str]] = field(default_factory=list)  #: key, value, comment
    notes: list[str] = field(default_factory=list)


def parts(text: str) -> Iterator[Part | str]:
    """Yield the tables of a settings file; a text is the heading of those that follow."""
    part = Part("")
    lines = iter(text.splitlines())
    for line in lines:
        if _RULE.fullmatch(line):
            yield part
            yield next(lines).removeprefix("# ")
            part = Part("")
        elif heading := _HEADING.fullmatch(line):
            yield part
            part = Part(heading[1], heading[2] or "")
        elif line.startswith("#"):
            part.notes.append(line.removeprefix("#").strip())
        elif line.strip():
            found = _KEY.fullmatch(_whole(line, lines))
            if found is None:
                raise ValueError(f"{EXAMPLE.name}: cannot read {line!r}")
            part.keys.append((found[1], found[2], found[3] or ""))
            if not part.name:
                part.notes.clear()  # those in front of the first key introduce the file
    yield part


def _whole(line: str, lines: Iterator[str]) -> str:
    """Return a key's line; an array over several lines as one, the comment behind it."""
    value, mark, comment = line.partition("  #")
    while value.count("[") > value.count("]"):
        value = f"{value.strip()} {next(lines).strip()}"
    return f"{value.rstrip()}{mark}{comment}"


def reference() -> str:
    """Return the reference in Markdown."""
    return "\n\n".join(filter(None, map(_shown, parts(EXAMPLE.read_text("utf-8")))))


def _shown(part: Part | str) -> str:
    if isinstance(part, str):
        heading, _, rest = part.partition(": " if ": " in part else ". ")
        return f"## {heading.rstrip('.')}\n\n{_sentence(rest)}".rstrip()
    if not part.keys and not part.name:  # what goes on under a heading
        return "\n\n".join(_paragraphs(part.notes))
    blocks = [f"### `[{part.name}]`" if part.name else "### At the top"]
    blocks.append(_sentence(part.about))
    if part.keys:
        rows = (f"| `{key}` | `{value}` | {said} |" for key, value, said in part.keys)
        blocks.append("\n".join(["| key | in the example | |", "|---|---|---|", *rows]))
    blocks += _paragraphs(part.notes)
    return _linked("\n\n".join(filter(None, blocks)))


def _paragraphs(notes: Sequence[str]) -> Iterator[str]:
    """Yield lines of comment as paragraphs, and what is code in them as code."""
    said: list[str] = []
    for note in notes:
        if _CODE.match(note):
            yield _sentence(" ".join(said))
            yield f"    {note}"
            said.clear()
        else:
            said.append(note)
    yield _sentence(" ".join(said).strip())


def _linked(text: str) -> str:
    """Return a text with the pages that it names as links."""
    return _PAGE.sub(
        lambda found: (
            f"[{found[1]}]({found[1]}.md)" if (DOCS / f"{found[1]}.md").exists() else found[0]
        ),
        text,
    )


def _sentence(text: str) -> str:
    """Return a comment as a sentence."""
    if text.startswith("xinshi "):  # the command
        return f"`{text.partition(';')[0]}`{text.removeprefix(text.partition(';')[0])}."
    end = "" if text.endswith((".", ":")) else "."
    return f"{text[:1].upper()}{text[1:]}{end}" if text else ""
