"""Every sample of the pages runs, is read, or is parsed."""

import ast
import asyncio
import inspect
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import rich_click as click

from producers.cli import command
from tests.docs.samples import PAGES, ROOT, Sample, every, inline, read
from tests.docs.stages import SECRET, STAGES, Enough, Stage
from worker import vendors
from worker.contract.settings import parse

HERE = "redis://127.0.0.1:6379/0"  #: what the pages call a server
EXAMPLE = (ROOT / "deploy" / "xinshi.example.toml").read_text("utf-8")
CONFIG = """
redis_url = "{url}"
[defaults]
signature = "信使"
[templates.otp]
text = "您的验证码是{{code}}，{{minutes}}分钟内有效"
"""
PYTHON = every("python")
LINES = [
    (sample, line) for sample in every("sh", "console", "bash") for line in sample.text.splitlines()
]


def scripts() -> dict[str, list[Sample]]:
    """The Python of each page, in order."""
    found: dict[str, list[Sample]] = {}
    for sample in PYTHON:
        if not sample.left_out:
            found.setdefault(sample.page, []).append(sample)
    return found


def test_there_are_samples_to_test() -> None:
    assert {"README.md", "docs/events.md", "docs/zh/quick-start.md"} <= scripts().keys()
    assert len(every("toml")) > 10
    assert len(list(commands())) > 50


# --- Python -------------------------------------------------------------------------------------


def run(sample: Sample, text: str, names: dict[str, Any]) -> None:
    """Run a sample; one that awaits at its top gets a loop."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile("\n" * sample.line + text, str(ROOT / sample.page), "exec", flags)
    try:
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, names))
        else:
            exec(code, names)
    except Enough:
        pass


@pytest.mark.parametrize("page", scripts())
def test_the_python_of_a_page_runs_in_its_order(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "xinshi.toml").write_text(CONFIG.format(url=redis_url), "utf-8")
    stage = STAGES[page](tmp_path, redis_url) if page in STAGES else Stage()
    names = {"__name__": "__page__", **stage.names}

    for sample in scripts()[page]:
        run(sample, sample.text.replace(HERE, redis_url), names)

    stage.after(names)
    for thing in names.values():
        if hasattr(thing, "_store") and hasattr(thing, "close"):
            thing.close()


# --- settings -----------------------------------------------------------------------------------


def merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return two tables as one, the second over the first."""
    found = dict(base)
    for key, value in more.items():
        own = found.get(key)
        if isinstance(own, dict) and isinstance(value, dict) and key != "routes":
            found[key] = merged(own, value)
        else:
            found[key] = value
    return found


TEXT_KEY = "k" * 43 + "="  # of the length that every secret of [privacy] may have


@pytest.mark.parametrize("sample", every("toml"), ids=str)
def test_settings_on_a_page_are_understood(sample: Sample) -> None:
    """Alone, or where a page shows a part: over the example, which has the rest."""
    text = sample.text.replace('"whsec_..."', f'"{SECRET}"').replace(".NAME", ".tencent")
    text = text.replace('"..."', f'"{TEXT_KEY}"')

    found = parse(merged(tomllib.loads(EXAMPLE), tomllib.loads(text)))

    assert vendors.load_all(found)


# --- commands -----------------------------------------------------------------------------------

_ENDS = {"|", "||", "&&", ";", ">", ">>", "&", "<"}


def words(line: str) -> Iterator[list[str]]:
    """Yield what follows each ``xinshi`` of a line of shell, as words."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    tokens = list(lexer)
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else "&&"
        if token != "xinshi" or before in ("install", "cd", ">"):
            continue
        rest = tokens[place + 1 :]
        ends = [at for at, each in enumerate(rest) if each in _ENDS or each == "xinshi"]
        yield rest[: ends[0]] if ends else rest


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield where each command of ours stands, and its words."""
    for sample, line in LINES:
        if re.search(r"(^|\s)xinshi(\s|$)", line) and "<this repository>" not in line:
            bare = re.sub(r"<[^>]*>", "REPOSITORY", line.rstrip("\\"))
            yield from ((f"{sample}: {line.strip()}", each) for each in words(bare) if each)
    for path in PAGES:
        for code in inline(path):
            if code.startswith("xinshi ") and "<" not in code and "..." not in code:
                place = f"{path.relative_to(ROOT)}: {code}"
                yield from ((place, each) for each in words(code) if each)


def parsed(given: Sequence[str]) -> None:
    """Parse a command line to its end; raise click's UsageError."""
    group: click.Command = command
    rest = list(given)
    path = ["xinshi"]
    while rest and rest[0].startswith("--") and group is command:
        option = rest.pop(0)
        if option in ("--version", "--help"):
            return
        assert option in ("--config", "--redis-url", "--traceback"), option
        rest = rest[0 if option == "--traceback" else 1 :]
    while isinstance(group, click.Group) and rest and rest[0] in group.commands:
        path.append(rest.pop(0))
        group = group.commands[path[-1]]
    if isinstance(group, click.Group) and rest and not rest[0].startswith("-"):
        raise click.UsageError(f"{' '.join(path)} has no command {rest[0]!r}")
    if rest != ["--help"]:
        group.make_context(" ".join(path), rest, parent=click.Context(command)).close()


@pytest.mark.parametrize(
    ("place", "given"), [pytest.param(*each, id=each[0]) for each in commands()]
)
def test_a_command_on_a_page_parses(
    place: str, given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for word in given:
        if re.fullmatch(r"[\w-]+\.(csv|txt|toml)", word):
            (tmp_path / word).write_text("to\n13800138000\n", "utf-8")
    try:
        parsed(given)
    except click.MissingParameter:
        assert "`" not in place  # prose may name a command without what it needs
        assert ":" in place.partition(".md")[0] or re.search(r"\.md: ", place), place


def test_every_target_of_make_on_a_page_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    told = [line for _, line in LINES] + [code for path in PAGES for code in inline(path)]
    named = {found for text in told for found in re.findall(r"^(?:\s*|.*&& )make ([a-z]+)\b", text)}

    assert {"demo", "test", "docs"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_extra_on_a_page_is_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
        "optional-dependencies"
    ]
    told = "\n".join(path.read_text("utf-8") for path in PAGES)
    named = {part for found in re.findall(r"xinshi\[([\w,]+)\]", told) for part in found.split(",")}

    assert {"all"} <= named <= extras.keys()


# --- parts of files -----------------------------------------------------------------------------


def parts() -> list[Sample]:
    return [sample for path in PAGES for sample in read(path) if sample.file]


@pytest.mark.parametrize("sample", parts(), ids=str)
def test_what_is_shown_of_a_file_stands_in_it(sample: Sample) -> None:
    assert sample.text in (ROOT / sample.file).read_text("utf-8")


def test_what_is_left_out_says_why() -> None:
    for sample in (each for path in PAGES for each in read(path)):
        assert not sample.left_out or len(sample.left_out) > 10, sample
