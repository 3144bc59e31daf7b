"""The page's files: served safely to anybody, the same to everybody, whole in both languages."""

import re
import time
from importlib.resources import files
from typing import get_args

import pytest

from producers.conditions import State
from producers.gateway.console.front import FILES
from tests.producers.gateway.conftest import Caller, Open
from tests.producers.gateway.console.conftest import Operator, watched
from tests.words import words
from worker import pages
from worker.contract.status import Status, Stream

PATHS = [*FILES, *(f"/console/{name}" for name in pages.SHARED)]
SCRIPTS = [name for name, kind in FILES.values() if kind == "text/javascript"]


def source(name: str) -> str:
    return files("producers.gateway.console").joinpath("page", name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PATHS)
async def test_each_file_is_served_to_anybody_with_every_guard(gateway: Caller, path: str) -> None:
    answer = await gateway.get(path, key=None)

    name, kind = FILES.get(path, ("", pages.SHARED.get(path.removeprefix("/console/"), "")))
    assert answer.status == 200
    assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
    own = pages.whole(source(name).encode(), "/console") if name else pages.read(path[9:])
    assert await answer.read() == own
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert not answer.cookies
    policy = dict(
        each.split(" ", 1) for each in answer.headers["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["trusted-types"] == policy["form-action"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


async def test_the_page_is_the_same_to_whoever_asks(operator: Operator, gateway: Caller) -> None:
    signed_in = await operator.client.get("/")
    anybody = await gateway.get("/", key=None)

    assert await signed_in.read() == await anybody.read()


async def test_the_page_is_quick_whatever_redis_does(open_gateway: Open, hung: str) -> None:
    gateway = await open_gateway(watched(hung))
    await gateway.get("/", key=None)

    begun = time.monotonic()
    for _ in range(100):
        assert (await gateway.get("/", key=None)).status == 200

    assert time.monotonic() - begun < 20


async def test_nothing_beside_the_files_is_served(gateway: Caller) -> None:
    for path in ("/console/", "/console/front.py", "/console/page/app.js", "/console/../app.py"):
        assert (await gateway.get(path, key=None)).status == 404


def test_every_file_of_the_folder_is_served_and_no_other() -> None:
    folder = files("producers.gateway.console").joinpath("page")

    assert {each.name for each in folder.iterdir()} == {name for name, _ in FILES.values()}


def test_the_page_has_no_inline_code_and_no_foreign_host() -> None:
    page = source("console.html")

    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", page)
    for name, _ in FILES.values():
        text = source(name).replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\(|innerHTML|insertAdjacent|eval\(", text), name


def test_every_script_that_is_imported_is_there() -> None:
    served = {path.removeprefix("/console/") for path in PATHS}

    for name in SCRIPTS:
        imported = set(re.findall(r'from "\./([^"]+)"', source(name)))
        assert imported <= served, name


def spoken_words() -> dict[str, set[str]]:
    return words(source("words.js"))


def test_both_languages_have_every_word_that_is_said() -> None:
    spoken, page = spoken_words(), source("console.html")
    needed = set(re.findall(r'data-(?:say|name)="([\w.]+)"', page))
    needed |= {f"status.{each}" for each in Status} | {f"series.{each}" for each in Stream}
    needed |= {f"state.{each}" for each in get_args(State)}
    for name in SCRIPTS:
        needed |= set(re.findall(r'\bsay\("([\w.]+)"', source(name)))
    troubles = re.findall(r'\badd\([^,]+, "(\w+)"', source("troubles.js"))
    needed |= {f"trouble.{each}" for each in (*troubles, "suspended", "down")}
    needed |= {f"trouble.{each}" for each in ("reportsBack", "reportsFew")}
    needed |= {f"chart.{each}" for each in re.findall(r'new Chart\("(\w+)"', source("now.js"))}
    needed |= {f"kind.{each}" for each in ("report", "inbound")}
    needed |= {f"next.{each}" for each in ("submit", "wait", "answer", "look", "report", "nothing")}
    needed |= {f"unit.{each}" for each in ("messages", "yuan")}

    assert set(spoken) == {"en", "zh"}
    assert spoken["en"] == spoken["zh"]
    assert needed <= spoken["en"]
    assert len(needed) > 100


def test_no_word_is_there_for_nobody() -> None:
    """Words that are put together have a part in front of the dot that is said somewhere."""
    texts = source("console.html") + pages.read("switches.js").decode()
    texts += "".join(source(name) for name in SCRIPTS if name != "words.js")

    for word in spoken_words()["en"]:
        front = word.partition(".")[0]
        built = front in ("add", "remove") or f"`{front}.$" in texts
        assert built or re.search(rf"""["']{re.escape(word)}["']""", texts), word
