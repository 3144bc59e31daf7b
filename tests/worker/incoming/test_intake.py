"""Intake: every word of a page is settled, once, and no page is forgotten before."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from tests.worker.coming_back import NUMBER, Post, page, reply, row, table
from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.events import Raw
from worker.contract.status import Stream
from worker.contract.suppression import OptOut, SuppressionSettings
from worker.incoming.intake import Intake
from worker.store.client import AsyncStore
from worker.store.inbox import Inbox
from worker.store.spool import Spool
from worker.telemetry import metrics
from worker.telemetry.metrics import Counts
from worker.transport import Lost


@pytest_asyncio.fixture
async def post(redis_url: str) -> AsyncIterator[Post]:
    store = AsyncStore(redis_url, timeout=10.0)
    yield Post(table(redis_url), store)
    await store.close()


def intake(post: Post, *, idle: float = 60.0) -> Intake:
    spool = Spool(post.store, idle=idle)
    return Intake(post.settings, post.vendors, post.store, post.transport, spool=spool)


async def put(post: Post, body: str = "", account: str = "tencent", **more: Any) -> None:
    await Spool(post.store).put(account, Raw(more.pop("kind", "report"), body, **more))


async def left(post: Post) -> tuple[int, int]:
    """Pages in the spool, and those put aside."""
    found = await Spool(post.store).pending()
    return found.pages, found.unreadable


async def callback(post: Post, account: str, **params: str) -> None:
    await put(post, account=account, params=params)


async def test_a_page_settles_everything_that_it_says(post: Post) -> None:
    ids = [await post.submitted(f"v{place}") for place in range(3)]
    await put(post, page(row("v0"), row("v1", "MA:0029"), reply("TD"), row("v9")))

    assert await intake(post).round() == 1

    assert await post.statuses(ids) == ["delivered", "rejected", "submitted"]
    assert await left(post) == (0, 0)
    (received,) = await Inbox(post.store).list()
    assert (received.letter.text, received.letter.message_id) == ("TD", ids[2])


async def test_many_pages_and_long_ones_are_taken_in_one_round(post: Post) -> None:
    message_id = await post.submitted("v")
    for _ in range(25):
        await put(post, page(*(row(f"x{place}") for place in range(30))))
    await put(post, page(*(row(f"y{place}") for place in range(450)), row("v")))

    assert await intake(post).round() == 26

    assert await post.statuses([message_id]) == ["delivered"]


async def test_chuangrui_pushes_settle_many_numbers_and_block_none(post: Post) -> None:
    one = await post.submitted("77", "chuangrui")
    two = await post.submitted("77", "chuangrui", to="+8613900000001")
    await callback(
        post,
        "chuangrui",
        sendid="77",
        mobile="13800138000,13900000001",
        state="DTBLACK",
    )

    await intake(post).round()

    assert await post.statuses([one, two]) == ["rejected"] * 2
    barred = await post.store.redis.smembers(f"{keys.SUPPRESSED}chuangrui")
    assert barred == {b"13800138000", b"13900000001"}


async def test_a_consumer_killed_in_the_middle_loses_nothing_and_doubles_nothing(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [await post.submitted(f"v{place}") for place in range(2)]
    await put(post, page(row("v0"), reply("好的")))
    await put(post, page(row("v1"), reply("退订")))

    class KilledError(BaseException):
        pass

    async def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "done", killed)  # settled, and not yet forgotten
        with pytest.raises(KilledError):
            await intake(post).round()
    assert await left(post) == (2, 0)
    assert await intake(post).round() == 0, "its pages are not yet idle"
    assert await intake(post, idle=0.0).round() == 2

    assert await post.statuses(ids) == ["delivered"] * 2
    assert [each.letter.text for each in await Inbox(post.store).list()] == ["好的", "退订"]
    assert await left(post) == (0, 0)


async def test_good_items_of_a_bad_page_count_and_the_page_is_kept(post: Post) -> None:
    ids = [await post.submitted("v0"), await post.submitted("v1")]
    await put(post, page(row("v0"), {"flag": 1, "mid": "bad"}, row("v1"), reply("T")))

    await intake(post).round()

    assert await post.statuses(ids) == ["delivered"] * 2
    assert await left(post) == (0, 1)
    (aside,) = await Spool(post.store).aside()
    assert aside.why == "1 items are none that the document knows"
    assert await post.store.redis.sismember(f"{keys.SUPPRESSED}sign:s", NUMBER[3:])


async def test_an_unreadable_page_is_parsed_after_a_fix(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = await post.submitted("v0")
    tencent = post.vendors["tencent"]

    def broken(raw: Raw) -> list[Any]:
        raise KeyError(raw.body)

    with monkeypatch.context() as patch:
        patch.setattr(tencent, "reports", broken)
        await put(post, page(row("v0")))
        await intake(post).round()
    (aside,) = await Spool(post.store).aside()
    assert aside.why == "the adapter failed (KeyError)"
    assert await post.statuses([message_id]) == ["submitted"]

    assert await Spool(post.store).replay() == 1
    await intake(post).round()

    assert await post.statuses([message_id]) == ["delivered"]
    assert await left(post) == (0, 0)


async def test_a_replayed_report_tells_of_no_attempt_that_began_after_it_came(post: Post) -> None:
    await put(post, "[{", account="tencent")
    await intake(post).round()
    (aside,) = await Spool(post.store).aside()
    spool = Spool(post.store)
    old = Raw("report", page(row("v7")))
    await spool.replay()
    (taken,) = await spool.take("test", 1)
    await spool.unreadable(type(taken)(taken.id, "tencent", old, aside.came - 60_000), "why")
    message_id = await post.send()
    await post.settle(message_id, status="unknown")

    await spool.replay()
    await intake(post).round()

    assert await post.statuses([message_id]) == ["unknown"]


async def test_a_page_of_an_account_that_is_not_in_the_settings_is_kept(post: Post) -> None:
    await put(post, page(), account="gone")

    await intake(post).round()

    assert [each.account for each in await Spool(post.store).aside()] == ["gone"]


async def test_a_damaged_page_is_kept_and_others_go_on(post: Post) -> None:
    message_id = await post.submitted("v0")
    await put(post, '{"status":"0","list":[{"mid"')
    await put(post, page(row("v0")))

    await intake(post).round()

    assert await left(post) == (0, 1)
    assert await post.statuses([message_id]) == ["delivered"]


async def test_when_redis_goes_away_the_page_stays(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = await post.submitted("v0")
    await put(post, page(row("v0")))

    async def away(*_: object) -> None:
        raise StoreError("Redis cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(post.store, "run", away)
        with pytest.raises(StoreError):
            await intake(post).round()

    assert await intake(post, idle=0.0).round() == 1
    assert await post.statuses([message_id]) == ["delivered"]


async def test_marketing_to_who_opted_out_is_suppressed(post: Post) -> None:
    await put(post, page(reply("退订 ")), kind="inbound")
    await intake(post).round()

    advert = await post.send(stream="marketing")
    wanted = [await post.send(stream=stream) for stream in (Stream.NOTICE, Stream.OTP)]

    assert await post.statuses([advert, *wanted]) == ["suppressed", "submitting", "submitting"]


@pytest.fixture
def awake(post: Post) -> Post:
    """The same without quiet hours, for marketing that is to leave whenever the suite runs."""
    streams = dict(post.settings.streams)
    streams[Stream.MARKETING] = replace(streams[Stream.MARKETING], quiet_hours=None)
    post.settings = replace(post.settings, streams=streams)
    return post


@pytest.mark.parametrize("word", ["Ｔ", "ｔｄ。", " 退 订 ", "回复ＴＤ"])
async def test_who_opted_out_of_a_signature_still_gets_what_comes_under_others(
    awake: Post, word: str
) -> None:
    post = awake
    await post.submitted("v0")  # under s
    await put(post, page(reply(word)), kind="inbound")
    await intake(post).round()

    signed = [f'{{"text":"t","signature":"{each}"}}'.encode() for each in ("s", "other")]
    adverts = [await post.send(stream="marketing", content=each) for each in signed]
    code = await post.send(stream="otp")

    assert await post.statuses([*adverts, code]) == ["suppressed", "submitting", "submitting"]
    assert (await post.record(adverts[0])).reason == "the recipient opted out of 【s】"


async def test_an_accounts_own_signature_is_what_a_reply_there_means(awake: Post) -> None:
    post = awake
    plain = {"content": b'{"text":"t"}', "to": "+8613800210021"}
    await post.submitted("77", "chuangrui", **plain)
    push = "13800210021#@#T#@#2013-08-21 21:20:11#@#008123"
    await put(post, account="chuangrui", kind="inbound", params={"args": push})
    await intake(post).round()

    out = await post.send("chuangrui", stream="marketing", **plain)
    other = await post.send("tencent", stream="marketing", **plain)

    assert await post.statuses([out, other]) == ["suppressed", "submitting"]


async def test_an_opt_out_means_all_where_the_settings_say_so(redis_url: str) -> None:
    store = AsyncStore(redis_url, timeout=10.0)
    post = Post(
        replace(table(redis_url), suppression=SuppressionSettings(opt_out=OptOut.ALL)), store
    )
    await post.submitted("v0")
    await put(post, page(reply("T")), kind="inbound")

    await intake(post).round()

    assert await store.redis.sismember(f"{keys.SUPPRESSED}all", NUMBER[3:])
    await store.close()


async def test_no_number_and_no_text_is_logged(
    post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    await post.submitted("v0")
    await put(post, page(row("v0"), reply("机密"), {"flag": 1, "mobile": "13800138000"}))

    await intake(post).round()

    printed = "".join(capsys.readouterr())
    assert "intake.unreadable" in printed
    assert "13800138000" not in printed
    assert "机密" not in printed


# Hints: what anybody could have sent


def found(status: str) -> str:
    return msgspec.json.encode({"code": 0, "data": {"status": status}}).decode()


async def hinted(post: Post, word: str, answer: str | Exception, *, status: str) -> str:
    """A message at zhenzi, a callback about it, and the vendor's answer when asked."""
    message_id = await post.send("zhenzi")
    if status != "submitting":
        await post.settle(message_id, message_id if status == "submitted" else "", status)
    post.transport.answer = lambda _: answer
    await callback(post, "zhenzi", messageId=message_id, status=word)
    await intake(post).round()
    return message_id


@pytest.mark.parametrize("before", ["submitting", "submitted", "unknown"])
async def test_a_hint_counts_when_the_vendor_knows_the_message(post: Post, before: str) -> None:
    message_id = await hinted(post, "success", found("success"), status=before)

    assert await post.statuses([message_id]) == ["delivered"]
    assert post.transport.asked == ["findSmsByMessageId.do"]
    assert await left(post) == (0, 0)


async def test_a_hint_of_a_failure_counts_when_the_vendor_says_so_too(post: Post) -> None:
    agreed = await hinted(post, "fail", found("fail"), status="submitted")
    contradicted = await hinted(post, "fail", found("success"), status="submitted")
    unsaid = await hinted(post, "success", found("fail"), status="unknown")

    assert await post.statuses([agreed, contradicted, unsaid]) == [
        "undelivered",
        "submitted",
        "submitted",
    ]


async def test_a_forged_hint_changes_nothing(post: Post) -> None:
    empty = '{"code":0,"data":{}}'
    message_id = await hinted(post, "success", empty, status="unknown")
    other = await post.submitted("v0")
    await callback(post, "zhenzi", messageId=other, status="success")
    await callback(post, "zhenzi", messageId="nobody", status="success")
    asked = len(post.transport.asked)

    await intake(post).round()

    assert await post.statuses([message_id, other]) == ["unknown", "submitted"]
    assert len(post.transport.asked) == asked, "nobody is asked about what is not there"
    assert await left(post) == (0, 0)


async def test_a_hint_on_a_message_that_ended_asks_nobody(post: Post) -> None:
    message_id = await hinted(post, "success", found("success"), status="submitted")

    await callback(post, "zhenzi", messageId=message_id, status="fail")
    await intake(post).round()

    assert await post.statuses([message_id]) == ["delivered"]
    assert len(post.transport.asked) == 1


async def test_a_hint_waits_while_the_vendor_does_not_answer(post: Post) -> None:
    message_id = await hinted(post, "success", Lost("no answer in time"), status="submitted")
    second = await post.send("zhenzi")
    await callback(post, "zhenzi", messageId=second, status="success")
    assert await left(post) == (2, 0)

    await intake(post).round()
    assert len(post.transport.asked) == 2, "once a round, for all its hints"
    post.transport.answer = lambda _: found("success")
    await intake(post, idle=0.0).round()

    assert await post.statuses([message_id, second]) == ["delivered"] * 2
    assert await left(post) == (0, 0)


async def test_reports_are_counted_with_their_time_and_pages_with_their_end(post: Post) -> None:
    await post.submitted("v1")
    await put(post, page(row("v1"), row("v1"), row("v9")))
    await put(post, "{not JSON")
    await put(post, account="gone")
    counts = Counts()
    spool = Spool(post.store, idle=60.0)
    parts = post.settings, post.vendors, post.store, post.transport

    await Intake(*parts, spool=spool, metrics=counts).round()

    assert counts.totals[metrics.REPORTS.name] == {
        ("tencent", "delivered", "applied"): 1,
        ("tencent", "delivered", "late"): 1,
        ("tencent", "delivered", "early"): 1,
    }
    (spread,) = counts.spreads[metrics.REPORT.name].values()
    assert sum(spread.counts) == 1
    assert 0 <= spread.sum < 3600
    assert counts.totals[metrics.PAGES.name] == {
        ("tencent", "parsed"): 1,
        ("tencent", "unreadable"): 1,
        ("unknown", "unreadable"): 1,
    }
