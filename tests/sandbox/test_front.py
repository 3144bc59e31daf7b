"""The page's files and what it is told: served safely, complete in both languages."""

import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any, get_args

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from tests.words import words
from worker import pages
from worker.sandbox import Sandbox, fates
from worker.sandbox.endings import DELIVERED, Ending
from worker.sandbox.faults import Fault, Kind
from worker.sandbox.front import FILES, HANDSETS, THREAD
from worker.sandbox.told import Told

Client = TestClient[web.Request, web.Application]
Submit = Callable[..., Any]


def source(name: str) -> str:
    return files("worker.sandbox").joinpath("page", name).read_text(encoding="utf-8")


async def feed(client: Client, **query: str) -> Any:
    async with client.get("/_sandbox/page.json", params=query) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


@pytest.mark.parametrize("path", FILES)
async def test_each_file_is_served_with_its_type_and_every_guard(client: Client, path: str) -> None:
    async with client.get(path) as answer:
        body = await answer.text()
        headers = answer.headers
        status = answer.status

    assert status == 200
    assert body.encode() == pages.whole(source(FILES[path][0]).encode(), "/_sandbox")
    assert headers["Content-Type"] == f"{FILES[path][1]}; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-cache"
    policy = dict(each.split(" ", 1) for each in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", pages.SHARED)
async def test_what_the_pages_share_is_served_beside_them(client: Client, name: str) -> None:
    async with client.get(f"/_sandbox/{name}") as answer:
        assert answer.status == 200
        assert await answer.read() == pages.read(name)
        assert answer.headers["Content-Type"] == f"{pages.SHARED[name]}; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_the_pages_share_is_all_that_lies_there_and_asks_nobody() -> None:
    folder = {each.name for each in files("worker.pages").iterdir() if "py" not in each.name}

    assert folder == {*pages.SHARED, "head.html"}
    for name in folder:
        text = pages.read(name).decode().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\(|innerHTML|insertAdjacent|eval\(", text), name


async def test_the_page_has_the_head_that_pages_share(client: Client) -> None:
    async with client.get("/") as answer:
        page = await answer.text()

    head = page.partition("</head>")[0]
    for part in ("/_sandbox/look.css", "/_sandbox/seal.svg", "width=device-width", "light dark"):
        assert head.count(part) == 1, part
    assert not re.search("PREFIX|<!--", page)


def test_the_page_has_no_inline_code_and_no_foreign_host() -> None:
    page = source("page.html")

    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", page)
    for name, _ in FILES.values():
        text = source(name).replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\(|innerHTML|insertAdjacent|eval\(", text), name


def test_every_file_of_the_folder_is_served_and_no_other() -> None:
    folder = files("worker.sandbox").joinpath("page")

    assert {each.name for each in folder.iterdir()} == {name for name, _ in FILES.values()}


async def test_a_path_beside_them_is_still_a_vendors(client: Client) -> None:
    async with client.get("/_sandbox/page.py") as answer:
        assert answer.status == 404
    async with client.post("/") as answer:
        assert (await answer.json())["message"].startswith("There is no api match host")


def spoken_words() -> dict[str, set[str]]:
    return words(source("words.js").split("export const DIGITS")[0])


def test_both_languages_have_every_word_that_is_said() -> None:
    spoken = spoken_words()
    needed = {f"ending.{each}" for each in Ending} | {f"report.{each}" for each in Told}
    needed |= set(re.findall(r'data-say="(\w+)"', source("page.html")))
    for name in ("page.js", "views.js"):
        needed |= set(re.findall(r'\bsay\("([\w.]+)"', source(name)))

    assert set(spoken) == {"en", "zh"}
    assert spoken["en"] == spoken["zh"]
    assert needed <= spoken["en"]


def test_each_fault_button_is_a_fault_that_there_is_with_a_word() -> None:
    table = source("page.js").split("const KINDS = {")[1].split("\n};")[0]
    found = re.findall(r'\{ kind: "(\w+)"(?:, reason: "(\w+)")?(?:, seconds: \d+)? \}', table)

    assert len(found) == table.count("kind:") == 13
    for kind, reason in found:
        assert kind in get_args(Kind)
        Fault(kind=kind, reason=reason).check("fault")
        assert f"fault.{kind}.{reason}".rstrip(".") in spoken_words()["en"]


def test_the_numbers_with_a_fate_have_one() -> None:
    digits = {
        name.removeprefix("digits.") for name in spoken_words()["en"] if name.startswith("digits.")
    }

    assert "0000" in digits
    for each in digits - {"0000"}:
        assert fates.fate(f"1380013{each}") is not DELIVERED


async def test_the_feed_shows_who_got_something_last_first(
    client: Client, submit: Submit, now: list[float]
) -> None:
    for number in ("13800138000", "13900139000", "13800138000"):
        now[0] += 1
        await submit("zhenzi", number)

    told = await feed(client)

    assert [each["number"] for each in told["handsets"]] == ["13800138000", "13900139000"]
    assert [each["count"] for each in told["handsets"]] == [2, 1]
    assert told["handsets"][0]["text"] == "【信使】您好"
    assert told["totals"] == {"handsets": 2, "taken": 3, "delivered": 2}
    assert told["thread"] == []


async def test_a_search_is_by_digits_with_blanks_wherever(client: Client, submit: Submit) -> None:
    for number in ("13800138000", "13900139001"):
        await submit("zhenzi", number)

    assert len((await feed(client, search="13900139001"))["handsets"]) == 1
    assert len((await feed(client, search="0013 9"))["handsets"]) == 1
    assert len((await feed(client, search="00"))["handsets"]) == 2
    assert (await feed(client, search="77"))["handsets"] == []
    async with client.get("/_sandbox/page.json?search=abc") as answer:
        assert (answer.status, (await answer.json())["field"]) == (422, "search")
    async with client.get(f"/_sandbox/page.json?search={'1' * 21}") as answer:
        assert answer.status == 422


async def test_a_thread_has_messages_and_replies_in_their_order(
    client: Client, submit: Submit, now: list[float]
) -> None:
    await submit("zhenzi")
    now[0] += 1
    said = {"number": "13800138000", "text": "T", "vendor": "chuangrui"}
    await client.post("/_sandbox/mo", json=said)
    now[0] += 1
    await submit("chuangrui", "13800138000")
    await submit("chuangrui", "13900138000")

    thread = (await feed(client, number="13800138000"))["thread"]

    assert [(each["text"], each.get("ending")) for each in thread] == [
        ("【信使】您好", "delivered"),
        ("T", None),
        ("【信使】【信使】您好", "delivered"),
    ]
    assert (thread[1]["vendor"], thread[1]["account"]) == ("chuangrui", "chuangrui")
    assert [each.get("report") for each in thread] == ["none", None, "dropped"]


async def test_a_refused_reply_is_not_shown(client: Client) -> None:
    said = {"number": "13800138000", "text": "T", "vendor": "chuangxin"}
    async with client.post("/_sandbox/mo", json=said) as answer:
        assert answer.status == 422

    assert (await feed(client, number="13800138000"))["thread"] == []


async def test_the_feed_names_the_accounts_that_pass_replies_on(client: Client) -> None:
    hear = (await feed(client))["hear"]

    assert {each["vendor"] for each in hear} == {"tencent", "chuangrui"}
    assert {"account": "ours", "vendor": "tencent"} in hear


async def test_the_feed_is_bounded_however_much_there_was(client: Client, sandbox: Sandbox) -> None:
    account = sandbox.state.directory.at("zhenzi")[0]
    for place in range(3000):
        sandbox.state.take(account, f"1380013{place % 1500:04d}", f"{place}", ending="delivered")
        sandbox.state.take(account, "13900139000", f"{place}", ending="delivered")

    told = await feed(client, number="13900139000")

    assert len(told["handsets"]) == HANDSETS
    assert [each["text"] for each in told["thread"]] == [
        str(place) for place in range(3000 - THREAD, 3000)
    ]


async def test_a_reset_empties_the_page(client: Client, submit: Submit) -> None:
    await submit("zhenzi")
    said = {"number": "13800138000", "text": "T", "vendor": "chuangrui"}
    await client.post("/_sandbox/mo", json=said)
    await client.post("/_sandbox/faults", json={"kind": "hang"})

    await client.post("/_sandbox/reset")

    told = await feed(client, number="13800138000")
    assert (told["handsets"], told["thread"], told["faults"]) == ([], [], [])
